"""Pairs and judged answers: from revisions and from rejected answers, with margins, and never of two like answers."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from export_builders import rejected, revised, run_of, sample, task, version
from hypothesis import given
from hypothesis import strategies as st

from gra.errors import TargetMissed
from gra.export import Format, LeftOut, Row, Screening, Wanted, write_datasets, write_folder
from gra.export.preferences import ALIKE, alike, judged, only, pairs
from gra.records import Ruling, Sample, Status, Verdict
from gra.store.reader import Reader
from gra.store.run_dir import open_run


def pairs_of(
    sample: Sample, *rivals: Sample, least: float = 0.0
) -> tuple[list[tuple[str, str, float, str]], Counter[str]]:
    left: Counter[str] = Counter()
    found = pairs(Row(sample, "run"), [Row(rival, "other") for rival in rivals], least, left)
    return [(p.row.sample.response, p.rejected.sample.response, p.margin, p.origin) for p in found], left


def test_a_revision_that_was_accepted_is_better_than_what_was_turned_down() -> None:
    made = revised(1, was=3.25, now=8.0)
    first, second = made.versions
    assert pairs_of(made) == ([(second.response, first.response, 4.75, "revision")], Counter())


def test_a_rejected_answer_to_the_same_instruction_is_worse() -> None:
    other = rejected(9, task(1), "No idea at all.")
    assert pairs_of(sample(1), other)[0] == [(sample(1).response, "No idea at all.", 5.0, "answer")]


def test_a_refined_seeds_own_response_is_worse_than_the_new_one_that_took_its_place() -> None:
    own, new = version(0, "Own words about the matter.", 6.0), version(1, "Something much better said.", 7.5)
    made = sample(1, versions=(own, new), score=7.5, seed="seed-00001")
    assert pairs_of(made)[0] == [(new.response, own.response, 1.5, "revision")]


def test_the_score_is_the_one_that_counted() -> None:
    ruled = version(0, "Something about the weather.", 9.0, "dispute")
    no = replace(ruled, ruling=Ruling(ruled.opinions[0], Verdict("reject", 2.0, 0.0, "no")))
    yes = version(1, "The answer is twelve.", 8.0)
    assert pairs_of(sample(1, versions=(no, yes)))[0] == [(yes.response, no.response, 6.0, "revision")]


def test_without_judgements_there_is_no_pair() -> None:
    bare = sample(1, versions=(replace(version(), verdict=None), replace(version(1, "Another."), verdict=None)))
    assert pairs_of(bare, rejected(9, task(1))) == ([], Counter())
    never = rejected(9, task(1))
    assert pairs_of(sample(1), replace(never, versions=(replace(never.versions[0], verdict=None),)))[0] == []


@pytest.mark.parametrize(("was", "now", "least", "written"), [
    (7.0, 7.0, 0.0, False),
    (7.5, 7.0, 0.0, False),
    (6.9, 7.0, 0.0, True),
    (6.0, 7.0, 1.0, True),
    (6.1, 7.0, 1.0, False),
])  # fmt: skip
def test_a_pair_has_a_margin_and_at_least_what_is_asked_for(
    was: float, now: float, least: float, written: bool
) -> None:
    found, left = pairs_of(revised(1, was, now), least=least)
    assert len(found) == written and left == ({} if written else {"margin too small": 1})


@pytest.mark.parametrize("other", [
    "It is four, of course, as two and two are four.",
    "  it is FOUR, of course -- as two and two are four!\n",
])  # fmt: skip
def test_like_answers_are_no_pair(other: str) -> None:
    first = version(0, other, 2.0, "reject")
    made = sample(1, versions=(first, version(1, "It is four, of course, as two and two are four.")))
    assert pairs_of(made) == ([], Counter({"nearly the same answer": 1}))


def test_one_word_of_many_makes_no_difference_and_one_of_few_does() -> None:
    long = "So many words about nothing at all " * 10
    assert alike(long + "twelve", long + "thirteen")
    assert not alike("It is twelve.", "It is thirteen.")
    assert alike("!?", "") and not alike("!?", "word")


WORDS = st.lists(st.sampled_from(["a", "b", "C", "d!"]), max_size=30).map(" ".join)


@given(WORDS, WORDS)
def test_alike_is_symmetric_and_every_text_is_like_itself(one: str, other: str) -> None:
    assert alike(one, one) and alike(one, other) == alike(other, one)
    assert alike(one, one.upper() + " ...")


def test_alike_is_a_share_of_words() -> None:
    same, total = 38, 40
    one = " ".join(f"w{n}" for n in range(total))
    assert same / total == ALIKE
    assert alike(one, " ".join([f"w{n}" for n in range(same)] + ["x", "y"]))
    assert not alike(one, " ".join([f"w{n}" for n in range(same - 1)] + ["x", "y", "z"]))


def test_every_answer_that_was_judged_has_its_label_and_its_own_score() -> None:
    found = list(judged(Row(revised(1, 3.0, 8.0), "run")))
    assert [(item.label, item.row.sample.score) for item in found] == [(False, 3.0), (True, 8.0)]
    assert [item.known()["score"] for item in found] == [3.0, 8.0]
    passed_over = sample(1, versions=(version(0, "Own.", 6.0), version(1, "New.", 7.0)))
    assert [item.label for item in judged(Row(passed_over, "run"))] == [True], "what passed and was bettered is not bad"
    assert only(Row(revised(1), "run"), revised(1).versions[0]).sample.response == revised(1).versions[0].response


# --- from runs --------------------------------------------------------------------------------------------------------


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_answers_are_found_in_the_same_run_and_in_others_letter_by_letter(tmp_path: Path) -> None:
    first = run_of(
        tmp_path / "first", [sample(1), rejected(8, task(1), "Same run."), rejected(9, task(1) + " ", "Not.")]
    )
    second = run_of(tmp_path / "second", [
        sample(2),
        rejected(4, task(1), "Another run."),
        rejected(5, task(1), "Ruled out.", status=Status.REJECTED_RULING),
        rejected(6, task(1), "A duplicate is not bad.", status=Status.DUPLICATE),
        rejected(7, task(2), "And for the other."),
    ])  # fmt: skip
    with Reader(open_run(first)) as one, Reader(open_run(second)) as two:
        done = write_datasets([one, two], Format.PREFERENCE, tmp_path / "x.jsonl", metadata=True)
        rows = written(done.path)
    assert [
        (row["rejected"][0]["content"], row["metadata"]["rejected_run"], row["metadata"]["rejected_id"]) for row in rows
    ] == [
        ("Same run.", "first", "r01-00008"),
        ("Another run.", "second", "r01-00004"),
        ("Ruled out.", "second", "r01-00005"),
        ("And for the other.", "second", "r01-00007"),
    ]
    assert {row["metadata"]["origin"] for row in rows} == {"answer"} and done.rows == 4


def test_nothing_to_pair_says_why(tmp_path: Path) -> None:
    alone = run_of(tmp_path / "alone", [sample(1)])
    close = run_of(tmp_path / "close", [revised(1, 7.5, 7.0)])
    for run, why in (
        (alone, "pairs come from samples that were revised"),
        (close, r"left out: 1 \(margin too small\)"),
    ):
        with Reader(open_run(run)) as reader, pytest.raises(TargetMissed, match=why):
            write_datasets([reader], Format.PREFERENCE, tmp_path / "x.jsonl")
    assert not (tmp_path / "x.jsonl").exists()


def test_judged_answers_are_those_of_accepted_and_of_rejected_samples(tmp_path: Path) -> None:
    samples = [
        sample(1),
        revised(2),
        rejected(8, "Some other thing"),
        rejected(9, "Empty", "  "),
        sample(3, status=Status.SURPLUS),
    ]
    with Reader(open_run(run_of(tmp_path / "run", samples))) as reader:
        rows = written(write_datasets([reader], Format.UNPAIRED_PREFERENCE, tmp_path / "x.jsonl").path)
    assert [(row["prompt"][0]["content"], row["label"]) for row in rows] == [
        (task(1), True), (task(2), False), (task(2), True), ("Some other thing", False),
    ]  # fmt: skip


def test_a_screen_sees_every_text_that_leaves_and_a_filter_every_row_once(tmp_path: Path) -> None:
    secret = "the key is 1234"
    samples = [
        sample(0, versions=(version(response=secret),)),
        sample(1),
        rejected(8, task(1), secret),
        sample(2, versions=(version(0, secret, 2.0, "reject"), version(1, "A clean answer."))),
        revised(3),
        rejected(9, "Unrelated", secret),
    ]
    seen = []

    def screen(row: Row) -> LeftOut | None:
        return LeftOut("secret", "it tells a key") if secret in row.sample.response else None

    def once(row: Row) -> None:
        seen.append(row.sample.id)

    wanted = Wanted([Format.MESSAGES, Format.PREFERENCE, Format.UNPAIRED_PREFERENCE], test_share=0.3)
    with Reader(open_run(run_of(tmp_path / "run", samples))) as reader:
        done = write_folder([reader], wanted, tmp_path / "out", Screening([screen], [once]))
    for file in done.manifest["files"]:
        if file["path"] != "left_out.jsonl":
            assert secret not in (done.path / file["path"]).read_text(), file["path"]
    assert seen == ["r01-00001", "r01-00002", "r01-00003"], "what a screen stops is not shown to a filter"
    assert done.manifest["left_out"] == {"secret": 1}
    assert done.manifest["no_pair"] == {"secret": 2} and done.manifest["no_judgement"] == {"secret": 3}
    assert written(done.path / "left_out.jsonl") == [
        {
            "run": "run",
            "kind": "secret",
            "id": "r01-00000",
            "reason": "it tells a key",
            "instruction": None,  # what holds a key is not shown beside the dataset either
            "response": None,
        }
    ]
