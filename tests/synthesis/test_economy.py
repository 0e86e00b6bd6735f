"""The same decisions with fewer opinions: random committees judged in full and with economy."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.config.criteria import CriteriaConfig, Criterion
from gra.config.synthesis import CalibratedGate, PaperGate, SeedsGate
from gra.records import Opinion, Outcome, Stage, Verdict
from gra.records import Reading as ReadingName
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.decide import Gate, PaperRule, SeedsRule, quorum, settled
from gra.synthesis.economy import Economy
from gra.synthesis.standing import Standing

NAMES = ("ash", "elm", "fir", "oak", "yew")
JUDGE = "judge"
STAGES: tuple[Stage, ...] = ("instruction", "response")
PLAIN = CriteriaConfig()
WEIGHTED = CriteriaConfig(
    response=tuple(
        Criterion(name=name, question="?", description="it is.", weight=weight)
        for name, weight in (("sound", 2.0), ("brief", 0.5), ("extra", 0.0))
    )
)
PROBABILITIES = st.one_of(st.sampled_from([0.0, 1e-4, 0.5, 1.0 - 1e-4, 1.0]), st.floats(0, 1))


def opinion(
    draw: st.DrawFn, model: str, stage: Stage, reading: ReadingName, criteria: CriteriaConfig, fails: bool
) -> Opinion:
    blank = Opinion(model, stage, reading, weights=criteria.weights(stage))
    if fails and reading == "evidence":
        return replace(blank, abstained="there is no number in it")
    if fails:
        return replace(blank, failure="it gave seven scores")
    if reading == "evidence":
        return Opinion(model, stage, reading, {"evidence": draw(PROBABILITIES)})
    names = [c.name for c in criteria.of(stage)]
    marks = st.integers(0, 1) if stage == "instruction" else st.integers(1, 10)
    scores = marks.map(float) if reading == "written" else PROBABILITIES
    # Mostly of one mind, as models are: independent scores would all be of a middling mean.
    leaning = draw(scores)
    return replace(blank, scores={name: draw(st.just(leaning) | scores) for name in names})


def standing(draw: st.DrawFn, model: str, stage: Stage) -> Standing:
    """Of a model that can tell a little, well, or not at all."""
    luck, apart, n = random.Random(draw(st.integers(0, 10**6))), draw(st.sampled_from([0.0, 0.9, 1.5, 4.0])), 12
    good = tuple(luck.gauss(1 + apart, 1.0) for _ in range(draw(st.sampled_from([n, n // 2]))))
    return Standing(model, stage, good, tuple(luck.gauss(1, 1.0) for _ in good))


@st.composite
def gates(draw: st.DrawFn) -> PaperRule | SeedsRule | CalibratedRule:
    standings = {(m, s): standing(draw, m, s) for m in (*NAMES, JUDGE) for s in STAGES}
    kind = draw(st.sampled_from(["paper", "seeds", "calibrated"]))
    if kind == "paper":
        taus, deviations = st.sampled_from([2.0, 5.0, 8.0]) | st.floats(0, 10), st.sampled_from([0.0, 1.5, 3.0])
        return PaperRule(PaperGate(tau=draw(taus), sigma_max=draw(deviations)))
    if kind == "calibrated":
        chosen = CalibratedGate(
            keep_precision=draw(st.sampled_from([0.5, 0.8, 0.95])),
            good_share=draw(st.sampled_from([0.2, 0.5])),
            keep_instructions_above=draw(st.sampled_from([0.0, 0.1, 0.5])),
            doubt=draw(st.sampled_from([0.0, 0.5, 2.0])),
        )
        return CalibratedRule(chosen, standings)
    config = SeedsGate(
        keep_above=draw(st.sampled_from([0.0, 0.25, 0.6])),
        keep_instructions_above=draw(st.sampled_from([0.0, 0.1, 0.5])),
        dispute_band=draw(st.sampled_from([0.0, 0.1, 0.3])),
    )
    return SeedsRule(config, standings)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Economy, dict[str, Opinion], Opinion]:
    """A committee, what each of its members would say, and what an Adjudicator would."""
    gate, stage = draw(gates()), draw(st.sampled_from(STAGES))
    criteria = draw(st.sampled_from([PLAIN, WEIGHTED]))
    reviewers = tuple(draw(st.permutations(NAMES)))[: draw(st.integers(1, len(NAMES)))]
    mixed = draw(st.sampled_from([("probability",), ("written",), ("written", "probability")]))
    readings: dict[str, ReadingName] = {model: draw(st.sampled_from(mixed)) for model in reviewers}
    fails = st.sampled_from([False, False, False, True])
    if stage == "response" and isinstance(gate, SeedsRule) and len(reviewers) > 1 and draw(st.booleans()):
        readings[reviewers[-1]] = "evidence"
    said = {m: opinion(draw, m, stage, readings[m], criteria, draw(fails)) for m in reviewers}
    ruling = opinion(draw, JUDGE, "response", "probability", criteria, draw(fails))
    return Economy(gate, stage, reviewers, readings, criteria, draw(st.booleans())), said, ruling


def heard(economy: Economy, would: Mapping[str, Opinion]) -> tuple[Opinion, ...]:
    known: dict[str, Opinion] = {}
    while asked := economy.needed(known):
        assert not known.keys() & {*asked}, "nobody is asked twice"
        known |= {model: would[model] for model in asked}
    return economy.complete(known)


def seen(economy: Economy, opinions: Sequence[Opinion], ruling: Opinion) -> dict[str, Any]:
    """Everything about a review that a later step, or the dataset, depends on."""
    gate = economy.gate
    if not quorum(opinions):
        return {"outcome": None}
    verdict = gate.judge(economy.stage, opinions)
    outcome: dict[str, Any] = {"outcome": verdict.outcome}
    if economy.stage == "instruction":
        return outcome
    if verdict.outcome == "reject":
        revised = economy.revisable and gate.mendable(verdict)
        return {**outcome, "revised after comments of": say(verdict) if revised else None}
    if say(verdict):
        outcome |= {"score": verdict.score, "spread": verdict.spread, "say": say(verdict), "reason": verdict.reason}
    if verdict.outcome == "dispute":
        ends = [gate.rule(ruling, opinions), settled(verdict, "majority"), settled(verdict, "none")]
        outcome["ends"] = [(e.outcome, say(e), (e.score, e.reason, gate.mendable(e)) if say(e) else "") for e in ends]
    return outcome


def say(verdict: Verdict) -> dict[str, float]:
    return {model: weight for model, weight in verdict.weights.items() if weight > 0}


@settings(max_examples=600, deadline=None)
@given(cases())
def test_nothing_that_comes_after_a_review_can_tell_whether_everybody_was_asked(
    case: tuple[Economy, dict[str, Opinion], Opinion],
) -> None:
    economy, would, ruling = case
    opinions = heard(economy, would)
    assert [o.model for o in opinions] == list(economy.reviewers)
    everybody = tuple(would[model] for model in economy.reviewers)
    assert seen(economy, opinions, ruling) == seen(economy, everybody, ruling)


def plain(gate: Gate, stage: Stage, *reviewers: str, revisable: bool = False) -> Economy:
    return Economy(gate, stage, reviewers, dict.fromkeys(reviewers, "probability"), PLAIN, revisable)


def says(model: str, stage: Stage, p: float) -> Opinion:
    return Opinion(model, stage, "probability", {c.name: p for c in PLAIN.of(stage)})


def asked(economy: Economy, **p: float) -> list[str]:
    """Who is asked in the end, where each would say its probability; below 0 it cannot be read."""
    stage = economy.stage
    would = {m: says(m, stage, x) if x >= 0 else Opinion(m, stage, "probability", failure="?") for m, x in p.items()}
    return [o.model for o in heard(economy, would) if not o.unasked]


PAPER = PaperRule(PaperGate())
ABLE, UNABLE = (2.0, 2.5, 3.0, 2.2, 2.8, 2.6), (-1.0, -0.5, 0.0, -0.8, -0.2, -0.4)
SEEDS = SeedsRule(
    SeedsGate(),
    {
        (model, stage): Standing(model, stage, ABLE, UNABLE if able else ABLE[::-1])
        for model, able in (("ash", True), ("elm", True), ("fir", False), ("oak", False))
        for stage in STAGES
    },
)


def test_a_veto_ends_the_review_of_an_instruction_once_there_is_a_quorum() -> None:
    assert asked(plain(PAPER, "instruction", "ash", "elm"), ash=0.1, elm=0.9) == ["ash"]
    assert asked(plain(PAPER, "instruction", "ash", "elm"), ash=0.9, elm=0.9) == ["ash", "elm"]
    assert asked(plain(PAPER, "instruction", "ash", "elm", "fir"), ash=0.1, elm=0.9, fir=0.9) == ["ash", "elm"]
    assert asked(plain(PAPER, "instruction", "ash", "elm", "fir"), ash=0.1, elm=-1, fir=0.9) == ["ash", "elm", "fir"]


def test_a_mean_that_cannot_reach_the_threshold_ends_a_review_where_no_revision_is_open() -> None:
    final = plain(PAPER, "response", "ash", "elm")
    assert asked(final, ash=0.2, elm=1.0) == ["ash"]
    assert asked(final, ash=0.7, elm=1.0) == ["ash", "elm"], "a mean of 8.65 is still to be had"
    assert asked(replace(final, revisable=True), ash=0.2, elm=1.0) == ["ash", "elm"], "its critique is read"


def test_who_has_no_say_is_asked_only_where_nobody_else_can_be_read() -> None:
    for stage in STAGES:
        economy = plain(SEEDS, stage, "fir", "ash", revisable=True)
        assert asked(economy, ash=0.9, fir=0.9) == ["ash"]
        assert asked(economy, ash=-1, fir=0.9) == ["fir", "ash"]
    alone = plain(SEEDS, "response", "fir", "oak", revisable=True)
    assert asked(alone, fir=0.9, oak=0.9) == ["fir"], "a dispute whatever they say, once there is a quorum"


def test_a_quorum_is_asked_for_though_only_one_of_three_has_a_say() -> None:
    economy = plain(SEEDS, "response", "fir", "ash", "oak")
    assert asked(economy, fir=0.9, ash=0.9, oak=0.9) == ["fir", "ash"]
    assert asked(economy, fir=-1, ash=0.9, oak=0.9) == ["fir", "ash", "oak"]


def test_an_acceptance_of_an_instruction_that_cannot_be_lost_ends_its_review() -> None:
    lenient = replace(SEEDS, config=SeedsGate(keep_instructions_above=0.0))
    assert asked(plain(lenient, "instruction", "ash", "elm"), ash=0.99, elm=0.99) == ["ash"]
    assert asked(plain(SEEDS, "response", "ash", "elm"), ash=0.99, elm=0.99) == ["ash", "elm"], "its score is used"


def test_those_who_are_needed_in_any_case_are_asked_at_once() -> None:
    assert plain(SEEDS, "response", "fir", "elm", "ash", revisable=True).needed({}) == ("elm", "ash")
    assert plain(PAPER, "response", "ash", "elm", "fir", revisable=True).needed({}) == ("ash", "elm", "fir")
    assert plain(PAPER, "instruction", "ash", "elm", "fir").needed({}) == ("ash", "elm")


class Odd:
    """A gate of somebody's own, of which nothing is known: it accepts whatever `yew` has read."""

    able = None

    def judge(self, stage: Stage, opinions: Sequence[Opinion]) -> Verdict:
        outcome: Outcome = "accept" if any(o.model == "yew" for o in opinions) else "reject"
        return Verdict(outcome, 0.0, 0.0, "odd")

    def rule(self, opinion: Opinion, reviews: Sequence[Opinion]) -> Verdict:
        return self.judge("response", reviews)

    def mendable(self, verdict: Verdict) -> bool:
        return False


def test_with_a_gate_that_nothing_is_known_of_everybody_is_asked() -> None:
    assert plain(Odd(), "instruction", "ash", "elm", "yew").needed({}) == ("ash", "elm", "yew")
    assert asked(plain(Odd(), "response", "ash", "elm", "yew"), ash=0, elm=0, yew=0) == ["ash", "elm", "yew"]


@pytest.mark.parametrize("size", [8, 12])
def test_of_a_large_committee_the_first_are_asked_in_any_case(size: int) -> None:
    names = tuple(f"m{n:02d}" for n in range(size))
    final = plain(PaperRule(PaperGate(tau=10)), "response", *names)
    assert asked(final, **dict.fromkeys(names, 0.1)) == list(names[: max(size - 6, size // 2)])


def test_who_is_left_out_says_why() -> None:
    vetoed = plain(PAPER, "instruction", "ash", "elm").complete({"ash": says("ash", "instruction", 0.1)})
    assert vetoed[1].unasked == "the others settled it: reject, whatever it said"
    weightless = plain(SEEDS, "response", "ash", "fir").complete({"ash": says("ash", "response", 0.9)})
    assert weightless[1].unasked == "it has no say here"
    unread = {m: Opinion(m, "response", "probability", failure="?") for m in ("ash", "elm")}
    economy = plain(PAPER, "response", "ash", "elm", "fir")
    assert economy.needed(unread) == ()
    assert economy.complete(unread)[2].unasked == "too few of the others could be read for a verdict"
