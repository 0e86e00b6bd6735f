from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist, fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.config.synthesis import PaperGate, SeedsGate
from gra.records import Opinion, Stage, Verdict, criteria_of
from gra.synthesis.decide import PaperRule, SeedsRule, Unreviewed, quorum, settled, usable
from gra.synthesis.standing import Standing

PAPER = PaperRule(PaperGate())


def written(model: str, scores: Sequence[float], stage: Stage = "response") -> Opinion:
    return Opinion(model, stage, "written", dict(zip(criteria_of(stage), scores, strict=True)))


def flat(model: str, score: float, stage: Stage = "response") -> Opinion:
    return written(model, [score] * len(criteria_of(stage)), stage)


def failed(model: str, stage: Stage = "response") -> Opinion:
    return Opinion(model, stage, "written", failure="it gave seven scores")


def committee(*rows: Sequence[float], stage: Stage = "response") -> list[Opinion]:
    return [written(f"m{n}", row, stage) for n, row in enumerate(rows)]


# --- the paper's gate -------------------------------------------------------------------------------------------------


def test_case_1_of_the_paper_is_disputed_and_then_ruled_out() -> None:
    reviews = committee([9, 10, 10, 10, 10, 10], [9, 9, 10, 10, 10, 10], [6, 4, 5, 4, 5, 3])
    assert [fmean(o.scores.values()) for o in reviews] == pytest.approx([9.833, 9.667, 4.5], abs=5e-4)
    verdict = PAPER.judge("response", reviews)
    assert verdict.outcome == "dispute"
    assert verdict.score == pytest.approx(8.0)
    assert verdict.spread == pytest.approx(2.47581, abs=1e-5)
    ruling = PAPER.rule(written("judge", [4, 2, 5, 5, 5, 6]), reviews)
    assert ruling.outcome == "reject"
    assert ruling.score == pytest.approx(4.5)


def test_case_2_of_the_paper_is_disputed_and_then_ruled_in() -> None:
    reviews = [flat("a", 9.8), flat("b", 6.6)]
    verdict = PAPER.judge("response", reviews)
    assert verdict.outcome == "dispute"
    assert [verdict.score, verdict.spread] == pytest.approx([8.2, 1.6])
    assert PAPER.rule(flat("judge", 8.1), reviews).outcome == "accept"


def test_a_mean_of_exactly_tau_and_a_deviation_of_exactly_sigma_max_are_accepted() -> None:
    verdict = PAPER.judge("response", committee([9, 10, 9, 10, 9, 10], [6, 7, 6, 7, 6, 7]))
    assert (verdict.outcome, verdict.score, verdict.spread) == ("accept", 8.0, 1.5)


@pytest.mark.parametrize("totals", [(47, 48, 49), (46, 46, 52), (41, 59)])
def test_sixths_that_meet_a_limit_meet_it_whatever_the_rounding(totals: tuple[int, ...]) -> None:
    """A mean of exactly 8, or (41 and 59 sixths) a deviation of exactly 1.5 that floats make a little more."""
    rows = [[(total + n) // 6 for n in range(6)] for total in totals]
    assert [sum(row) for row in rows] == list(totals)
    assert PAPER.judge("response", committee(*rows)).outcome == "accept"


def test_a_low_mean_is_rejected_however_much_the_reviewers_disagree() -> None:
    assert PAPER.judge("response", [flat("a", 10), flat("b", 10), flat("c", 1)]).outcome == "reject"


def test_nine_ones_pass_an_instruction_and_any_zero_vetoes_it() -> None:
    assert PAPER.judge("instruction", committee(*[[1, 1, 1]] * 3, stage="instruction")).outcome == "accept"
    for reviewer in range(3):
        for criterion in range(3):
            rows = [[1, 1, 1] for _ in range(3)]
            rows[reviewer][criterion] = 0
            verdict = PAPER.judge("instruction", committee(*rows, stage="instruction"))
            assert verdict.outcome == "reject"
            assert f"m{reviewer}: {criteria_of('instruction')[criterion]}" in verdict.reason


def test_probabilities_are_put_on_the_papers_scales() -> None:
    likely = Opinion("m", "response", "probability", dict.fromkeys(criteria_of("response"), 7 / 9))
    assert PAPER.judge("response", [likely]).score == pytest.approx(8.0)
    assert PAPER.judge("response", [likely]).outcome == "accept"
    for p, outcome in ((0.5, "accept"), (0.49, "reject")):
        opinion = Opinion("m", "instruction", "probability", dict.fromkeys(criteria_of("instruction"), p))
        assert PAPER.judge("instruction", [opinion]).outcome == outcome


def test_an_unreadable_ruling_rejects() -> None:
    verdict = PAPER.rule(failed("judge"), [flat("a", 10)])
    assert verdict.outcome == "reject"
    assert "seven scores" in verdict.reason


def test_half_of_tau_is_worth_a_revision() -> None:
    assert PAPER.mendable(Verdict("reject", 4.0, 0.0, ""))
    assert not PAPER.mendable(Verdict("reject", 3.99, 0.0, ""))


SCORES = st.lists(st.integers(1, 10), min_size=6, max_size=6)
BITS = st.lists(st.integers(0, 1), min_size=3, max_size=3)


def panels(rows: st.SearchStrategy[list[int]], stage: Stage) -> st.SearchStrategy[list[Opinion]]:
    return st.lists(rows, min_size=1, max_size=6).map(lambda drawn: committee(*drawn, stage=stage))


@given(panels(SCORES, "response"), st.randoms(use_true_random=False))
def test_the_order_of_reviewers_does_not_matter(reviews: list[Opinion], draw: object) -> None:
    mixed = list(reviews)
    draw.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = PAPER.judge("response", reviews), PAPER.judge("response", mixed)
    assert (one.outcome, one.score, one.spread) == (other.outcome, other.score, other.spread)


@given(panels(SCORES, "response"), st.data())
def test_raising_a_score_never_turns_accept_into_reject(reviews: list[Opinion], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(reviews) - 1))
    criterion = data.draw(st.sampled_from(criteria_of("response")))
    raised = list(reviews)
    was = reviews[at].scores[criterion]
    higher = data.draw(st.floats(was, 10))
    raised[at] = replace(reviews[at], scores={**reviews[at].scores, criterion: higher})
    before, after = PAPER.judge("response", reviews), PAPER.judge("response", raised)
    assert before.outcome == "reject" or after.outcome != "reject"


@given(st.one_of(panels(SCORES, "response"), panels(BITS, "instruction")))
def test_every_committee_gets_one_verdict_with_a_reason(reviews: list[Opinion]) -> None:
    stage = reviews[0].stage
    verdict = PAPER.judge(stage, reviews)
    assert verdict.outcome in (("accept", "reject") if stage == "instruction" else ("accept", "reject", "dispute"))
    assert verdict.reason
    assert 0 <= verdict.score <= 10
    assert sum(verdict.weights.values()) == pytest.approx(1)


@given(st.one_of(panels(SCORES, "response"), panels(BITS, "instruction")), st.integers(0, 6))
def test_an_unusable_opinion_changes_nothing(reviews: list[Opinion], at: int) -> None:
    stage = reviews[0].stage
    with_one = [*reviews[:at], failed("broken", stage), *reviews[at:]]
    assert usable(with_one) == reviews
    assert PAPER.judge(stage, with_one) == PAPER.judge(stage, reviews)


@pytest.mark.parametrize(
    ("good", "bad", "enough"), [(0, 0, True), (0, 1, False), (1, 0, True), (1, 1, True), (1, 2, False), (2, 2, True)]
)
def test_half_of_the_committee_is_a_quorum(good: int, bad: int, enough: bool) -> None:
    opinions = [flat(f"g{n}", 8) for n in range(good)] + [failed(f"b{n}") for n in range(bad)]
    assert quorum(opinions) is enough


# --- without an Adjudicator, or without reviewers ---------------------------------------------------------------------


def test_each_reviewer_votes_by_the_gates_own_bar() -> None:
    response = PAPER.judge("response", [flat("a", 8), flat("b", 7.9), failed("c")])
    assert response.votes == {"a": True, "b": False}
    instruction = PAPER.judge(
        "instruction", [written("a", [1, 1, 1], "instruction"), written("b", [1, 0, 1], "instruction")]
    )
    assert instruction.votes == {"a": True, "b": False}


@given(st.lists(st.booleans(), max_size=7), st.floats(0, 10))
def test_more_than_half_of_the_votes_settle_a_dispute(votes: list[bool], score: float) -> None:
    names = [f"m{n}" for n in range(len(votes))]
    weights = dict.fromkeys(names, 1 / max(1, len(votes)))
    dispute = Verdict("dispute", score, 1.0, "near the bar", weights, dict(zip(names, votes, strict=True)))
    ending = settled(dispute, "majority")
    assert ending.outcome == ("accept" if votes.count(True) > votes.count(False) else "reject")
    assert f"(near the bar); {votes.count(True)} of {len(votes)} votes" in ending.reason
    assert (ending.score, ending.votes) == (dispute.score, dispute.votes)
    assert settled(dispute, "none").outcome == "reject"


@pytest.mark.parametrize("stage", ["instruction", "response"])
def test_where_nothing_is_reviewed_everything_passes_alike(stage: Stage) -> None:
    verdict = Unreviewed().judge(stage, [])
    assert (verdict.outcome, verdict.score, Unreviewed().able) == ("accept", 0.0, None)


# --- the gate by the user's seeds -------------------------------------------------------------------------------------

N = 32
STAGES: tuple[Stage, ...] = ("instruction", "response")
QUANTILES = tuple(NormalDist().inv_cdf((n + 0.5) / N) for n in range(N))


def standing(model: str, stage: Stage, middle: float, shift: float = 0.0) -> Standing:
    """Seeds about `middle`, broken twins about its negative, both of spread 1."""
    good, broken = ([q + sign * middle + shift for q in QUANTILES] for sign in (1, -1))
    return Standing(model, stage, tuple(good), tuple(broken))


def gate(**middles: float) -> SeedsRule:
    return SeedsRule(SeedsGate(), {(m, s): standing(m, s, middle) for m, middle in middles.items() for s in STAGES})


@pytest.mark.parametrize(
    ("value", "outcome"), [(4, "accept"), (2, "accept"), (1.33, "dispute"), (1.6, "dispute"), (0, "reject")]
)
def test_a_response_is_placed_among_the_seeds(value: float, outcome: str) -> None:
    verdict = gate(a=2, b=2).judge("response", [flat("a", value), flat("b", value)])
    assert verdict.outcome == outcome
    assert verdict.weights == pytest.approx({"a": 0.5, "b": 0.5})


def test_the_dispute_band_lies_on_both_sides_of_the_threshold() -> None:
    rule = gate(a=2)
    for rank, outcome in ((0.14, "reject"), (0.16, "dispute"), (0.34, "dispute"), (0.36, "accept")):
        spread = NormalDist.from_samples(QUANTILES).stdev
        verdict = rule.judge("response", [flat("a", 2 + spread * NormalDist().inv_cdf(rank))])
        assert verdict.outcome == outcome
        assert verdict.score == pytest.approx(10 * rank)


def test_an_instruction_is_never_disputed() -> None:
    rule = gate(a=2)
    for value, outcome in ((2, "accept"), (0.8, "accept"), (0.6, "reject"), (-3, "reject")):
        assert rule.judge("instruction", [flat("a", value, "instruction")]).outcome == outcome


def test_one_able_reviewer_to_whom_it_reads_broken_makes_a_dispute() -> None:
    rule = gate(a=2, b=2, c=2)
    agreed = rule.judge("response", [flat("a", 6), flat("b", 6), flat("c", 1)])
    dissent = rule.judge("response", [flat("a", 6), flat("b", 6), flat("c", -2.5)])
    assert (agreed.outcome, dissent.outcome) == ("accept", "dispute")
    assert "to c it reads like a broken seed" in dissent.reason


def test_a_reviewer_who_cannot_tell_has_no_say_and_no_dissent() -> None:
    rule = gate(a=2, chance=0, inverted=-2)
    alone = rule.judge("response", [flat("a", 2)])
    among = rule.judge("response", [flat("a", 2), flat("chance", -9), flat("inverted", 9)])
    assert among.outcome == "accept"
    assert among.score == pytest.approx(alone.score)
    assert among.weights == {"a": 1, "chance": 0, "inverted": 0}


@pytest.mark.parametrize("value", [-9.0, 0.0, 9.0])
def test_where_nobody_can_tell_a_response_is_disputed_an_instruction_passes_and_a_ruling_rejects(value: float) -> None:
    rule = gate(a=0, b=-1)
    reviews = [flat("a", value), flat("b", value)]
    assert rule.judge("response", reviews).outcome == "dispute"
    assert rule.judge("instruction", [flat(m, value, "instruction") for m in "ab"]).outcome == "accept"
    assert rule.rule(flat("b", value), reviews[:1]).outcome == "reject"


def test_an_adjudicator_who_can_tell_decides_for_reviewers_who_cannot() -> None:
    rule = gate(a=0, judge=2)
    assert rule.rule(flat("judge", 2), [flat("a", -9)]).outcome == "accept"
    assert rule.rule(flat("judge", -2), [flat("a", 9)]).outcome == "reject"


def test_the_reviewers_count_in_a_ruling() -> None:
    rule = gate(a=2, b=2, judge=2)
    assert rule.rule(flat("judge", 1.2), [flat("a", 3), flat("b", 3)]).outcome == "accept"
    assert rule.rule(flat("judge", 1.2), [flat("a", 0), flat("b", 0)]).outcome == "reject"


def test_unreadable_opinions_are_not_low_opinions() -> None:
    rule = gate(a=2, b=2, judge=2)
    assert rule.judge("response", [flat("a", 2), failed("b")]) == rule.judge("response", [flat("a", 2)])
    assert rule.rule(flat("judge", 2), [flat("a", 2), failed("b")]) == rule.rule(flat("judge", 2), [flat("a", 2)])
    assert rule.rule(failed("judge"), [flat("a", 9)]).outcome == "reject"


def test_everybody_has_a_vote_but_only_those_who_can_tell_are_counted() -> None:
    rule = gate(a=2, b=2, chance=0)
    split = rule.judge("response", [flat("a", 4), flat("b", -2), flat("chance", 9)])
    assert split.votes == {"a": True, "b": False, "chance": True}
    assert "1 of 2 votes" in settled(split, "majority").reason
    blind = gate(a=0, b=0).judge("response", [flat("a", 4), flat("b", 4)])
    assert (blind.votes, settled(blind, "majority").outcome) == ({"a": True, "b": True}, "reject")


def test_a_model_that_rules_on_its_own_review_has_all_the_say() -> None:
    ruling = gate(a=2).rule(flat("a", 2), [flat("a", 3)])
    assert (ruling.outcome, ruling.weights) == ("accept", {"a": 1.0})


def test_only_the_hopeless_are_not_worth_a_revision() -> None:
    rule = gate(a=2)
    assert rule.mendable(rule.judge("response", [flat("a", -1)]))
    assert not rule.mendable(rule.judge("response", [flat("a", -3)]))


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3), st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_every_sample_gets_a_verdict_and_a_final_ruling(values: list[float], middles: list[float]) -> None:
    rule = gate(**dict(zip("abj", middles, strict=True)))
    reviews = [flat("a", values[0]), flat("b", values[1])]
    verdicts = [rule.judge("response", reviews), rule.rule(flat("j", values[2]), reviews)]
    verdicts.append(rule.judge("instruction", [flat(m, v, "instruction") for m, v in zip("ab", values, strict=False)]))
    assert verdicts[1].outcome != "dispute" != verdicts[2].outcome
    for verdict in verdicts:
        assert verdict.reason
        assert 0 <= verdict.score <= 10
        assert sum(verdict.weights.values()) in (pytest.approx(1), 0)
