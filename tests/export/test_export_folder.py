"""A folder of several forms: whole or not there, described by its manifest, without what no dataset can hold."""

import errno
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from export_builders import CAST, HOSTILE, rejected, revised, run_of, sample, task, vector, version

from gra.errors import BadRow, ConfigError, StoreError, TargetMissed
from gra.export import PARTS, Exported, Format, Part, Row, Wanted, write_folder, write_rows
from gra.export.forms import Item
from gra.export.manifest import notices
from gra.export.preferences import Judged, Pair
from gra.export.whole_file import whole_folder
from gra.records import Sample, Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run

SAMPLES = [
    *(sample(n) for n in range(10)),
    *(revised(n) for n in range(10, 14)),
    rejected(30, task(3)),
    rejected(31, "Turned down", HOSTILE, reason=HOSTILE),
    sample(32, status=Status.REJECTED_INSTRUCTION, versions=(), reason="vetoed"),
    sample(33, status=Status.DUPLICATE, reason="too close to r01-00000"),
    sample(34, status=Status.SURPLUS),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of(tmp_path / "run", SAMPLES, {task(n): vector(n) for n in range(14)})


def export(run: Path, out: Path, *formats: str, **changes: Any) -> Exported:
    with Reader(open_run(run)) as reader:
        return write_folder([reader], replace(Wanted(formats or tuple(Format)), **changes), out)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


# --- the manifest -----------------------------------------------------------------------------------------------------


def test_the_manifest_names_every_file_with_its_size_digest_and_rows(run: Path, tmp_path: Path) -> None:
    done = export(run, tmp_path / "out", test_share=0.2, recipes=("trl",), rejected=True)
    there = contents(done.path)
    assert json.loads(there.pop("manifest.json")) == done.manifest
    assert {file["path"] for file in done.manifest["files"]} == set(there)
    for file in done.manifest["files"]:
        assert file["bytes"] == len(there[file["path"]])
        assert file["sha256"] == hashlib.sha256(there[file["path"]]).hexdigest()
        if file["path"].endswith(".jsonl") and "rows" in file:
            assert file["rows"] == there[file["path"]].count(b"\n")
    (told,) = done.manifest["runs"]
    assert told["name"] == "run" and told["fingerprint"] == "v1:sha256:run"
    assert told["samples"] == {
        "accepted": 14, "duplicate": 1, "rejected_instruction": 1, "rejected_response": 2, "surplus": 1,
    }  # fmt: skip
    assert done.manifest["gra_version"] and done.manifest["options"]["test_share"] == 0.2


def test_every_row_has_its_provenance_in_itself_or_beside_it(run: Path, tmp_path: Path) -> None:
    for metadata in (False, True):
        done = export(run, tmp_path / f"out-{metadata}", metadata=metadata)
        for file in done.manifest["files"]:
            if "rows" not in file:
                continue
            path = done.path / file["path"]
            if "provenance" in file:
                beside = lines(done.path / file["provenance"])
                assert [row.pop("row") for row in beside] == list(range(1, file["rows"] + 1))
            elif path.suffix == ".parquet":
                continue  # columns of its own: test_export_schemas
            else:
                rows = json.loads(path.read_text()) if path.suffix == ".json" else lines(path)
                beside = [row["metadata"] for row in rows]
            assert ("provenance" in file) is (not metadata or file["format"] == "openai"), file
            for known in beside:
                assert known["run"] == "run" and known["generator"] == "writer" and known["reviewers"] == ["one", "two"]
                assert known["examples"] == ["seed-00000", "seed-00001"] and known["round"] == 1
                assert isinstance(known["score"], float) and known["id"].startswith("r01-000")


def test_provenance_is_that_of_the_row_on_its_line(run: Path, tmp_path: Path) -> None:
    folder = export(run, tmp_path / "out", "preference", "openai").path
    for row, known in zip(lines(folder / "openai.jsonl"), lines(folder / "provenance/openai.jsonl"), strict=True):
        assert row["messages"][0]["content"] == task(int(known["id"][4:]))
    pairs = zip(lines(folder / "preference.jsonl"), lines(folder / "provenance/preference.jsonl"), strict=True)
    assert [(row["margin"], known["id"], known["origin"], known["rejected_id"]) for row, known in pairs] == [
        (5.0, "r01-00003", "answer", "r01-00030"),
        *((5.0, f"r01-000{n}", "revision", f"r01-000{n}") for n in range(10, 14)),
    ]


def test_the_same_run_gives_the_same_folder(run: Path, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"test_share": 0.2, "recipes": ("axolotl",), "rejected": True}
    assert contents(export(run, tmp_path / "a", **wanted).path) == contents(export(run, tmp_path / "b", **wanted).path)


def test_what_was_rejected_is_in_a_file_of_its_own_with_its_reasons(run: Path, tmp_path: Path) -> None:
    folder = export(run, tmp_path / "out", "messages", rejected=True).path
    told = lines(folder / "rejected.jsonl")
    assert [(row["id"], row["status"], row["reason"]) for row in told] == [
        ("r01-00030", "rejected_response", "below the bar"),
        ("r01-00031", "rejected_response", HOSTILE),
        ("r01-00032", "rejected_instruction", "vetoed"),
        ("r01-00033", "duplicate", "too close to r01-00000"),
    ]
    assert told[0]["score"] == 2.0 and told[0]["reviews"][0]["comment"] == "Add a number."
    assert (told[2]["score"], told[2]["response"], told[2]["reviews"]) == (None, "", [])
    asked = {row["messages"][0]["content"] for row in lines(folder / "messages.jsonl")}
    assert len(asked) == 14 and "Turned down" not in asked
    assert "rejected.jsonl" not in contents(export(run, tmp_path / "without", "messages").path)


def test_openais_least_number_of_rows_is_told(run: Path, tmp_path: Path) -> None:
    assert export(run, tmp_path / "a", "openai").notices == []
    (told,) = export(run, tmp_path / "b", "openai", test_share=0.2).notices
    assert told == "openai.test.jsonl has 3 rows; OpenAI asks for 10 at least"
    large = {"format": "openai", "path": "openai.jsonl", "rows": 10, "bytes": 600_000_000, "split": "train"}
    plain = {"files": [large], "split": None, "options": {"formats": ["openai"], "recipes": []}}
    assert notices(plain) == ["openai.jsonl is larger than the 512 MB that OpenAI takes"]


def test_what_was_asked_for_and_not_found_is_told(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", [sample(0), sample(1)])
    assert export(run, tmp_path / "out", "messages", "preference", recipes=("trl",)).notices == [
        "nothing for `preference` was found",
        "there are no pairs, so there is no recipe for preference training",
    ]


def test_a_test_that_came_out_small_is_told(tmp_path: Path) -> None:
    samples = [sample(n, source="one.md:1" if n < 9 else "") for n in range(10)]
    run = run_of(tmp_path / "run", samples, {task(n): vector(n) for n in range(10)})
    (told,) = export(run, tmp_path / "out", "messages", test_share=0.4).notices
    assert told.startswith("the test has 1 of 10 rows, though 40% was asked for") and "the largest group has 9" in told


# --- whole or not at all ----------------------------------------------------------------------------------------------


def test_an_export_replaces_what_an_export_wrote_and_nothing_else(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "below" / "out"
    export(run, out)
    export(run, out, "alpaca")
    assert set(contents(out)) == {"alpaca.json", "provenance/alpaca.jsonl", "manifest.json"}
    (out / "trained").mkdir()
    (out / "trained/model.bin").write_bytes(b"weeks of work")
    before = contents(out)
    with pytest.raises(StoreError, match=r"holds what no export wrote: trained/model\.bin\. Name another folder"):
        export(run, out, "messages")
    assert contents(out) == before and [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("manifest", [None, "{}", "no json", '{"files": [{"path": "messages.jsonl"}]}'])
def test_a_folder_of_something_else_is_left_alone(run: Path, tmp_path: Path, manifest: str | None) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("...")
    if manifest is not None:
        (out / "manifest.json").write_text(manifest)
    before = contents(out)
    with pytest.raises(StoreError, match=r"thesis\.tex"):
        export(run, out)
    assert contents(out) == before
    with pytest.raises(StoreError, match="is a file"):
        export(run, out / "thesis.tex")


def test_an_empty_folder_may_be_filled(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert contents(export(run, tmp_path / "out", "messages").path)


@pytest.mark.parametrize("before", [False, True])
def test_a_disk_that_is_full_leaves_everything_as_it_was(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    out = tmp_path / "out"
    if before:
        export(run, out, "alpaca")
    there = contents(out)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gra.export.folder.described", full)
    with pytest.raises(StoreError, match=r"No space left on device.*--out"):
        export(run, out)
    assert contents(out) == there and out.exists() is before
    assert sorted(path.name for path in tmp_path.iterdir()) == (["out", "run"] if before else ["run"])


KILLED = """
import os, signal, sys
from pathlib import Path
import gra.export.folder
from gra.store.reader import Reader
from gra.store.run_dir import open_run
gra.export.folder.described = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with Reader(open_run(Path(sys.argv[1]))) as reader:
    gra.export.folder.write_folder([reader], gra.export.folder.Wanted(("messages", "datasets")), Path(sys.argv[2]))
"""


def test_a_kill_in_the_middle_leaves_the_old_folder_and_the_next_export_works(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(run, out, "alpaca")
    before = contents(out)
    done = subprocess.run([sys.executable, "-c", KILLED, run, out], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL and contents(out) == before
    assert (export(run, out, "messages").path / "messages.jsonl").exists()


def test_if_the_new_folder_cannot_get_its_name_the_old_one_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as draft:
        (draft / "manifest.json").write_text('{"files": []}')
    rename = Path.rename

    def refuses(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuses)
    with pytest.raises(StoreError, match="Permission denied"), whole_folder(out) as draft:
        (draft / "manifest.json").write_text("new")
    assert contents(out) == {"manifest.json": b'{"files": []}'} and [p.name for p in tmp_path.iterdir()] == ["out"]


def test_nothing_to_write_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", [sample(0)])
    with pytest.raises(TargetMissed, match=r"nothing of what is asked for was found.*pairs come from"):
        export(run, tmp_path / "out", "preference")
    empty = run_of(tmp_path / "empty", [rejected(1, "x")])
    with pytest.raises(TargetMissed, match=r"no sample .* ended as accepted"):
        export(empty, tmp_path / "out", "messages")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("changes", "why"), [
    ({"formats": ("csv",)}, "there is no form `csv` of a dataset; there are: messages,"),
    ({"recipes": ("unsloth",)}, "there is no recipe `unsloth`; there are: llama-factory, trl, axolotl"),
    ({"formats": ("mine.py:write",)}, "is a form of your own, which is written alone"),
])  # fmt: skip
def test_what_there_is_not_is_refused_with_what_there_is(
    run: Path, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        export(run, tmp_path / "out", **{"formats": ("messages",), **changes})
    assert not (tmp_path / "out").exists()


# --- bad rows ---------------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Callable[[Sample], Sample], str]] = {
    "empty instruction": (lambda s: replace(s, instruction=" \n"), "its instruction is empty"),
    "no instruction": (lambda s: replace(s, instruction=cast(Any, None)), "its instruction is nothing, not a text"),
    "NUL": (lambda s: replace(s, instruction="a\0b"), "its instruction holds a NUL, at 1"),
    "half a pair": (lambda s: replace(s, instruction="a\ud83d"), "its instruction holds half a surrogate pair"),
    "empty response": (lambda s: answered(s, ""), "its response is empty"),
    "blank response": (lambda s: answered(s, "\t "), "its response is empty"),
    "NUL in the response": (lambda s: answered(s, "x\0"), "its response holds a NUL, at 1"),
    "half a pair in the response": (lambda s: answered(s, "\udc00!"), "its response holds half a surrogate pair"),
    "a number for a response": (lambda s: answered(s, cast(Any, 7)), "its response is of the type int, not a text"),
    "a list for a response": (lambda s: answered(s, cast(Any, ["x"])), "its response is of the type list, not a text"),
}
BAD_KNOWN: dict[str, tuple[Callable[[Sample], Sample], str]] = {
    "score": (lambda s: replace(s, score=float("nan")), "its score is nan, not a finite number"),
    "infinite score": (lambda s: replace(s, score=float("inf")), "its score is inf, not a finite number"),
    "a word for a score": (lambda s: replace(s, score=cast(Any, "high")), "its score is of the type str, not a number"),
    "keywords": (lambda s: replace(s, keywords=cast(Any, (1,))), "its keywords is or has of the type int, not a text"),
    "round": (lambda s: replace(s, round=cast(Any, "1")), "its round is of the type str"),
    "domain": (lambda s: replace(s, domain=cast(Any, None)), "its domain is or has nothing, not a text"),
}
ALL_PARTS = [pytest.param(part, id=f"{format}-{part.stem}") for format, parts in PARTS.items() for part in parts]


def answered(sample: Sample, response: str) -> Sample:
    return replace(sample, versions=(version(response=response),))


def item(part: Part, sample: Sample, other: Sample | None = None) -> Item:
    row = Row(sample, "run")
    if part.kind == "pair":
        return Pair(row, Row(other or rejected(9, task(9)), "run"), 7.0, 2.0, "revision")
    return row if part.kind == "sample" else Judged(row, True)


@pytest.mark.parametrize("part", ALL_PARTS)
@pytest.mark.parametrize(("spoil", "why"), BAD.values(), ids=BAD)
def test_each_form_refuses_a_bad_row_by_sample_and_field(
    tmp_path: Path, part: Part, spoil: Callable[[Sample], Sample], why: str
) -> None:
    path = tmp_path / "file"
    with pytest.raises(BadRow) as refused:
        write_rows(part, path, [item(part, sample(1)), item(part, spoil(sample(5)))])
    assert str(refused.value).startswith(f"r01-00005 cannot be written: {why}.")
    assert list(tmp_path.iterdir()) == []
    write_rows(part, path, [item(part, sample(1))])


@pytest.mark.parametrize("part", ALL_PARTS)
@pytest.mark.parametrize(("spoil", "why"), BAD_KNOWN.values(), ids=BAD_KNOWN)
def test_each_form_refuses_what_is_known_of_a_row_if_it_is_written_and_bad(
    tmp_path: Path, part: Part, spoil: Callable[[Sample], Sample], why: str
) -> None:
    rows = [item(part, sample(1)), item(part, spoil(sample(5)))]
    if part.extra:
        with pytest.raises(BadRow, match=f"r01-00005 cannot be written: {why}"):
            write_rows(part, tmp_path / "file", rows, with_metadata=True)
    if part.columns is None:
        assert write_rows(part, tmp_path / "file", rows) == 2, "what is not written is not looked at"


@pytest.mark.parametrize("part", [p for parts in PARTS.values() for p in parts if p.kind == "pair"])
@pytest.mark.parametrize("response", ["", "a\0", "\ud800"])
def test_a_bad_rejected_answer_is_named_as_such(tmp_path: Path, part: Part, response: str) -> None:
    bad = item(part, sample(1), replace(rejected(9, task(9)), versions=(version(response=response),)))
    with pytest.raises(BadRow, match=r"^r01-00009 cannot be written: its rejected response "):
        write_rows(part, tmp_path / "file", [bad])


def test_an_export_leaves_bad_rows_out_counts_them_and_says_which(tmp_path: Path) -> None:
    spoilt = [
        answered(sample(1), "\ud800"),
        answered(sample(2), "x\0"),
        replace(sample(3), instruction="\udfff"),
        replace(revised(4), versions=(version(0, "", 2.0, "reject"), version(1))),
    ]
    run = run_of(tmp_path / "run", [sample(0), *spoilt, sample(5)], {task(n): vector(n) for n in range(6)})
    done = export(run, tmp_path / "out")
    assert done.manifest["left_out"] == {"unfit": 3}
    assert done.manifest["no_pair"] == {"unfit": 1} and done.manifest["no_judgement"] == {"unfit": 1}
    told = lines(done.path / "left_out.jsonl")
    assert [(row["id"], row["kind"], row["reason"]) for row in told] == [
        ("r01-00001", "unfit", "its response holds half a surrogate pair"),
        ("r01-00002", "unfit", "its response holds a NUL, at 1"),
        ("r01-00003", "unfit", "its instruction holds half a surrogate pair"),
    ]
    assert told[0]["response"] == "\ufffd"
    ids = [row["id"] for row in lines(done.path / "provenance/messages.jsonl")]
    assert ids == ["r01-00000", "r01-00004", "r01-00005"]


def test_what_reviewers_are_called_may_be_anything(tmp_path: Path) -> None:
    odd = replace(CAST, generator=HOSTILE + "\ud800")
    made = replace(sample(1), cast=odd, versions=(replace(version(), cast=odd),), notes={"any": [1, {"x": "\ud800"}]})
    folder = export(run_of(tmp_path / "run", [made]), tmp_path / "out", "messages", metadata=True).path
    (row,) = lines(folder / "messages.jsonl")
    assert row["metadata"]["generator"] == HOSTILE + "\ufffd"
    assert row["metadata"]["notes"] == {"any": [1, {"x": "\ufffd"}]}
