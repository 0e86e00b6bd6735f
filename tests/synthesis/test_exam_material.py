from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gra.config.material import ExamConfig
from gra.errors import SeedError
from gra.synthesis.exam_material import MOST, digest_of, read_labelled, strange_domains


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


PAIR = {"instruction": "Say one.", "chosen": "One.", "rejected": "Two.", "chosen_author": "me", "domain": "Math"}
SWAPPED = {**PAIR, "chosen": PAIR["rejected"], "rejected": PAIR["chosen"]}
UNKNOWN = {"chosen_author": None, "rejected_author": None, "domain": None}


def test_pairs_are_read_with_their_authors(tmp_path: Path) -> None:
    (found,) = read_labelled(ExamConfig(pairs=lines(tmp_path / "p.jsonl", PAIR))).labelled
    assert (found.name, found.kind, found.good, found.bad) == ("p000", "rejected", "One.", "Two.")
    assert (found.domain, found.good_author, found.bad_author) == ("Math", "me", "")
    (found,) = read_labelled(ExamConfig(pairs=lines(tmp_path / "u.jsonl", {**PAIR, **UNKNOWN}))).labelled
    assert (found.domain, found.good_author, found.bad_author) == ("", "", ""), "nothing is nobody, not `None`"


def graded(instruction: str, response: str, correct: bool) -> dict[str, Any]:
    return {"instruction": instruction, "response": response, "correct": correct, "system": f"by {response}"}


def test_graded_answers_are_paired_within_an_instruction_first(tmp_path: Path) -> None:
    rows = [graded("A", "a1", True), graded("A", "a2", False), graded("B", "b", True), graded("C", "c", False)]
    found = read_labelled(ExamConfig(graded=lines(tmp_path / "g.jsonl", *rows))).labelled
    assert [(f.instruction, f.good, f.bad_instruction, f.bad) for f in found] == [
        ("A", "a1", "A", "a2"),
        ("B", "b", "C", "c"),
    ]
    assert found[0].good_author == "by a1"


def test_what_is_left_over_is_paired_within_a_domain_first(tmp_path: Path) -> None:
    said = [("A", True, "Sea"), ("B", True, "Land"), ("C", True, "Air"), ("D", True, "Land")]
    said += [("1", False, "Land"), ("2", False, "Sea"), ("3", False, ""), ("4", False, "Fire")]
    rows = [{**graded(name, name, correct), "domain": domain} for name, correct, domain in said]
    found = read_labelled(ExamConfig(graded=lines(tmp_path / "g.jsonl", *rows))).labelled
    pairs = [(f.good, f.bad, f.domain) for f in found]
    assert pairs == [("A", "2", "Sea"), ("B", "1", "Land"), ("C", "3", "Air"), ("D", "4", "")]
    assert strange_domains(found, ["Land", "Sea", "Air"]) == ()
    (told,) = strange_domains(found, ["Land"])
    assert "(`Air`, `Sea`)" in told


def test_what_is_said_twice_counts_once_and_what_is_contradicted_does_not_count(tmp_path: Path) -> None:
    better = {**PAIR, "chosen": "1", "rejected": "One."}
    pairs = lines(tmp_path / "p.jsonl", PAIR, {**PAIR, "chosen": " One. "}, better)
    said = [("A", "a1", True), ("A", "a1", True), ("B", "b", True), ("A", "a2", False), ("B", "b ", False)]
    marks = lines(tmp_path / "g.jsonl", *(graded(*row) for row in said))
    labelled, problems = read_labelled(ExamConfig(pairs=pairs, graded=marks))
    assert [(x.name, x.good, x.bad) for x in labelled] == [
        ("p000", "One.", "Two."),
        ("p001", "1", "One."),
        ("g000", "a1", "a2"),
    ]
    assert [problem.replace(str(tmp_path), "") for problem in problems] == [
        "/p.jsonl, line 2: the same as /p.jsonl, line 1",
        "/g.jsonl, line 2: the same as /g.jsonl, line 1",
        "/g.jsonl, line 5: it contradicts /g.jsonl, line 3; neither counts",
    ]
    many = lines(tmp_path / "m.jsonl", *[PAIR] * 40)
    told = read_labelled(ExamConfig(pairs=many)).problems
    assert len(told) == 21 and told[-1] == "and 19 more labelled answers, left out"


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    one = read_labelled(ExamConfig(pairs=lines(tmp_path / "one.jsonl", PAIR))).labelled
    again = read_labelled(ExamConfig(pairs=lines(tmp_path / "again.jsonl", PAIR))).labelled
    other = read_labelled(ExamConfig(pairs=lines(tmp_path / "other.jsonl", {**PAIR, "rejected": "Three."}))).labelled
    assert digest_of(one) == digest_of(again) != digest_of(other)
    assert digest_of(()) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("[1]", "line 1: no JSON object"),
        ("\n{", "line 2: no JSON object"),
        ("[" * 100_000, "no JSON object"),
        (json.dumps({**PAIR, "chosen": ""}), "`chosen` is not there, or is no text"),
        (json.dumps({**PAIR, "chosen": 3}), "`chosen` is not there, or is no text"),
        (json.dumps({**PAIR, "chosen": "Two. "}), "are the same"),
        (json.dumps({**PAIR, "chosen": "x" * 20_001}), "20,000 is the most"),
        ("{}\n" * (MOST + 1), "20,000 is the most"),
        (json.dumps({**PAIR, "chosen": "One \ud800"}), "line 1: `chosen` is not valid UTF-8 text"),
        (json.dumps({**PAIR, "instruction": "Say\0one"}), "line 1: `instruction` holds a NUL character"),
        (json.dumps({**PAIR, "domain": "x" * 201}), "`domain` has 201 characters; 200 is the most"),
        (json.dumps({**PAIR, "rejected_author": "\udfff"}), "`rejected_author` is not valid UTF-8 text"),
        (json.dumps({**PAIR, "domain": ["a"]}), "`domain` is a list, not text"),
        ("\n".join(json.dumps(p) for p in (PAIR, SWAPPED)), "nothing is left of the file; .*line 2: it contradicts"),
    ],
)
def test_a_wrong_file_of_pairs_is_told_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SeedError, match=said):
        read_labelled(ExamConfig(pairs=path))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([graded("A", "a", True)], "all answers there are right"),
        ([graded("A", "a", False)], "all answers there are wrong"),
        ([{**graded("A", "a", True), "correct": "yes"}], "neither true nor false"),
    ],
)
def test_a_wrong_graded_file_is_told(tmp_path: Path, rows: list[Any], said: str) -> None:
    with pytest.raises(SeedError, match=said):
        read_labelled(ExamConfig(graded=lines(tmp_path / "g.jsonl", *rows)))


def test_an_absent_file_or_one_in_another_encoding_is_told(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="cannot be read"):
        read_labelled(ExamConfig(pairs=tmp_path / "none.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b'{"instruction": "\xe4"}')
    with pytest.raises(SeedError, match="UTF-8"):
        read_labelled(ExamConfig(pairs=tmp_path / "latin.jsonl"))
