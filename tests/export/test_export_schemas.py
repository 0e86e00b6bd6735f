"""Every form against the schema that its consumer documents, and every file through `datasets`.

Schemas, as read on 2026-11-26 (OpenAI's as others quote it):
    TRL                https://huggingface.co/docs/trl/dataset_formats
    Alpaca, ShareGPT, dataset_info.json
                       https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md
    OpenAI             https://platform.openai.com/docs/guides/fine-tuning and the checks of
                       https://cookbook.openai.com/examples/chat_finetuning_data_prep
    Axolotl            https://docs.axolotl.ai/docs/dataset-formats/conversation.html and docs/rlhf.html
    datasets folder    https://huggingface.co/docs/hub/datasets-manual-configuration
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from export_builders import HOSTILE, rejected, revised, run_of, sample, task, vector, version

from gra.export import PARTS, Format, Recipe, Wanted, write_datasets, write_folder
from gra.export.papers import papers
from gra.records import Sample
from gra.store.reader import Reader
from gra.store.run_dir import open_run

SAMPLES: list[Sample] = [
    *(sample(n) for n in range(12)),
    *(revised(n) for n in range(12, 18)),
    sample(18, instruction=HOSTILE, versions=(version(response=HOSTILE),), keywords=(HOSTILE, "x"), summary=HOSTILE),
    rejected(30, task(3)),
    rejected(31, "Nobody answered this well"),
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of every form and recipe, divided."""
    below = tmp_path_factory.mktemp("everything")
    run = run_of(below / "run", SAMPLES, {s.instruction: vector(s.index) for s in SAMPLES if s.index < 30})
    wanted = Wanted(list(Format), list(Recipe), test_share=0.2, rejected=True)
    with Reader(open_run(run)) as reader:
        return write_folder([reader], wanted, below / "dataset").path


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    text = path.read_bytes().decode()
    return list(json.loads(text)) if path.suffix == ".json" else [json.loads(line) for line in text.split("\n")[:-1]]


def files(folder: Path) -> Iterator[tuple[str, Path, int]]:
    """Form, place and rows of every data file."""
    for file in json.loads((folder / "manifest.json").read_text())["files"]:
        if "rows" in file:
            yield file["format"], folder / file["path"], file["rows"]


# --- the documented shapes --------------------------------------------------------------------------------------------


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def are_turns(value: Any, *roles: str) -> bool:
    """Messages of these roles, with these two keys and no others."""
    return (
        isinstance(value, list)
        and [turn.get("role") for turn in value] == list(roles)
        and all(turn.keys() == {"role", "content"} and is_text(turn["content"]) for turn in value)
    )


def has_scores(row: dict[str, Any]) -> bool:
    margin = row["score_chosen"] - row["score_rejected"]
    return bool(row["margin"] == pytest.approx(margin) and margin > 0)


SCORES = {"score_chosen", "score_rejected", "margin"}


def is_messages(row: dict[str, Any]) -> bool:
    return row.keys() == {"messages"} and are_turns(row["messages"], "user", "assistant")


def is_openai(row: dict[str, Any]) -> bool:
    """The cookbook's checks: no further key anywhere, known roles, an answer of the assistant's."""
    known = {"role", "content", "name", "function_call", "weight"}
    messages = row["messages"]
    return (
        row.keys() == {"messages"}
        and all(turn.keys() <= known and {"role", "content"} <= turn.keys() for turn in messages)
        and all(turn["role"] in ("system", "user", "assistant", "function") for turn in messages)
        and any(turn["role"] == "assistant" for turn in messages)
        and messages[-1]["role"] == "assistant"
        and all(is_text(turn["content"]) for turn in messages)
    )


def is_alpaca(row: dict[str, Any]) -> bool:
    texts = is_text(row["instruction"]) and is_text(row["output"])
    return row.keys() == {"instruction", "input", "output"} and texts and row["input"] == ""


def is_sharegpt(row: dict[str, Any]) -> bool:
    turns = row["conversations"]
    return (
        row.keys() == {"conversations"}
        and [turn["from"] for turn in turns] == ["human", "gpt"]
        and all(turn.keys() == {"from", "value"} and is_text(turn["value"]) for turn in turns)
    )


def is_prompt_completion(row: dict[str, Any]) -> bool:
    turns = are_turns(row["prompt"], "user") and are_turns(row["completion"], "assistant")
    return row.keys() == {"prompt", "completion"} and turns


def is_preference(row: dict[str, Any]) -> bool:
    turns = are_turns(row["prompt"], "user") and all(are_turns(row[key], "assistant") for key in ("chosen", "rejected"))
    return row.keys() == {"prompt", "chosen", "rejected", *SCORES} and turns and has_scores(row)


def is_unpaired(row: dict[str, Any]) -> bool:
    turns = are_turns(row["prompt"], "user") and are_turns(row["completion"], "assistant")
    return row.keys() == {"prompt", "completion", "label"} and turns and isinstance(row["label"], bool)


def is_alpaca_preference(row: dict[str, Any]) -> bool:
    texts = all(is_text(row[key]) for key in ("instruction", "chosen", "rejected")) and row["input"] == ""
    return row.keys() == {"instruction", "input", "chosen", "rejected", *SCORES} and texts and has_scores(row)


def is_alpaca_unpaired(row: dict[str, Any]) -> bool:
    return isinstance(row["kto_tag"], bool) and is_alpaca({k: v for k, v in row.items() if k != "kto_tag"})


def is_axolotl_preference(row: dict[str, Any]) -> bool:
    turns = are_turns(row["messages"], "user") and are_turns([row["chosen"], row["rejected"]], "assistant", "assistant")
    return row.keys() == {"messages", "chosen", "rejected", *SCORES} and turns and has_scores(row)


SHAPES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "messages": is_messages,
    "alpaca": is_alpaca,
    "prompt-completion": is_prompt_completion,
    "preference": is_preference,
    "unpaired-preference": is_unpaired,
    "sharegpt": is_sharegpt,
    "openai": is_openai,
    "llama-factory/sft": is_alpaca,
    "llama-factory/dpo": is_alpaca_preference,
    "llama-factory/kto": is_alpaca_unpaired,
    "axolotl/sft": is_messages,
    "axolotl/dpo": is_axolotl_preference,
}
JSON_STEMS = [part.stem for parts in PARTS.values() for part in parts if part.columns is None]


def test_every_json_form_has_its_schema_here() -> None:
    assert set(SHAPES) == set(JSON_STEMS)


@pytest.mark.parametrize("side", ["train", "test"])
@pytest.mark.parametrize("stem", SHAPES)
def test_rows_are_as_the_consumer_documents_them_and_say_nothing_else(everything: Path, stem: str, side: str) -> None:
    (path,) = everything.glob(f"{stem}.{side}.json*")
    rows = rows_of(path)
    assert rows
    for row in rows:
        assert SHAPES[stem](row), row


@pytest.mark.parametrize(
    "form", ["messages", "prompt-completion", "alpaca", "sharegpt", "preference", "unpaired-preference"]
)
def test_tables_hold_the_same_rows_as_the_json_form_of_their_name(everything: Path, form: str) -> None:
    for side in ("train", "test"):
        (lines,) = everything.glob(f"{form}.{side}.json*")
        plain = rows_of(lines)
        table = rows_of(everything / "data" / form / f"{side}.parquet")
        assert [{key: row[key] for key in plain[0]} for row in table] == plain
        assert all(row["id"].startswith("r01-") and row["run"] == "run" for row in table)


def test_hostile_texts_come_back_as_they_were_from_every_file(everything: Path) -> None:
    found = set()
    for _, path, _ in files(everything):
        for row in rows_of(path):
            plain = json.dumps(row, ensure_ascii=False)
            if "DROP TABLE" in plain:
                assert json.dumps(HOSTILE, ensure_ascii=False) in plain, path.name
                found.add(
                    str(path.relative_to(everything)).partition(".")[0].removesuffix("train").removesuffix("test")
                )
    assert found == {part.stem for parts in PARTS.values() for part in parts if part.kind != "pair"}


# --- loading them -----------------------------------------------------------------------------------------------------


@pytest.fixture
def load_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`datasets.load_dataset`, with a cache of its own and no network."""
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)

    def load(*arguments: Any, **options: Any) -> Any:
        return datasets.load_dataset(*arguments, cache_dir=str(tmp_path / "cache"), **options)

    return load


def test_datasets_loads_every_file(everything: Path, load_dataset: Any) -> None:
    there = list(files(everything))
    assert {format for format, _, _ in there} == set(Format)
    for _, path, rows in there:
        kind = "parquet" if path.suffix == ".parquet" else "json"
        loaded = load_dataset(kind, data_files=str(path), split="train")
        assert len(loaded) == rows, path.name
        assert loaded[0].keys() == rows_of(path)[0].keys(), path.name


def test_datasets_loads_every_form_of_the_folder_by_its_name(everything: Path, load_dataset: Any) -> None:
    front = yaml.safe_load((everything / "README.md").read_text().split("---\n")[1])
    names = [config["config_name"] for config in front["configs"]]
    assert names == ["messages", "prompt-completion", "alpaca", "sharegpt", "preference", "unpaired-preference"]
    for name in names:
        loaded = load_dataset(str(everything), name)
        assert {side: len(rows) for side, rows in loaded.items()} == {
            side: len(rows_of(everything / "data" / name / f"{side}.parquet")) for side in ("train", "test")
        }
    assert "messages" in load_dataset(str(everything))["train"].column_names, "without a name"


def test_llama_factory_finds_its_files_and_every_column_that_it_needs(everything: Path) -> None:
    info = json.loads((everything / "llama-factory/dataset_info.json").read_text())
    assert list(info) == ["gra_sft", "gra_sft_test", "gra_dpo", "gra_dpo_test", "gra_kto", "gra_kto_test"]
    for name, entry in info.items():
        rows = rows_of(everything / "llama-factory" / entry["file_name"])
        assert set(entry["columns"].values()) <= rows[0].keys()
        assert entry["formatting"] == "alpaca" and entry.get("ranking", False) is ("dpo" in name)


def test_axolotl_stanzas_name_the_files_as_they_lie_in_the_folder(everything: Path) -> None:
    for stage, kind in (("sft", "chat_template"), ("dpo", "chat_template.default")):
        stanza = yaml.safe_load((everything / f"axolotl/datasets.{stage}.yaml").read_text())
        recipe = yaml.safe_load((everything / f"recipes/axolotl.{stage}.yaml").read_text())
        for key, side in (("datasets", "train"), ("test_datasets", "test")):
            (entry,) = stanza[key]
            assert entry["path"] == f"axolotl/{stage}.{side}.jsonl" and (everything / entry["path"]).exists()
            assert entry["type"] == kind and entry["ds_type"] == "json"
            assert recipe[key] == stanza[key]


# --- recipes ----------------------------------------------------------------------------------------------------------

PAPER = {
    "epochs": 1, "per device": 4, "accumulation": 8, "rate": 5e-6, "schedule": "cosine", "warm-up": 0.03, "decay": 0.0,
    "length": 4096, "bf16": True, "seed": 0, "save": 400,
}  # fmt: skip
KEYS = {
    "llama-factory": (
        "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate",
        "lr_scheduler_type", "warmup_ratio", "weight_decay", "cutoff_len", "bf16", "seed", "save_steps",
    ),
    "trl": (
        "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate",
        "lr_scheduler_type", "warmup_steps", "weight_decay", "max_length", "bf16", "seed", "save_steps",
    ),
    "axolotl": (
        "num_epochs", "micro_batch_size", "gradient_accumulation_steps", "learning_rate", "lr_scheduler",
        "warmup_ratio", "weight_decay", "sequence_len", "bf16", "seed", "save_steps",
    ),
}  # fmt: skip


@pytest.mark.parametrize("recipe", list(Recipe))
def test_recipes_have_the_papers_values_and_say_which_these_are(everything: Path, recipe: Recipe) -> None:
    text = (everything / f"recipes/{recipe}.sft.yaml").read_text()
    plain = yaml.safe_load(text)
    assert [plain[key] for key in KEYS[recipe]] == list(PAPER.values())
    stated = {line.split(":")[0] for line in text.splitlines() if "# paper" in line}
    assert stated >= {*KEYS[recipe]} and json.loads((everything / plain["deepspeed"]).read_text())
    assert "paper" not in "".join((everything / f"recipes/{recipe}.dpo.yaml").read_text().split("here is ours")[1:])


def test_llama_factorys_recipe_has_what_only_it_has_of_the_papers(everything: Path) -> None:
    plain = yaml.safe_load((everything / "recipes/llama-factory.sft.yaml").read_text())
    assert (plain["template"], plain["finetuning_type"], plain["resize_vocab"]) == ("default", "full", True)
    info = json.loads((everything / plain["dataset_dir"] / "dataset_info.json").read_text())
    assert {plain["dataset"], plain["eval_dataset"]} <= info.keys()


def test_without_a_test_and_without_pairs_nothing_names_them(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", [sample(n) for n in range(3)])
    with Reader(open_run(run)) as reader:
        folder = write_folder([reader], Wanted((), list(Recipe)), tmp_path / "dataset").path
    recipes = sorted(path.name for path in (folder / "recipes").iterdir())
    assert recipes == ["axolotl.sft.yaml", "llama-factory.sft.yaml", "trl.sft.yaml", "zero2.json"]
    for name in recipes:
        text = (folder / "recipes" / name).read_text()
        assert "eval" not in text and ("test" not in text or name == "zero2.json") and "{{" not in text, name
    assert list(json.loads((folder / "llama-factory/dataset_info.json").read_text())) == ["gra_sft", "gra_kto"]
    assert not list(papers([], []))


def test_one_form_alone_is_one_file_of_the_same_rows(everything: Path, tmp_path: Path) -> None:
    for format, parts in PARTS.items():
        if len(parts) == 1:
            path = tmp_path / f"alone{parts[0].suffix}"
            with Reader(open_run(everything.parent / "run")) as reader:
                written = write_datasets([reader], format, path)
            there = [row for f, p, _ in files(everything) if f == format for row in rows_of(p)]
            alone = rows_of(path)
            assert written.rows == len(alone) == len(there)
            assert sorted(map(repr, alone)) == sorted(map(repr, there))
