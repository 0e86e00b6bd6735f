"""The numbers on the table, of a run whose reviewers have known habits."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from report_builders import GATE, judged, make_run
from typer.testing import CliRunner

import gra
from gra.cli.app import app
from gra.errors import ConfigError
from gra.records import Sample, Status, Verdict
from gra.report.bench import Bench, drawn, reviewers_of
from gra.report.known import read_known
from gra.report.removal import NO_VERDICT, Removals
from gra.report.reviewers import Reviewers
from gra.store.reader import Reader
from gra.store.verdicts import put_verdict
from gra.synthesis.decide import PaperRule


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"), [judged(n) for n in range(240)]).path


@pytest.fixture(scope="module")
def found(folder: Path) -> Reviewers:
    with gra.load(folder) as run:
        return run.reviewers()


def test_agreement_is_told_in_whole_and_in_part(found: Reviewers) -> None:
    whole = found.of("response")[0]
    assert whole.texts == 240 and whole.scores and 0.3 < whole.scores < 0.9 and whole.votes and whole.votes > 0
    assert {row.name for row in found.of("response", "criterion")} == {"correctness", "clarity"}
    assert sum(row.texts for row in found.of("response", "domain")) == 240
    assert [row.name for row in found.of("response", "round")] == ["1", "2"]
    assert found.of("instruction")[0].votes is None, "all always say yes"


def test_two_by_two(found: Reviewers) -> None:
    pairs = {(t.pair.a, t.pair.b): t for t in found.pairs if t.stage == "response"}
    two = pairs["alpha-2", "gamma-1"]
    assert two.n == two.pair.n == 240 and two.correlation and two.correlation > 0.6
    assert two.pair.only_a > two.pair.only_b, "gamma-1 is the harsher one"
    assert pairs["alpha-1", "gamma-1"].n == 120, "it writes the others"


def test_the_matrix_takes_leniency_out_and_self_preference_is_found(found: Reviewers) -> None:
    cells = {(c.generator, c.reviewer): c for c in found.matrix}
    assert cells["alpha-1", "alpha-2"].standardised > 0.3 > -0.2 > cells["beta-1", "alpha-2"].standardised
    assert abs(sum(cells[g, "gamma-1"].standardised * cells[g, "gamma-1"].n for g in ("alpha-1", "beta-1"))) < 1e-6
    own = {(reviewer, of): effect for reviewer, of, effect in found.own}
    kin = own["alpha-2", "its family"]
    assert kin and kin.low > 0 and kin.p < 0.01
    assert own["gamma-1", "its family"] is None and own["alpha-2", "itself"] is None
    assert all(effect and effect.low < 0.3 for _, effect in found.length)


def test_what_each_reviewer_decides(found: Reviewers) -> None:
    removal = {r.reviewer: r for r in found.removal}
    assert (found.removal_samples, found.removal_unlike) == (240, 0)
    assert removal["gamma-1"].sat == 240 and removal["alpha-1"].sat == 120
    harsh, lenient = removal["gamma-1"].how, removal["beta-1"].how
    assert harsh["reject to accept"] > harsh.get("accept to reject", 0)
    assert lenient["accept to reject"] > lenient.get("reject to accept", 0)
    assert removal["gamma-1"].changed == sum(harsh.values()) and 0 < (removal["gamma-1"].share or 0) < 1


def test_a_removal_is_the_gate_without_that_opinion() -> None:
    removals = Removals(PaperRule(GATE), "none")
    samples = [judged(n) for n in range(60)]
    for sample in samples:
        removals.add(sample)
    changed = 0
    for sample in samples:
        version = sample.versions[0]
        left = [o for o in version.opinions if o.model != "gamma-1"]
        alone = PaperRule(GATE).judge("response", left).outcome
        changed += (alone == "accept") != (sample.status is Status.ACCEPTED)
    assert {r.reviewer: r.changed for r in removals.found()}["gamma-1"] == changed > 0


def test_without_a_quorum_there_is_no_verdict() -> None:
    sample = judged(0)
    version = sample.versions[0]
    one, *others = version.opinions
    torn = replace(version, opinions=(one, *(replace(o, failure="unread", scores={}) for o in others[1:])))
    removals = Removals(PaperRule(GATE), "none")
    assert removals.end(replace(sample, versions=(torn,)), one.model) == NO_VERDICT


def test_calibration_against_people(folder: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.jsonl"
    lines = [{"id": judged(n).id, "good": judged(n).score > 5} for n in range(100)]
    known.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    with gra.load(folder) as run:
        curves = {who: curve for who, by, curve in run.reviewers(read_known(known)).calibration if by == "people"}
    assert curves["gamma-1"].n == 100 and curves["alpha-1"].n == 50 and 0 < curves["beta-1"].ece < 0.5
    for text, words in (('{"id": 3, "good": true}', "line 1"), ("{", "line 1"), ('\n{"id": "a"}', "line 2")):
        known.write_text(text)
        with pytest.raises(ConfigError, match=words):
            read_known(known)
    with pytest.raises(ConfigError, match="cannot read"):
        read_known(tmp_path / "none")


def test_what_people_say_in_the_inspector_is_known(tmp_path: Path) -> None:
    samples = [judged(n) for n in range(20)]
    run = make_run(tmp_path, samples)
    for sample in samples[:8]:
        put_verdict(run, sample, sample.score > 5)
    put_verdict(run, replace(samples[9], instruction="as it was before"), True)
    with Reader(run) as reader:
        curves = {who: curve for who, by, curve in reviewers_of(reader).calibration if by == "people"}
        more = {who: curve for who, by, curve in reviewers_of(reader, {samples[9].id: True}).calibration}
        people = reviewers_of(reader).people
    assert curves["gamma-1"].n == 8 and more["gamma-1"].n == 9
    rows = {(row.part, row.name): row for row in people.rows}
    assert people.samples == rows["the end", ""].n == rows["reviewer", "gamma-1"].n == 8
    done = CliRunner().invoke(app, ["reviewers", str(run.path)], env={"COLUMNS": "160"})
    assert "Beside people, who would keep" in done.stdout and "of 8 samples" in done.stdout
    plain = json.loads(CliRunner().invoke(app, ["reviewers", str(run.path), "--json"]).stdout)
    assert plain["people"]["samples"] == 8 and plain["disputes"]["responses"] == 20


def test_what_the_calibrated_gate_expects(tmp_path: Path) -> None:
    def with_score(index: int, score: float, status: Status, outcome: str) -> Sample:
        sample = judged(index)
        verdict = Verdict(outcome, score, 0.0, "")  # type: ignore[arg-type]
        version = replace(sample.versions[0], verdict=verdict)
        return replace(sample, versions=(version,), status=status, score=score)

    samples = [
        with_score(0, 9.0, Status.ACCEPTED, "accept"),
        with_score(1, 7.0, Status.ACCEPTED, "accept"),
        with_score(2, 8.0, Status.DUPLICATE, "accept"),
        with_score(3, 4.0, Status.REJECTED_RESPONSE, "reject"),
    ]
    run = make_run(tmp_path, samples, gate={"type": "calibrated"})
    with Reader(run) as reader:
        kept = reviewers_of(reader).kept
    assert kept and kept.precision == pytest.approx(0.8) and kept.recall == pytest.approx(2.4 / 2.8)
    assert (kept.accepted, kept.judged) == (2, 4)


def test_commands_and_json(folder: Path) -> None:
    done = CliRunner().invoke(app, ["reviewers", str(folder)], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    for text in ("alpha-2", "favours its family", "favours length", "reject to accept", "drawn with seed 0"):
        assert text in done.stdout, text
    plain = json.loads(CliRunner().invoke(app, ["reviewers", str(folder), "--json"]).stdout)
    assert plain["removal_samples"] == 240 and len(plain["matrix"]) == 6
    assert {row["of"] for row in plain["self_preference"]} == {"itself", "its family"}
    status = CliRunner().invoke(app, ["status", str(folder)], env={"COLUMNS": "160"})
    assert "agreement on 240 responses: Krippendorff's alpha 0." in status.stdout
    glance = json.loads(CliRunner().invoke(app, ["status", str(folder), "--json"]).stdout)["reviewers"]
    assert glance["alpha"]["response"]["texts"] == 240 and glance["kept"] is None


def test_nothing_to_tell_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path, [])
    done = CliRunner().invoke(app, ["reviewers", str(run.path)])
    assert done.exit_code == 0 and "nothing has been reviewed yet" in done.stdout
    assert CliRunner().invoke(app, ["status", str(run.path)]).exit_code == 0


def test_a_draw_is_the_same_every_time() -> None:
    assert drawn(10, 20) == frozenset(range(10))
    assert len(drawn(1000, 20)) == 20 and drawn(1000, 20) == drawn(1000, 20)


def test_memory_is_flat(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept does not grow with the samples, beyond what is drawn."""
    monkeypatch.setattr("gra.report.bench.TEXTS", 50)
    monkeypatch.setattr("gra.report.bench.REMOVALS", 20)
    samples = [judged(n) for n in range(40)]

    def kept(times: int) -> int:
        with Reader(gra.load(folder)._reader.run) as reader:
            bench = Bench(reader)
        tracemalloc.start()
        for _ in range(times):
            for sample in samples:
                bench.add(sample)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    kept(1)
    assert kept(30) < kept(6) * 1.3
