"""The calibrated gate: what is accepted, rejected, disputed, and why."""

from __future__ import annotations

import random
from statistics import NormalDist, fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.config.synthesis import CalibratedGate
from gra.records import Opinion, Stage, criteria_of
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.calibration import committee_of
from gra.synthesis.decide import Monotone, settled
from gra.synthesis.standing import Standing

N = 32
STAGES: tuple[Stage, ...] = ("instruction", "response")
RANKS = {"accept": 2, "dispute": 1, "reject": 0}


def standing(model: str, stage: Stage, apart: float) -> Standing:
    """Seeds about `apart`, broken twins about its negative, both of spread 1, in an order of the model's own."""
    quantiles = [NormalDist().inv_cdf((n + 0.5) / N) for n in range(N)]
    luck = random.Random(f"{model}{stage}")
    good, broken = luck.sample(quantiles, N), luck.sample(quantiles, N)
    return Standing(model, stage, tuple(q + apart for q in good), tuple(q - apart for q in broken))


def gate(config: CalibratedGate | None = None, /, **apart: float) -> CalibratedRule:
    return CalibratedRule(
        config or CalibratedGate(), {(m, s): standing(m, s, d) for m, d in apart.items() for s in STAGES}
    )


def flat(model: str, value: float, stage: Stage = "response") -> Opinion:
    return Opinion(model, stage, "written", dict.fromkeys(criteria_of(stage), value))


@pytest.mark.parametrize(("value", "outcome"), [(3, "accept"), (1, "accept"), (-0.6, "reject"), (-3, "reject")])
def test_a_response_is_judged_by_how_probable_it_is_good(value: float, outcome: str) -> None:
    verdict = gate(a=1, b=1).judge("response", [flat("a", value), flat("b", value)])
    assert verdict.outcome == outcome
    assert verdict.weights == pytest.approx({"a": 0.5, "b": 0.5}, abs=0.1)
    assert "the bar is" in verdict.reason


def test_the_bar_itself_is_in_doubt_on_both_sides() -> None:
    rule = gate(a=1)
    standings = rule.standings["a", "response"]
    committee = committee_of((standings,))
    bar, doubt = rule.bar(committee, "response"), rule.config.doubt * committee.doubt
    values = sorted(n / 100 for n in range(-300, 300))
    outcomes = {v: rule.judge("response", [flat("a", v)]).outcome for v in values}
    for value, outcome in outcomes.items():
        away = committee.log_odds((value,)) - bar
        if abs(away) <= doubt:
            assert outcome == "dispute"
        elif fmean(standings.broken) < value < fmean(standings.good):
            assert outcome == ("accept" if away > 0 else "reject")


def test_more_precision_accepts_less_and_rarer_good_ones_too() -> None:
    def lowest(keep_precision: float = 0.8, good_share: float = 0.5) -> float:
        rule = gate(CalibratedGate(doubt=0, keep_precision=keep_precision, good_share=good_share), a=1)
        values = (n / 50 for n in range(-200, 400))
        return next(v for v in values if rule.judge("response", [flat("a", v)]).outcome == "accept")

    assert lowest(keep_precision=0.6) < lowest(keep_precision=0.8) < lowest(keep_precision=0.95)
    assert lowest(good_share=0.8) < lowest(good_share=0.5) < lowest(good_share=0.2)


def test_an_instruction_is_never_disputed_and_passes_above_its_share_of_the_seeds() -> None:
    rule = gate(a=1)
    assert {rule.judge("instruction", [flat("a", v / 10, "instruction")]).outcome for v in range(-50, 50)} == {
        "accept",
        "reject",
    }
    committee = committee_of((rule.standings["a", "instruction"],))
    seeds = rule.standings["a", "instruction"].good
    passed = [rule.judge("instruction", [flat("a", v, "instruction")]).outcome == "accept" for v in seeds]
    assert committee.can_tell
    assert fmean(passed) == pytest.approx(0.9, abs=0.05)


def test_an_able_member_who_sees_it_otherwise_makes_a_dispute_either_way() -> None:
    rule = gate(a=1.5, b=1.5, c=1.5)
    praised = rule.judge("response", [flat("a", 3), flat("b", 3), flat("c", -1.8)])
    damned = rule.judge("response", [flat("a", -4), flat("b", -4), flat("c", 1.8)])
    assert (praised.outcome, damned.outcome) == ("dispute", "dispute")
    assert "to c it reads like a broken seed" in praised.reason
    assert "to c it reads like a good one" in damned.reason


def test_who_cannot_tell_has_no_say_no_dissent_and_no_counted_vote() -> None:
    rule = gate(a=1, chance=0, inverted=-1)
    alone = rule.judge("response", [flat("a", 2)])
    among = rule.judge("response", [flat("a", 2), flat("chance", -9), flat("inverted", 9)])
    assert (among.outcome, among.score) == ("accept", alone.score)
    assert among.weights == {"a": 1, "chance": 0, "inverted": 0}
    split = rule.judge("response", [flat("a", 2), flat("chance", 9)])
    assert settled(split, "majority").reason.endswith("1 of 1 votes are for it")


@pytest.mark.parametrize("value", [-9.0, 0.0, 9.0])
def test_where_nobody_can_tell_a_response_is_disputed_an_instruction_passes_and_a_ruling_rejects(value: float) -> None:
    rule = gate(a=0, b=-1)
    reviews = [flat("a", value), flat("b", value)]
    assert rule.judge("response", reviews).outcome == "dispute"
    assert rule.judge("instruction", [flat(m, value, "instruction") for m in "ab"]).outcome == "accept"
    assert rule.rule(flat("b", value), reviews[:1]).outcome == "reject"


def test_reviewers_and_adjudicator_are_heard_together_in_a_ruling() -> None:
    rule = gate(a=1, b=1, judge=1)
    assert rule.rule(flat("judge", 0.3), [flat("a", 2), flat("b", 2)]).outcome == "accept"
    assert rule.rule(flat("judge", 0.3), [flat("a", -2), flat("b", -2)]).outcome == "reject"
    assert rule.rule(Opinion("judge", "response", "written", failure="?"), [flat("a", 9)]).outcome == "reject"


def test_unreadable_opinions_are_not_low_opinions() -> None:
    rule = gate(a=1, b=1)
    failed = Opinion("b", "response", "written", failure="it wrote a poem")
    assert rule.judge("response", [flat("a", 2), failed]) == rule.judge("response", [flat("a", 2)])


def test_only_the_hopeless_are_not_worth_a_revision() -> None:
    rule = gate(a=2)
    assert rule.mendable(rule.judge("response", [flat("a", -0.3)]))
    assert not rule.mendable(rule.judge("response", [flat("a", -3)]))


def test_the_prospect_is_that_of_everybody_who_can_tell() -> None:
    kept, slipped = gate(a=1, chance=0).prospect()
    assert (kept, slipped) == gate(a=1).prospect()
    assert kept.low > 0.3 and kept.value > 0.5 > 0.3 > slipped.value > slipped.low
    assert kept.value / (kept.value + slipped.value) == pytest.approx(0.8, abs=0.01)
    assert gate(a=0.5).prospect()[0].value < kept.value < kept.high


def test_it_can_be_foreseen() -> None:
    assert isinstance(gate(a=1), Monotone)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-6, 6), min_size=3, max_size=3), st.integers(0, 2), st.floats(0, 6), st.sampled_from(STAGES))
def test_a_better_opinion_never_makes_a_verdict_worse(row: list[float], at: int, more: float, stage: Stage) -> None:
    rule = gate(a=0.4, b=1, c=1.6)
    before = rule.judge(stage, [flat(m, v, stage) for m, v in zip("abc", row, strict=True)])
    row[at] += more
    after = rule.judge(stage, [flat(m, v, stage) for m, v in zip("abc", row, strict=True)])
    assert after.score >= before.score - 1e-9
    assert RANKS[after.outcome] >= RANKS[before.outcome]
    assert all(after.votes[m] or not before.votes[m] for m in "abc")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3), st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_every_sample_gets_a_verdict_and_a_final_ruling(values: list[float], apart: list[float]) -> None:
    rule = gate(None, **dict(zip("abj", apart, strict=True)))
    reviews = [flat("a", values[0]), flat("b", values[1])]
    verdicts = [rule.judge("response", reviews), rule.rule(flat("j", values[2]), reviews)]
    assert verdicts[1].outcome != "dispute"
    for verdict in verdicts:
        assert verdict.reason
        assert 0 <= verdict.score <= 10
        assert sum(verdict.weights.values()) in (pytest.approx(1), 0)
