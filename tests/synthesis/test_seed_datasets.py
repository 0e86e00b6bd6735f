"""Seeds out of folders and files that the `datasets` library itself wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from gra.config.material import SeedsConfig
from gra.records import Seed
from gra.synthesis.seeds import SeedReport, read_seeds

ROWS: list[dict[str, Any]] = [
    {"instruction": f"Say number {n} in words.", "input": "" if n % 2 else "as in Zoë", "output": f"Number {n}. Ωμέγα."}
    for n in range(25)
]
WANTED = [(f"{r['instruction']}\n\n{r['input']}".strip(), r["output"]) for r in ROWS]


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No progress bars, and nothing in the user's caches."""
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def read(path: Path) -> SeedReport:
    return read_seeds(SeedsConfig(path=path))


def pairs(seeds: tuple[Seed, ...]) -> list[tuple[str, str]]:
    return [(seed.instruction, seed.response) for seed in seeds]


def test_a_saved_dataset(tmp_path: Path) -> None:
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "set", num_shards=3)
    report = read(tmp_path / "set")
    assert pairs(report.seeds) == WANTED and report.kind == "3 files of Arrow"


def test_a_saved_dataset_that_was_filtered_and_shuffled_is_read_as_it_was_saved(tmp_path: Path) -> None:
    found = datasets.Dataset.from_list(ROWS).filter(lambda row: not row["input"]).shuffle(seed=1)
    found.save_to_disk(tmp_path / "set")
    assert pairs(read(tmp_path / "set").seeds) == [(row["instruction"], row["output"]) for row in found]


def test_saved_splits(tmp_path: Path) -> None:
    whole = datasets.Dataset.from_list(ROWS)
    datasets.DatasetDict({"test": whole.select(range(5)), "train": whole.select(range(5, 25))}).save_to_disk(
        tmp_path / "set"
    )
    report = read(tmp_path / "set")
    assert pairs(report.seeds) == WANTED[5:] and report.problems == ("of `test`, `train` only `train` was read",)


def test_conversations_and_labels(tmp_path: Path) -> None:
    """Nested columns come as lists of objects; a class is stored as its number and is no seed text."""
    rows = [
        {"messages": [{"role": "user", "content": r["instruction"]}, {"role": "assistant", "content": r["output"]}]}
        for r in ROWS
    ]
    kept = datasets.Dataset.from_list(rows).add_column("level", [n % 2 for n in range(25)])
    kept = kept.cast_column("level", datasets.ClassLabel(names=["easy", "hard"]))
    kept.save_to_disk(tmp_path / "set")
    assert pairs(read(tmp_path / "set").seeds) == [(r["instruction"], r["output"]) for r in ROWS]


@pytest.mark.parametrize("kind", ["parquet", "json", "csv"])
def test_files_that_it_exports(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"train.{kind}"
    getattr(datasets.Dataset.from_list(ROWS), f"to_{kind}")(str(path))
    assert pairs(read(path).seeds) == WANTED


def test_a_repository_as_it_pushes_one(tmp_path: Path) -> None:
    whole = datasets.Dataset.from_list(ROWS)
    for split, part in {"train": whole.select(range(20)), "test": whole.select(range(20, 25))}.items():
        for n in range(2):
            file = tmp_path / "data" / f"{split}-0000{n}-of-00002.parquet"
            file.parent.mkdir(exist_ok=True)
            part.shard(2, n, contiguous=True).to_parquet(file)
    (tmp_path / "README.md").write_text("---\nconfigs: []\n---\n")
    assert pairs(read(tmp_path).seeds) == WANTED[:20]
