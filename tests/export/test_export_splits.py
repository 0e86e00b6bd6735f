"""Splits: what is alike is never on both sides, the share is kept, and the same run is always divided the same way."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_builders import rejected, run_of, sample, task, vector
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.errors import ConfigError
from gra.export import Format, Row, Wanted, write_folder
from gra.export.splits import Grouping, Split, word_vector
from gra.records import Sample
from gra.store.reader import Reader
from gra.store.run_dir import open_run

PLANTED = [(0, 20), (1, 21), (2, 22), (3, 23), (22, 24)]
"""Near-duplicates by their embeddings; 2, 22 and 24 are a chain."""


def row(index: int, run: str = "run", **changes: Any) -> Row:
    return Row(sample(index, **changes), run)


def divided(rows: Iterable[tuple[Row, Any]], share: float = 0.3, seed: int = 7, above: float = 0.8) -> Split:
    grouping = Grouping(above)
    for each, found in rows:
        grouping.add(each, found)
    return grouping.split(share, seed)


def planted() -> list[tuple[Row, Any]]:
    vectors = {n: vector(n) for n in range(25)}
    for origin, copy in PLANTED:
        vectors[copy] = vector(copy, 0.85, to=origin)
    vectors[24] = 0.85 * vectors[22] + np.sqrt(1 - 0.85**2) * orthogonal(vector(24), vectors[22])
    return [(row(n), vectors[n]) for n in range(25)]


def orthogonal(one: Any, other: Any) -> Any:
    rest = one - (one @ other) * other
    return rest / np.linalg.norm(rest)


@pytest.mark.parametrize("seed", range(10))
def test_planted_near_duplicates_never_straddle(seed: int) -> None:
    split = divided(planted(), seed=seed)
    side = {n: split.side(row(n)) for n in range(25)}
    assert all(side[one] == side[other] for one, other in PLANTED), side
    assert side[2] == side[24], "alike to something alike"
    assert split.largest == 3 and split.groups == 20
    assert sum(value == "test" for value in side.values()) == round(0.3 * 25)


def test_without_grouping_they_would_straddle() -> None:
    straddling = 0
    for seed in range(10):
        split = divided(planted(), seed=seed, above=1.0)
        straddling += any(split.side(row(one)) != split.side(row(other)) for one, other in PLANTED)
    assert straddling > 5, "else the test above shows nothing"


@pytest.mark.parametrize("changes", [
    {"keywords": ("same", "Words here")},
    {"seed": "seed-00004"},
    {"source": "guide/rivers.md:12"},
    {"instruction": "Say it, exactly so!"},
])  # fmt: skip
def test_what_comes_from_the_same_goes_to_the_same_side(changes: dict[str, Any]) -> None:
    alike = [2, 7, 11]
    like = dict(changes)
    rows = [(row(n, **(like if n in alike else {})), vector(n)) for n in range(16)]
    for seed in range(8):
        split = divided(rows, seed=seed)
        assert len({split.side(rows[n][0]) for n in alike}) == 1 and split.largest == 3


def test_keywords_and_instructions_are_compared_as_words() -> None:
    rows = [
        (row(0, keywords=("Two, words", "a")), vector(0)), (row(1, keywords=("A", "two words")), vector(1)),
        (row(2, instruction="Shout it OUT!"), vector(2)), (row(3, instruction="shout it out"), vector(3)),
        (row(4, keywords=("alone",)), vector(4)), (row(5, keywords=("alone",)), vector(5)),
    ]  # fmt: skip
    assert divided(rows, 0.5).groups == 4, "one keyword in common is a field, not a task"


def test_rows_without_an_embedding_are_compared_by_their_words() -> None:
    text = "Write a short poem about the first snow of the winter in a small town"
    near = text.replace("short poem", "brief poem")
    rows = [(row(0, instruction=text), vector(0)), (row(1, instruction=near), None)]
    rows += [(row(n), vector(n) if n % 2 else None) for n in range(2, 20)]
    for seed in range(8):
        split = divided(rows, seed=seed)
        assert split.side(rows[0][0]) == split.side(rows[1][0]) and split.groups == 19
    assert float(word_vector(text) @ word_vector(near)) > 0.6 > float(word_vector(text) @ word_vector(task(5)))
    assert np.linalg.norm(word_vector("")) == 0


def test_a_row_that_was_not_there_has_no_side() -> None:
    split = divided(planted())
    assert split.side(row(0, run="another")) is None and split.side(row(77)) is None


def test_one_large_group_is_said_and_nothing_is_divided() -> None:
    rows = [(row(n, source="one.md:1"), vector(n)) for n in range(10)]
    with pytest.raises(
        ConfigError, match=r"no test of 3 of 10 rows .* 1 groups of rows that are alike, the largest of 10"
    ):
        divided(rows)


@settings(max_examples=40, deadline=None)
@given(
    sources=st.lists(st.integers(0, 12), min_size=4, max_size=30),
    share=st.floats(0.05, 0.6),
    seed=st.integers(0, 5),
    order=st.randoms(),
)
def test_any_rows_are_divided_by_their_groups_whatever_their_order(
    sources: list[int], share: float, seed: int, order: Any
) -> None:
    rows = [(row(n, source=f"doc.md:{source}"), vector(n)) for n, source in enumerate(sources)]
    try:
        split = divided(rows, share, seed, above=0.999)
    except ConfigError:
        assert min(sources.count(source) for source in sources) > round(share * len(sources))
        return
    sides = [split.side(each) for each, _ in rows]
    for one, first in enumerate(sources):
        assert all(sides[one] == sides[other] for other, second in enumerate(sources) if first == second)
    assert 0 < sides.count("test") <= round(share * len(rows))
    shuffled = list(rows)
    order.shuffle(shuffled)
    again = divided(shuffled, share, seed, above=0.999)
    assert [again.side(each) for each, _ in rows] == sides


# --- from a run -------------------------------------------------------------------------------------------------------


def sides_of(folder: Path, form: str = "messages") -> dict[str, str]:
    """Instruction to side."""
    return {
        json.loads(line)["messages"][0]["content"]: side
        for side in ("train", "test")
        for line in (folder / f"{form}.{side}.jsonl").read_text().splitlines()
    }


def run_with_planted(folder: Path, seed: int = 7, extra: list[Sample] | None = None) -> Path:
    rows = planted()
    vectors = {each.sample.instruction: found for each, found in rows}
    return run_of(folder, [*(each.sample for each, _ in rows), *(extra or [])], vectors, seed)


def test_a_runs_own_vectors_are_used_and_its_seed_decides(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        with Reader(open_run(run_with_planted(tmp_path / name, seed))) as reader:
            done = write_folder([reader], Wanted(test_share=0.3), tmp_path / f"out-{name}")
        sides = sides_of(done.path)
        assert all(sides[task(one)] == sides[task(other)] for one, other in PLANTED)
        assert done.manifest["split"] == {"groups": 20, "largest_group": 3}
        found.append(sides)
    assert found[0] == found[1] != found[2]


def test_rejected_answers_are_on_the_side_of_their_question(tmp_path: Path) -> None:
    extra = [rejected(100 + n, task(n)) for n in range(20)] + [
        rejected(200, task(5).upper() + "?"),
        rejected(201, "Alone"),
    ]
    wanted = Wanted([Format.MESSAGES, Format.UNPAIRED_PREFERENCE, Format.PREFERENCE], test_share=0.3)
    with Reader(open_run(run_with_planted(tmp_path / "run", extra=extra))) as reader:
        folder = write_folder([reader], wanted, tmp_path / "out").path
    sides = sides_of(folder)
    for form in ("unpaired-preference", "preference"):
        for side in ("train", "test"):
            for line in (folder / f"{form}.{side}.jsonl").read_text().splitlines():
                asked = json.loads(line)["prompt"][0]["content"]
                expected = sides.get(asked) or (sides[task(5)] if asked.startswith(task(5).upper()) else "train")
                assert side == expected, asked


def test_runs_of_another_embedding_model_are_compared_by_words(tmp_path: Path) -> None:
    one = run_of(tmp_path / "one", [sample(n) for n in range(8)], {task(n): vector(n) for n in range(8)})
    other = run_of(
        tmp_path / "other",
        [sample(n, instruction=task(n) + " now, please") for n in range(8)],
        {task(n) + " now, please": np.ones(3, np.float32) for n in range(8)},
    )
    import sqlite3

    with sqlite3.connect(other / "run.sqlite") as connection:
        connection.execute("UPDATE vectors SET model = 'another'")
    connection.close()
    with Reader(open_run(one)) as first, Reader(open_run(other)) as second:
        folder = write_folder([first, second], Wanted(test_share=0.3), tmp_path / "out").path
    sides = sides_of(folder)
    longer = [n for n in range(8) if len(task(n).split()) > 4]
    assert longer and all(sides[task(n)] == sides[task(n) + " now, please"] for n in longer)


def test_a_share_that_divides_nothing_is_refused(tmp_path: Path) -> None:
    with Reader(open_run(run_with_planted(tmp_path / "run"))) as reader:
        for share, why in ((1.0, "leaves nothing"), (0.001, "no test of 0")):
            with pytest.raises(ConfigError, match=why):
                write_folder([reader], replace(Wanted(), test_share=share), tmp_path / "out")
    assert not (tmp_path / "out").exists()
