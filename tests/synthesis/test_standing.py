from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import NormalDist, fmean

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gra.config.synthesis import SeedsGate
from gra.records import Opinion, criteria_of
from gra.synthesis.decide import SeedsRule
from gra.synthesis.standing import LEAST_SPREAD, Panel, Standing, feature, in_common

N = 16
QUANTILES = [NormalDist().inv_cdf((n + 0.5) / N) for n in range(N)]


def apart(separation: float) -> Standing:
    """A model whose seeds and broken twins lie so far apart, in its own spreads."""
    return Standing("m", "response", tuple(q + separation for q in QUANTILES), tuple(QUANTILES))


def opinion(model: str, value: float) -> Opinion:
    return Opinion(model, "response", "written", dict.fromkeys(criteria_of("response"), value))


def test_an_opinion_becomes_its_mean_score_or_its_mean_log_odds() -> None:
    assert feature(Opinion("m", "response", "written", {"a": 4, "b": 9})) == 6.5
    assert feature(Opinion("m", "response", "probability", {"a": 0.5, "b": 0.75})) == pytest.approx(math.log(3) / 2)


def test_certainty_beyond_reason_is_finite_and_worth_no_more() -> None:
    values = [feature(Opinion("m", "response", "probability", {"a": p})) for p in (0.0, 0.001, 0.999, 1.0)]
    assert values == pytest.approx([-math.log(999), -math.log(999), math.log(999), math.log(999)])


@pytest.mark.parametrize("separation", [0.0, 0.1, 0.3, -0.5, -3.0])
def test_chance_luck_and_inversion_weigh_nothing(separation: float) -> None:
    assert apart(separation).weight == 0


def test_a_model_that_says_the_same_of_everything_weighs_nothing() -> None:
    same = Standing("m", "response", (7.0,) * N, (7.0,) * N)
    assert (same.weight, same.spread, same.auc) == (0, LEAST_SPREAD, 0.5)


@given(st.floats(-3, 6), st.floats(0, 3))
def test_weight_and_auc_grow_with_separation(separation: float, more: float) -> None:
    low, high = apart(separation), apart(separation + more)
    assert low.weight <= high.weight + 1e-9
    assert low.auc <= high.auc
    assert low.weight <= max(0.0, low.separation)


def test_a_longer_exam_earns_more_trust() -> None:
    short = apart(1.0)
    long = Standing("m", "response", short.good * 8, short.broken * 8)
    assert long.weight > short.weight > 0


def test_members_that_read_fewer_seeds_are_fitted_on_those_that_all_read() -> None:
    long = apart(2.0)
    short = Standing("n", "response", long.good[:6], long.broken[:6])
    cut = Standing("m", "response", long.good[:6], long.broken[:6])
    seen = (long.good[0], short.good[0])
    assert Panel((long, short)).rank(seen) == pytest.approx(Panel((cut, short)).rank(seen), abs=0.05)


def test_who_cannot_tell_changes_nothing_by_having_read_fewer() -> None:
    able, lost = apart(2.0), Standing("n", "response", (1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 2.0, 1.0))
    assert not lost.weight
    for value in able.good:
        assert Panel((able, lost)).rank((value, 9.0)) == pytest.approx(Panel((able,)).rank((value,)))


def test_half_way_between_good_and_broken_is_zero() -> None:
    able = apart(2.0)
    assert able.standardised(1.0) == pytest.approx(0)
    assert able.standardised(1.0 + able.spread) == pytest.approx(1)


def test_only_those_who_can_tell_read_anything_as_broken() -> None:
    assert apart(3.0).reads_as_broken(-0.1)
    assert not apart(3.0).reads_as_broken(0.1)
    assert not apart(0.0).reads_as_broken(-9.0)


def test_shares_sum_to_one_and_are_equal_where_nobody_has_shown_anything() -> None:
    assert Panel((apart(0), apart(-1), apart(0))).weights == pytest.approx((1 / 3,) * 3)
    assert not Panel((apart(0), apart(-1))).can_tell
    able = Panel((apart(3), apart(1.5), apart(0)))
    assert able.can_tell
    assert sum(able.weights) == pytest.approx(1)
    assert able.weights[0] > able.weights[1] > able.weights[2] == 0


def test_the_mean_seed_ranks_in_the_middle() -> None:
    panel = Panel((apart(2.0), apart(3.0)))
    assert panel.rank((2.0, 3.0)) == pytest.approx(0.5)
    assert panel.rank((0.0, 0.0)) < 0.1 < 0.9 < panel.rank((5.0, 6.0))


# --- leniency does not matter -----------------------------------------------------------------------------------------


def sat(model: str, draw: random.Random, separation: float) -> Standing:
    good = tuple(draw.gauss(separation / 2, 1) for _ in range(N))
    return Standing(model, "response", good, tuple(draw.gauss(-separation / 2, 1) for _ in range(N)))


def moved(exam: Standing, scale: float, shift: float) -> Standing:
    good, broken = (tuple(scale * v + shift for v in half) for half in (exam.good, exam.broken))
    return Standing(exam.model, exam.stage, good, broken)


@settings(max_examples=200)
@given(
    st.integers(0, 2**32), st.floats(0.1, 10), st.floats(-20, 20), st.lists(st.floats(-4, 4), min_size=3, max_size=3)
)
def test_leniency_and_scale_of_one_model_change_no_verdict(
    seed: int, scale: float, shift: float, values: list[float]
) -> None:
    draw = random.Random(seed)
    before = {name: sat(name, draw, draw.uniform(-1, 4)) for name in "abj"}
    assume(min(scale, 1) * before["a"].spread > LEAST_SPREAD)  # below it all spreads are taken for that
    after = {**before, "a": moved(before["a"], scale, shift)}
    config = SeedsGate()
    rules = [SeedsRule(config, {(m, "response"): s for m, s in exams.items()}) for exams in (before, after)]
    judged, ruled = [], []
    for rule, a in zip(rules, (values[0], scale * values[0] + shift), strict=True):
        reviews = [opinion("a", a), opinion("b", values[1])]
        judged.append(rule.judge("response", reviews))
        ruled.append(rule.rule(opinion("j", values[2]), reviews))
    for one, other in (judged, ruled):
        assert one.score == pytest.approx(other.score, abs=1e-6)
        edges = (config.keep_above, config.keep_above - config.dispute_band, config.keep_above + config.dispute_band)
        assume(all(abs(one.score / 10 - edge) > 1e-6 for edge in edges))
        assume(abs(values[0] - fmean(before["a"].broken)) > 1e-6 and abs(before["a"].weight - 1) > 1e-6)
        assert one.outcome == other.outcome
        assert one.weights == pytest.approx(other.weights)


# --- the committee against its best member, on known truth ------------------------------------------------------------


def auc(good: Sequence[float], broken: Sequence[float]) -> float:
    return fmean((g > b) + 0.5 * (g == b) for g in good for b in broken)


class Member:
    """Sees the truth through its own ability, leniency and scale."""

    def __init__(self, name: str, ability: float, leniency: float, scale: float) -> None:
        self.name, self.ability, self.leniency, self.scale = name, ability, leniency, scale

    def says(self, good: bool, draw: random.Random) -> float:
        truth = self.ability / 2 if good else -self.ability / 2
        return self.leniency + self.scale * draw.gauss(truth, 1)

    def exam(self, draw: random.Random) -> Standing:
        good = tuple(self.says(True, draw) for _ in range(N))
        return Standing(self.name, "response", good, tuple(self.says(False, draw) for _ in range(N)))


def aucs(members: Sequence[Member], seed: int, each: int = 80) -> tuple[float, list[float], float]:
    """Of the panel, of each member alone, and of the raw equal-weight mean."""
    draw = random.Random(seed)
    panel = Panel(tuple(m.exam(draw) for m in members))
    good, broken = ([[m.says(truth, draw) for m in members] for _ in range(each)] for truth in (True, False))
    ranked = auc([panel.rank(row) for row in good], [panel.rank(row) for row in broken])
    alone = [auc([row[n] for row in good], [row[n] for row in broken]) for n in range(len(members))]
    return ranked, alone, auc([fmean(row) for row in good], [fmean(row) for row in broken])


ABLE, LENIENT = Member("able", 2.5, 0, 1), Member("lenient", 1.5, 5, 0.5)
CHANCE, INVERTED = Member("chance", 0, 2, 3), Member("inverted", -1.5, 0, 2)


@pytest.mark.parametrize(
    "members", [[ABLE, LENIENT], [ABLE, CHANCE], [ABLE, INVERTED], [ABLE, LENIENT, CHANCE, INVERTED]]
)
def test_a_committee_is_not_worse_than_its_best_member_nor_than_the_raw_mean(members: list[Member]) -> None:
    results = [aucs(members, seed) for seed in range(12)]
    panel, best, raw = (fmean(column) for column in zip(*((p, max(a), r) for p, a, r in results), strict=True))
    assert panel >= best - 0.01
    assert panel >= raw - 0.001
    if CHANCE in members or INVERTED in members:
        assert panel > raw + 0.05


def test_two_able_members_are_better_than_either() -> None:
    pair = [Member("one", 2, 0, 1), Member("two", 2, 7, 3)]
    results = [aucs(pair, seed) for seed in range(12)]
    assert fmean(p for p, _, _ in results) > fmean(max(a) for _, a, _ in results) + 0.02


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-50, 50)), min_size=2, max_size=8))
def test_a_chance_reviewer_beside_a_good_one_does_not_change_the_ranking(rows: list[tuple[float, float]]) -> None:
    chance = Standing("chance", "response", tuple(QUANTILES), tuple(reversed(QUANTILES)))
    alone, both = Panel((apart(2),)), Panel((apart(2), chance))
    assert [both.rank(row) for row in rows] == [alone.rank(row[:1]) for row in rows]


def test_a_criterion_counts_as_its_weight_says() -> None:
    written = Opinion("m", "response", "written", {"a": 4, "b": 9}, weights={"a": 3, "b": 1})
    assert feature(written) == 5.25
    likely = Opinion("m", "response", "probability", {"a": 0.5, "b": 0.75}, weights={"a": 1, "b": 0})
    assert feature(likely) == 0


def test_members_are_set_side_by_side_where_all_have_answered() -> None:
    whole = Standing("a", "response", tuple(map(float, range(8))), tuple(map(float, range(8, 16))))
    some = Standing("@b", "response", (1.0, 3.0, 4.0, 6.0, 7.0), (9.0, 11.0, 12.0, 14.0, 15.0), (1, 3, 4, 6, 7))
    short = Standing("c", "response", whole.good[:7], whole.broken[:7])
    rows = in_common([whole, some, short])
    assert [[m.good[at] for at in row] for m, row in zip((whole, some, short), rows, strict=True)] == [[1, 3, 4, 6]] * 3
    assert in_common([whole]) == [tuple(range(8))]


def test_members_that_share_too_little_are_taken_for_independent() -> None:
    even = Standing("@a", "response", (0.0, 2.0, 4.0, 6.0), (1.0, 1.0, 1.0, 1.5), (0, 2, 4, 6))
    odd = Standing("@b", "response", (1.0, 3.0, 5.0, 7.0), (0.0, 0.0, 0.0, 0.5), (1, 3, 5, 7))
    assert in_common([even, odd]) == [(0, 1, 2, 3)] * 2
