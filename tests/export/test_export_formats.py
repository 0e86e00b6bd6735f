"""Datasets: exact keys, valid in every reader, whole or not there, in the samples' order."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.errors import BadRow, MissingExtra, StoreError
from gra.export import PARTS, Format, Integration, Row, exportable, write_rows
from gra.records import SEED, Cast, Sample, Status, Verdict, Version

SURROGATE = {chr(n) for n in range(0xD800, 0xE000)}
ANY = st.text(st.characters(codec=None), min_size=1, max_size=40)


def write_messages(path: Path, rows: Any, with_metadata: bool = False) -> int:
    return write_rows(PARTS[Format.MESSAGES][0], path, rows, with_metadata)


def write_alpaca(path: Path, rows: Any, with_metadata: bool = False) -> int:
    return write_rows(PARTS[Format.ALPACA][0], path, rows, with_metadata)


def write_parquet(path: Path, rows: Any) -> int:
    return write_rows(PARTS[Format.PARQUET][0], path, rows)


WRITERS: list[tuple[str, Callable[[Path, list[Row]], int]]] = [
    ("data.jsonl", write_messages),
    ("data.json", write_alpaca),
    ("data.parquet", write_parquet),
]


def sample(index: int = 0, instruction: str = "Ask.", response: str = "Answer.", run: str = "test") -> Row:
    first, second = Cast("writer", ("one", "two"), "judge"), Cast("writer", ("two", "three"), "one")
    versions = (Version(0, "Draft.", first), Version(1, response, second))
    made = Sample(
        f"r01-{index:05d}", 1, index, "Math", first, (), ("sum",), instruction, versions=versions,
        status=Status.ACCEPTED, score=7.25, summary="a sum", source="guide/sums.md:7", notes={"words": 1},
    )  # fmt: skip
    return Row(made, run)


METADATA = {
    "id": "r01-00000",
    "domain": "Math",
    "keywords": ["sum"],
    "summary": "a sum",
    "score": 7.25,
    "generator": "writer",
    "reviewers": ["two", "three"],
    "round": 1,
    "status": "accepted",
    "source": "guide/sums.md:7",
    "seed": "",
    "examples": [],
    "refined": None,
    "run": "test",
    "notes": {"words": 1},
}
TURNS = [{"role": "user", "content": "Ask."}, {"role": "assistant", "content": "Answer."}]


def test_messages_have_these_keys_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    assert write_messages(path, [sample()]) == 1
    assert path.read_text() == json.dumps({"messages": TURNS}) + "\n"
    write_messages(path, [sample()], with_metadata=True)
    assert json.loads(path.read_text()) == {"messages": TURNS, "metadata": METADATA}


def test_alpaca_has_these_keys_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    assert write_alpaca(path, [sample(), sample(1)]) == 2
    assert json.loads(path.read_text()) == [{"instruction": "Ask.", "input": "", "output": "Answer."}] * 2
    write_alpaca(path, [sample()], with_metadata=True)
    assert json.loads(path.read_text())[0]["metadata"] == METADATA
    assert write_alpaca(path, []) == 0
    assert json.loads(path.read_text()) == []


def test_parquet_has_the_conversation_and_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    assert write_parquet(path, [sample(n) for n in range(2001)]) == 2001
    table = pq.read_table(path)
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    assert table.schema.names == ["messages", *METADATA]
    found = table.schema.field("messages").type
    assert pa.types.is_list(found) and found.value_type == turn
    assert table.schema.field("score").type == pa.float64()
    assert table.slice(0, 1).to_pylist() == [{"messages": TURNS, **METADATA, "notes": '{"words": 1}'}]
    assert table["id"].to_pylist() == [f"r01-{n:05d}" for n in range(2001)]


@given(instruction=ANY, response=ANY)
def test_any_text_makes_a_valid_file_and_comes_back_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, instruction: str, response: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    samples = [sample(0, instruction, response), sample(1)]
    if not all(text.strip() and "\0" not in text and _whole(text) for text in (instruction, response)):
        for _, write in WRITERS:
            with pytest.raises(BadRow, match=r"^r01-00000 cannot be written: its (instruction|response) "):
                write(folder / "file", samples)
        assert not (folder / "file").exists()
        return
    read = [
        [json.loads(row) for row in _written(folder, write_messages, samples).decode().split("\n")[:-1]],
        json.loads(_written(folder, write_alpaca, samples)),
    ]
    _written(folder, write_parquet, samples)
    rows = pq.read_table(folder / "file").to_pylist()
    pairs = [
        [(r["messages"][0]["content"], r["messages"][1]["content"]) for r in read[0]],
        [(r["instruction"], r["output"]) for r in read[1]],
        [(r["messages"][0]["content"], r["messages"][1]["content"]) for r in rows],
    ]
    assert pairs[0] == pairs[1] == pairs[2]
    assert pairs[0][0] == (_joined(instruction), _joined(response))


def _written(folder: Path, write: Any, rows: list[Row]) -> bytes:
    assert write(folder / "file", rows) == len(rows)
    return (folder / "file").read_bytes()


def _joined(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _whole(text: str) -> bool:
    return not SURROGATE.intersection(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass"))


def test_two_halves_of_a_surrogate_pair_become_their_character(tmp_path: Path) -> None:
    write_messages(tmp_path / "x", [sample(0, "a", "\ud83d\ude00")])
    turns = json.loads((tmp_path / "x").read_bytes())["messages"]
    assert turns[1]["content"] == "\U0001f600"


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_a_failed_export_leaves_the_old_file(tmp_path: Path, name: str, write: Any) -> None:
    path = tmp_path / "below" / name
    write(path, [sample()])
    before = path.read_bytes()

    def broken() -> Any:
        yield sample()
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match=r"No space left.*--out"):
        write(path, broken())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [name]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_the_same_samples_make_the_same_bytes(tmp_path: Path, name: str, write: Any) -> None:
    for copy in ("a", "b"):
        write(tmp_path / copy / name, [sample(n) for n in range(5)])
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        write_messages(tmp_path, [sample()])


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"gra-synth\[parquet\]"):
        write_parquet(tmp_path / "x", [sample()])
    assert not (tmp_path / "x").exists()


def test_what_has_no_response_is_left_out() -> None:
    bare = Sample("r01-00009", 1, 9, "Math", Cast("a", ("b",), "c"), instruction="Ask.")
    assert list(exportable([sample().sample, bare], "test")) == [sample()]


def test_a_refined_seed_says_so_and_whose_response_it_is(tmp_path: Path) -> None:
    accept = Verdict("accept", 6.0, 0.0, "")
    own = Version(0, "Own.", Cast(SEED, ("one",), ""), verdict=accept)
    new = Version(1, "New.", Cast("writer", ("one",), ""), verdict=replace(accept, score=7.0))
    blank = replace(sample().sample, seed="seed-00003")
    rows = [Row(replace(blank, versions=v), "refined") for v in ((own, new), (own, replace(new, verdict=accept)))]
    write_parquet(tmp_path / "x", rows)
    table = pq.read_table(tmp_path / "x")
    assert table.schema.field("refined").type == pa.bool_()
    found = [(r["refined"], r["generator"], r["seed"], r["messages"][1]["content"]) for r in table.to_pylist()]
    assert found == [(True, "writer", "seed-00003", "New."), (False, "@seed", "seed-00003", "Own.")]


INSTRUCTIONS = st.sampled_from(["a", "A", "a ", "b", "\ud800"])


@given(st.lists(st.lists(INSTRUCTIONS, max_size=6), max_size=4))
def test_an_instruction_is_taken_once_from_the_first_that_has_it(runs: list[list[str]]) -> None:
    together = Integration()
    rows = [sample(0, text, run=str(n)) for n, texts in enumerate(runs) for text in texts]
    kept = [row for row in rows if together(row) is None]
    assert [r.sample.instruction for r in kept] == list(dict.fromkeys(text for texts in runs for text in texts))
    assert all(
        row.run == next(str(n) for n, texts in enumerate(runs) if row.sample.instruction in texts) for row in kept
    )
