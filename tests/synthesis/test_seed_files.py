from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gra.config.material import SeedColumns, SeedsConfig
from gra.errors import SeedError
from gra.synthesis import seed_files, seed_text
from gra.synthesis.seed_forms import ANSWERS, CONVERSATIONS, MATERIALS, MAX_FIELD_BYTES, QUESTIONS
from gra.synthesis.seeds import SeedReport, read_seeds

Rows = Sequence[dict[str, Any]]
PAIRS: Rows = [
    {"instruction": "Sort these:\n2, 1", "input": "", "output": 'So: "1", 2'},
    {"instruction": "Say hello; in French", "input": "to Zoë", "output": "Bonjour,\tZoë"},
    {"instruction": "Again", "input": "", "output": ""},
    {"instruction": "Say hello; in French", "input": "to Zoë", "output": "bonjour,  zoë"},
    {"instruction": "Ωμέγα?", "input": "", "output": "the last\r\nletter 🙂"},
]


def read(path: Path, limit: int | None = None, **columns: str) -> SeedReport:
    return read_seeds(SeedsConfig(path=path, limit=limit, columns=SeedColumns(**columns)))


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(rows: Rows) -> str:
    return "\n".join(map(json.dumps, rows))


def table(rows: Rows, delimiter: str = ",") -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def parquet(rows: Rows) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), stream, row_group_size=2)
    return stream.getvalue()


def arrow(rows: Rows, new: Callable[..., Any] = pa.ipc.new_stream) -> bytes:
    stream = io.BytesIO()
    whole = pa.Table.from_pylist(list(rows))
    with new(stream, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=2)
    return stream.getvalue()


def saved(folder: Path, *shards: Rows) -> Path:
    """As `Dataset.save_to_disk` lays it out."""
    names = [f"data-{n:05d}-of-{len(shards):05d}.arrow" for n in range(len(shards))]
    for name, rows in zip(names, shards, strict=True):
        put(folder / name, arrow(rows))
    put(folder / "dataset_info.json", json.dumps({"features": {}}))
    put(folder / "state.json", json.dumps({"_data_files": [{"filename": name} for name in names], "_split": "train"}))
    return folder


KINDS: dict[str, Callable[[Rows], bytes]] = {
    "JSON": lambda rows: json.dumps(rows, indent=1).encode(),
    "JSONL": lambda rows: lines(rows).encode(),
    "JSONL, gzip": lambda rows: gzip.compress(lines(rows).encode()),
    "CSV": lambda rows: table(rows).encode("utf-8-sig"),
    "TSV": lambda rows: table(rows, "\t").encode(),
    "CSV with `;`": lambda rows: table(rows, ";").encode(),
    "CSV, UTF-16": lambda rows: table(rows).encode("utf-16"),
    "JSONL, UTF-32": lambda rows: lines(rows).encode("utf-32"),
    "Parquet": parquet,
    "Arrow": arrow,
}
WRAPPED = {
    "lines": lambda rows: json.dumps({"version": 1, "data": rows}, indent=2).encode(),
    "one line": lambda rows: json.dumps({"data": rows}).encode(),
    "Arrow file": lambda rows: arrow(rows, pa.ipc.new_file),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_records_are_the_same_run_in_any_kind_of_file(tmp_path: Path, kind: str) -> None:
    report = read(put(tmp_path / "a", KINDS[kind](PAIRS)))
    plain = read(put(tmp_path / "b", lines(PAIRS)))
    assert report.kind == kind
    assert (report.records, report.usable, report.empty, report.duplicates) == (5, 3, 1, 1)
    assert report.seeds == plain.seeds
    assert report.digest == plain.digest
    assert report.seeds[1].instruction == "Say hello; in French\n\nto Zoë"


@pytest.mark.parametrize("kind", WRAPPED)
def test_a_list_in_an_object_and_an_arrow_file_are_read_too(tmp_path: Path, kind: str) -> None:
    report = read(put(tmp_path / "a", WRAPPED[kind](PAIRS)))
    assert report.digest == read(put(tmp_path / "b", lines(PAIRS))).digest


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


@given(rows=st.lists(st.fixed_dictionaries({"question": texts, "answer": texts, "domain": texts}), min_size=1))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_changed_by_the_file_it_is_kept_in(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    def found(kind: str) -> object:
        try:
            report = read(put(tmp_path / "any", KINDS[kind](rows)))
        except SeedError:
            return None
        return report.digest, report.records, report.problems[-1:] and report.empty, report.duplicates

    assert found("JSON") == found("JSONL") == found("CSV") == found("TSV") == found("Parquet") == found("Arrow")


def test_a_saved_dataset_is_read_in_the_order_of_its_files_without_caches(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", PAIRS[:2], PAIRS[2:])
    put(folder / "cache-0123.arrow", arrow(PAIRS))
    report = read(folder)
    assert report.digest == read(put(tmp_path / "b", lines(PAIRS))).digest
    assert report.kind == "2 files of Arrow"
    assert "data-00001-of-00002.arrow, row 1: the response is empty" in report.problems


def test_of_saved_splits_train_is_read_and_that_is_said(tmp_path: Path) -> None:
    saved(tmp_path / "set" / "train", PAIRS)
    saved(tmp_path / "set" / "test", PAIRS[:1])
    report = read(tmp_path / "set")
    assert report.usable == 3
    assert report.problems[0] == "of `test`, `train` only `train` was read"


def test_without_a_training_split_one_has_to_choose(tmp_path: Path) -> None:
    saved(tmp_path / "set" / "validation", PAIRS)
    assert read(tmp_path / "set").usable == 3, "one split is no choice"
    saved(tmp_path / "set" / "test", PAIRS)
    with pytest.raises(SeedError, match="it has `test`, `validation`, and none is `train`"):
        read(tmp_path / "set")
    assert read(tmp_path / "set" / "test").usable == 3


def test_a_snapshot_of_the_hub_is_read_from_its_data(tmp_path: Path) -> None:
    put(tmp_path / "data" / "train-00001-of-00002.parquet", parquet(PAIRS[2:]))
    put(tmp_path / "data" / "train-00000-of-00002.parquet", parquet(PAIRS[:2]))
    put(tmp_path / "data" / "test-00000-of-00001.parquet", parquet([{"instruction": "t", "output": "t"}]))
    put(tmp_path / "README.md", "# A data set")
    put(tmp_path / "dataset_infos.json", "{}")
    report = read(tmp_path)
    assert report.digest == read(put(tmp_path / "b", lines(PAIRS))).digest
    assert report.problems[0] == "of `test`, `train` only `train` was read"


def test_a_plain_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    put(tmp_path / "set" / "2.csv.gz", gzip.compress(table(PAIRS[2:]).encode()))
    put(tmp_path / "set" / "1.jsonl", lines(PAIRS[:2]))
    put(tmp_path / "set" / "my_test.jsonl", lines([{"instruction": "t", "output": "t"}]))
    put(tmp_path / "set" / ".hidden.jsonl", "{}")
    report = read(tmp_path / "set")
    assert report.digest == read(put(tmp_path / "b", lines(PAIRS))).digest
    assert report.problems[0] == "files named `test` were left out"


def test_a_folder_of_folders_says_which_to_name(tmp_path: Path) -> None:
    put(tmp_path / "main" / "train.jsonl", lines(PAIRS))
    with pytest.raises(SeedError, match="Set `path` to one of its folders: `main`"):
        read(tmp_path)


def test_a_state_that_nobody_wrote_is_one_error(tmp_path: Path) -> None:
    put(tmp_path / "state.json", '{"_data_files": [3]}')
    with pytest.raises(SeedError, match=r"its state\.json is not as `save_to_disk` writes it"):
        read(tmp_path)


def test_names_in_a_state_do_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    put(tmp_path / "secret", lines(PAIRS))
    put(tmp_path / "set" / "state.json", '{"_data_files": [{"filename": "../secret"}]}')
    with pytest.raises(SeedError, match="cannot be read"):
        read(tmp_path / "set")


# --- columns ----------------------------------------------------------------------------------------------------------

SURVEY = 'Question,context,Best answer,topic,answer\n"Two,\nthree?",x,5,Math,wrong\n,y,z,Math,\n'


def test_columns_are_mapped_by_name_and_no_other_is_read(tmp_path: Path) -> None:
    path = put(tmp_path / "f.csv", SURVEY)
    seed = read(path, instruction="Question", response="Best answer", domain="topic").seeds[0]
    assert (seed.instruction, seed.response, seed.domain) == ("Two,\nthree?", "5", "Math")
    seed = read(path, instruction="Question", response="Best answer", input="context").seeds[0]
    assert (seed.instruction, seed.domain) == ("Two,\nthree?\n\nx", None)


def test_a_conversation_may_have_another_name(tmp_path: Path) -> None:
    record = {"dialog": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "messages": "no"}
    seed = read(put(tmp_path / "f.json", json.dumps(record)), messages="dialog").seeds[0]
    assert (seed.instruction, seed.response) == ("a", "b")


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_is_not_there_is_one_error_with_the_nearest_name(tmp_path: Path, kind: str) -> None:
    rows = [{"Question": "a", "Best answer": "b"}, {"Question": "c", "Best answer": "d"}]
    path = put(tmp_path / "any", KINDS[kind](rows))
    with pytest.raises(SeedError) as caught:
        read(path, instruction="Qestion", response="Best answer", domain="field")
    assert str(caught.value).splitlines() == [
        f"{path}: its columns are `Question`, `Best answer`.",
        "  `seeds.columns.instruction`: there is no column `Qestion`; did you mean `Question`?",
        "  `seeds.columns.domain`: there is no column `field`",
    ]


def test_a_column_that_only_some_records_have_is_there(tmp_path: Path) -> None:
    rows = [{"q": "a", "a": "b"}, {"q": "c", "a": "d", "topic": "Math"}]
    assert [
        s.domain for s in read(put(tmp_path / "f", lines(rows)), instruction="q", response="a", domain="topic").seeds
    ]
    with pytest.raises(ValueError, match="must name `instruction` and `response`, or `messages`"):
        SeedColumns(instruction="q")


# --- damage -----------------------------------------------------------------------------------------------------------


def test_a_line_in_another_encoding_is_named_and_not_mangled(tmp_path: Path) -> None:
    content = "question,answer\nOù?,ici\nQui?,".encode() + "l'élève".encode("cp1252") + b"\nQuoi?,rien\n"
    report = read(put(tmp_path / "f.csv", content))
    assert [seed.instruction for seed in report.seeds] == ["Où?", "Quoi?"]
    assert len(report.problems) == report.malformed == 1
    assert report.problems[0].startswith("line 3: `answer` is not valid UTF-8 text; if it is in another encoding")


def test_rows_of_a_table_are_named_by_their_line_and_bad_quoting_does_not_run_them_together(tmp_path: Path) -> None:
    content = 'question,answer\n"a\nb",c\n"d" e,f\n\ng,h,i\nj\nk,l\n'
    report = read(put(tmp_path / "f.csv", content))
    assert [(seed.instruction, seed.response) for seed in report.seeds] == [("a\nb", "c"), ("k", "l")]
    assert [problem.partition(" (")[0] for problem in report.problems] == [
        "line 4: bad quoting up to line 4",
        "line 6: 3 cells, under a header of 2",
        "line 7: the response is empty",
    ]


@pytest.mark.parametrize("rows", [3, 700_000])
def test_a_quote_that_is_never_closed_ends_the_table_and_that_is_told_first(tmp_path: Path, rows: int) -> None:
    report = read(put(tmp_path / "f.csv", 'question,answer\n,\na,b\n"' + "q,a,b\n" * rows))
    assert (report.usable, report.records) == (1, 3)
    assert report.problems[0] == "line 4: a cell is too long, or its quote is never closed; nothing after it was read"


def test_a_long_cell_costs_its_own_row_only(tmp_path: Path) -> None:
    report = read(put(tmp_path / "f.csv", f"question,answer\na,b\nc,{'x' * 200_000}\ne,f\n"))
    assert report.usable == 2
    assert report.problems == ("line 3: `answer` is longer than 100 kB",)


def test_of_several_files_one_may_be_spoilt(tmp_path: Path) -> None:
    put(tmp_path / "1.csv.gz", b"\x1f\x8bno")
    put(tmp_path / "2.csv", table(PAIRS))
    report = read(tmp_path)
    assert report.usable == 3
    assert "1.csv.gz: the seed file cannot be read" in report.problems[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (json.dumps(list(PAIRS))[:-60].encode(), "record 5: the JSON list breaks here"),
        (json.dumps(list(PAIRS))[:-1].encode(), "record 6: the JSON list breaks here"),
        (json.dumps(list(PAIRS)).encode() + b"\n[]", "after record 5: the JSON list ends, but the file does not"),
        (gzip.compress(json.dumps([PAIRS[0]] * 60_000).encode())[:-2000], "the file is damaged"),
        (lines(list(PAIRS) * 600).encode("utf-16")[:-1], "the file is damaged"),
        (arrow(list(PAIRS) * 9)[:-900], "the file is damaged"),
    ],
)
def test_what_stands_before_a_break_is_used_and_the_break_is_told_first(
    tmp_path: Path, content: bytes, told: str
) -> None:
    report = read(put(tmp_path / "f", content))
    assert report.usable
    assert told in report.problems[0]
    assert report.malformed == 1
    assert report.records == report.usable + report.empty + report.duplicates + 1


def test_cells_of_other_types_are_counted_and_numbers_are_text(tmp_path: Path) -> None:
    rows = [
        {"problem": "1+1", "solution": 2},
        {"problem": "1/2", "solution": 0.5},
        {"problem": "1/0", "solution": float("inf")},
        {"problem": "0/0", "solution": float("nan")},
        {"problem": "ok?", "solution": True},
        {"problem": {"text": "x"}, "solution": "x"},
        {"problem": ["x"], "solution": "x"},
    ]
    report = read(put(tmp_path / "f", json.dumps(rows)))
    assert [seed.response for seed in report.seeds] == ["2", "0.5"]
    assert report.problems == (
        "record 3: `solution` is of the type float, not text",
        "record 4: the response is empty",
        "record 5: `solution` is true or false, not text",
        "record 6: `problem` is an object, not text",
        "record 7: `problem` is a list, not text",
        "2 records: a number was taken as text",
    )
    answers = pa.table({"question": ["1+1", "2+2", "3+3"], "answer": pa.array([2, None, 6])})
    pq.write_table(answers, tmp_path / "p")
    assert [seed.response for seed in read(tmp_path / "p").seeds] == ["2", "6"]


def test_text_that_is_not_text_spoils_its_own_row_of_a_parquet_file(tmp_path: Path) -> None:
    raw = pa.array([b"a", b"\xff", b"c"]).cast(pa.binary())
    broken = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2])
    pq.write_table(pa.table({"question": broken, "answer": ["x", "y", "z"]}), tmp_path / "p")
    report = read(tmp_path / "p")
    assert [seed.response for seed in report.seeds] == ["x", "z"]
    assert report.problems[0].startswith("row 2: cannot be read")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04" + b"x" * 100, "a zip file or a workbook"),
        ("Frage\tAntwort".encode("utf-16-le"), "this is not text"),
        (b"PAR1" + b"x" * 100, "the file is damaged"),
        (b"\x1f\x8bxxxxxxxxxx", "cannot be read"),
        (b'{"train": [{"a": 1}], "test": [{"a": 1}]}', "several lists, `train`, `test`"),
        (b"Frage,Antwort\nx,y\n", "line 2: of no known form; its fields are `Frage`, `Antwort`"),
    ],
)
def test_what_cannot_be_seeds_is_a_seed_error_that_says_why(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(SeedError) as caught:
        read(put(tmp_path / "f", content))
    assert told in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_line_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_text, "MAX_RECORD", 100)
    good = json.dumps({"question": "a", "answer": "b"})
    report = read(put(tmp_path / "f", f'{good}\n{{"question": "{"x" * 400}"}}\n{good[:-2]}c"}}\n'))
    assert [seed.response for seed in report.seeds] == ["b", "bc"]
    assert report.problems == ("line 2: too long",)


def test_a_list_is_read_in_pieces_wherever_they_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"question": f"q{n}", "answer": "x" * n} for n in range(1, 40)]
    path = put(tmp_path / "f", json.dumps([*rows, 12345, "text", None]))
    whole = read(path)
    for size in (1, 7, 64):
        monkeypatch.setattr(seed_text, "CHUNK", size)
        assert read(path) == whole


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_files, "MAX_BYTES", 10)
    with pytest.raises(SeedError, match="Give a part of it"):
        read(put(tmp_path / "f", lines(PAIRS)))


def test_a_limit_draws_the_same_seeds_and_leaves_the_digest(tmp_path: Path) -> None:
    path = put(tmp_path / "f", lines([{"question": f"q{n}", "answer": "a"} for n in range(50)]))
    every, some = read(path), read(path, limit=5)
    assert (every.digest, every.usable) == (some.digest, some.usable)
    assert len(some.seeds) == 5
    assert set(some.seeds) < set(read(path, limit=9).seeds) < set(every.seeds)


# --- docs/seeds.md ----------------------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "seeds.md").read_text(encoding="utf-8")


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", [*fences("json"), *fences("csv")])
def test_every_example_of_the_page_gives_seeds_and_loses_none(tmp_path: Path, example: str) -> None:
    configured = yaml.safe_load(fences("yaml")[-1])["seeds"]["columns"]
    report = read(put(tmp_path / "any", example), **(configured if "Best answer" in example else {}))
    assert report.records == report.usable > 0


def test_the_page_says_the_limits_that_hold() -> None:
    assert f"{seed_text.MAX_WHOLE // 2**20} million characters" in PAGE
    assert f"{seed_text.MAX_RECORD // 2**20} million characters, a field {MAX_FIELD_BYTES // 1000} kB" in PAGE
    assert f"all files together {seed_files.MAX_BYTES // 2**30} GB" in PAGE
    assert all(
        f"`{name}`" in PAGE for name in (*QUESTIONS, *ANSWERS, *CONVERSATIONS[:2], *MATERIALS) if name != "chosen"
    )
