"""`gra status` and `gra show`: complete, readable at any width, and inert."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import rich
from cli_builders import FORBIDDEN, build_run, one_of_each, opinion, sample, version
from rich.console import Console
from typer.testing import Result

from gra.cli.views.run_report import status
from gra.cli.views.sample_view import review
from gra.records import Opinion, Status, Verdict
from gra.report.survey import Report, report_on
from gra.store.lock import exclusive
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verdicts import put_verdict
from gra.synthesis.decide import settled

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


def test_status_says_what_there_is_to_say(gra: Gra, run_folder: Path) -> None:
    done = gra("status", run_folder)
    assert done.exit_code == 0
    for text in (
        "3 of 3 samples accepted",
        "complete",
        "rejected instruction",
        "vetoed (one: clarity)",
        "cannot tell good from broken",
        "can tell, but not in Coding",
        "25.0%",
        "Math 8",
    ):
        assert text in done.stdout, text


def test_status_as_json_adds_up(gra: Gra, run_folder: Path) -> None:
    found = json.loads(gra("status", run_folder, "--json").stdout)
    assert found["accepted"] == 3 and found["state"] == "complete"
    assert sum(s["count"] for s in found["statuses"]) == found["funnel"][0]["count"] == 12
    cells = found["calls"]["by_model_and_task"]
    assert sum(c["calls"] for c in cells) == found["calls"]["all"]["calls"] == 27
    assert all(c["hit_rate"] == c["cached_tokens"] / c["prompt_tokens"] for c in cells if c["prompt_tokens"])
    assert {c["role"] for c in cells} == {"annotator", "exam", "generator", "reviewer"}
    assert found["outside_yes_and_no"]["one"] == pytest.approx(0.25)


def test_a_server_that_tells_nothing_of_its_cache_is_not_said_to_have_none(run_folder: Path) -> None:
    with Reader(open_run(run_folder)) as reader:
        report = report_on(reader)
    assert report.totals.untold() == () and "tells nothing" not in _told(report)
    cells = {k: replace(t, cached_tokens=0) if k[0] == "one" else t for k, t in report.totals.cells.items()}
    mute = replace(report, totals=replace(report.totals, cells=cells))
    assert mute.totals.untold() == ("one",)
    assert "of cached tokens the server of one tells nothing" in _told(mute)
    assert "--enable-prompt-tokens-details" in _told(mute)


def _told(report: Report) -> str:
    console = Console(width=200)
    with console.capture() as said:
        for part in status(report):
            console.print(part)
    return said.get()


def test_a_run_that_has_not_begun_a_round(gra: Gra, tmp_path: Path) -> None:
    run = build_run(tmp_path, [], closed=False)
    assert f"gra resume {run}" in gra("status", run, columns=40).stdout, "never broken, so that it can be copied"
    assert gra("show", run).exit_code == 0


def test_a_run_at_work_is_said_to_be(gra: Gra, tmp_path: Path) -> None:
    run = build_run(tmp_path, [sample(0, Status.PASSED)], closed=False)
    with exclusive(run / "lock"):
        assert "a process is working on it" in gra("status", run).stdout
    assert "passed, waiting for the round to close" in " ".join(gra("status", run).stdout.split())


def test_a_dispute_shows_how_it_was_settled_without_an_adjudicator(gra: Gra, tmp_path: Path) -> None:
    disputed = Verdict("dispute", 8.0, 2.5, "mean 8.00 passes", {"one": 0.5, "two": 0.5}, {"one": True, "two": False})
    last = replace(version(), verdict=disputed, settlement=settled(disputed, "majority"))
    run = build_run(tmp_path, [sample(0, Status.REJECTED_RESPONSE, versions=(last,))])
    shown = " ".join(gra("show", run, "r01-00000", columns=200).stdout.split())
    assert "dispute: mean 8.00 passes" in shown
    assert "Settled without an Adjudicator reject: disputed (mean 8.00 passes); 1 of 2 votes are for it" in shown


def test_a_revised_sample_shows_its_whole_review(gra: Gra, run_folder: Path) -> None:
    done = gra("show", run_folder, "r01-00001")
    for text in (
        "Keywords",
        "after seed-00000",
        "Review of the instruction",
        "correct",
        "0.75",
        "could not be read: it did not answer",
        "Add a number.",
        "- Four.",
        "+ Five.",
        "reject: above 70%",
        "v0.review.response.one.correctness",
    ):
        assert text in done.stdout, text


def test_a_reviewer_that_was_not_asked_is_no_failed_one(gra: Gra, tmp_path: Path) -> None:
    spared = Opinion("two", "response", "probability", unasked="it has no say here")
    last = replace(version(), opinions=(opinion("one"), spared))
    run = build_run(tmp_path, [sample(0, Status.REJECTED_RESPONSE, versions=(last,))])
    shown = " ".join(gra("show", run, "r01-00000", columns=200).stdout.split())
    assert "two was not asked: it has no say here" in shown
    assert "two could not be read" not in shown
    plain = json.loads(gra("show", run, "r01-00000", "--json").stdout)
    assert plain["versions"][0]["opinions"][1]["unasked"] == "it has no say here"


def test_a_disputed_sample_shows_the_ruling(gra: Gra, run_folder: Path) -> None:
    assert "Ruling of the Adjudicator" in gra("show", run_folder, "r01-00002").stdout


def test_a_duplicate_shows_what_it_duplicates(gra: Gra, run_folder: Path) -> None:
    done = gra("show", run_folder, "r01-00006")
    assert "too close to r01-00000 (cosine 0.970)" in done.stdout
    assert "What is 0 plus two?" in done.stdout


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
@pytest.mark.parametrize("arguments", [["status"], ["show"], *(["show", f"r01-{n:05d}"] for n in range(12))])
def test_hostile_text_is_inert_and_fits(gra: Gra, run_folder: Path, arguments: list[str], columns: int) -> None:
    done = gra(arguments[0], run_folder, *arguments[1:], columns=columns)
    assert done.exit_code == 0
    assert not any(c in done.stdout for c in FORBIDDEN)
    too_long = [text for text in done.stdout.splitlines() if len(text) > columns and str(run_folder) not in text]
    assert not too_long


def test_calls_in_full(gra: Gra, run_folder: Path) -> None:
    done = gra("show", run_folder, "r01-00000", "--calls")
    for text in ("[user]", "[bold red]markup[/] :smile:", "yes 0.7500, no 0.2000", "refused: too long", "p@1"):
        assert text in done.stdout, text
    assert not any(c in done.stdout for c in FORBIDDEN)


def test_a_sample_as_json(gra: Gra, run_folder: Path) -> None:
    text = gra("show", run_folder, "r01-00002", "--json", "--calls").stdout
    assert text.isascii() and "\\ud800" not in text and "\x7f" not in text
    found = json.loads(text)
    assert found["status"] == "accepted"
    assert found["examples"][0]["instruction"] == "Say number 0 in words."
    assert found["versions"][0]["ruling"]["verdict"]["outcome"] == "accept"
    assert found["calls"][0]["request"]["messages"][0]["role"] == "user"


def test_the_list_can_be_narrowed(gra: Gra, run_folder: Path) -> None:
    assert len(json.loads(gra("show", run_folder, "--json").stdout)) == 12
    found = json.loads(gra("show", run_folder, "--status", "unusable", "--json").stdout)
    assert [s["id"] for s in found] == ["r01-00007", "r01-00008"]
    assert json.loads(gra("show", run_folder, "--round", "2", "--json").stdout) == []
    assert "3 of 12; more with --limit" in gra("show", run_folder, "--limit", 3).stdout


def test_the_beginning_of_an_id_is_enough(gra: Gra, tmp_path: Path) -> None:
    run = build_run(tmp_path, one_of_each())
    assert "r01-00011" in gra("show", run, "r01-00011").stdout
    assert "r01-00010" in gra("show", run, "r01-0001").stderr, "two samples begin so, and both are named"
    assert "4 plus two" in gra("show", run, "r01-00004").stdout
    for text, words in (("r09", "no sample of"), ("exam-000", "has not ended yet")):
        done = gra("show", run, text)
        assert (done.exit_code, words in done.stderr) == (5, True)


def test_criteria_of_ones_own_are_the_columns(gra: Gra, tmp_path: Path) -> None:
    judged = version()
    said = replace(judged, opinions=(opinion("one", scores={"fun": 0.25, "true": 0.5}),))
    shown = gra("show", build_run(tmp_path, [sample(0, versions=(said,))]), "r01-00000").stdout
    review = shown.partition("Review of the response")[2].splitlines()
    assert review[1].split() == ["reviewer", "fun", "true", "weight"]
    assert review[2].split() == ["one", "0.25", "0.50", "0.25"]


def test_what_a_person_said_of_a_sample_is_told(gra: Gra, run_folder: Path) -> None:
    put_verdict(open_run(run_folder), one_of_each()[0], False, "the sum is \x1b[2Jwrong")
    assert "rejects it: the sum is wrong" in gra("show", run_folder, "r01-00000").stdout
    plain = json.loads(gra("show", run_folder, "r01-00000", "--json").stdout)
    assert (plain["person"]["accept"], plain["person"]["note"]) == (False, "the sum is \x1b[2Jwrong")
    assert json.loads(gra("show", run_folder, "r01-00001", "--json").stdout)["person"] is None


def test_a_verifier_is_shown_with_what_it_measured_or_why_it_did_not(capsys: pytest.CaptureFixture[str]) -> None:
    opinions = (
        Opinion("one", "response", "written", {"clarity": 8.0}),
        Opinion("@relevance", "response", "evidence", {"evidence": 0.8125}),
        Opinion("@math", "response", "evidence", abstained="the response comes to no result"),
    )
    weights = {"one": 0.4, "@relevance": 0.6}
    for part in review("response", opinions, Verdict("accept", 8.0, 0.5, "good", weights)):
        rich.print(part)
    shown = capsys.readouterr().out
    assert "@relevance" in shown and "0.81" in shown and "0.60" in shown
    assert "what a verifier measured, as a number from 0 to 1" in shown
    assert "@math has nothing to say: the response comes to no result" in shown
