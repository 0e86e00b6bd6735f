"""Committees whose members' truth is known: the lenient, the noisy, the adversarial, the copying and the drifting."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from gra.synthesis.calibration import FURTHEST, LEAST_SAY, RIDGE, Committee, ridge_logistic
from gra.synthesis.standing import Standing

PAIRS = 24


@dataclass(frozen=True)
class Rater:
    """Sees the truth through its own ability, leniency and scale; `copies` says what another said, nearly."""

    name: str
    ability: float
    leniency: float = 0.0
    scale: float = 1.0
    copies: int | None = None


def said(raters: Sequence[Rater], good: bool, draw: random.Random) -> list[float]:
    """What each says of one text."""
    words: list[float] = []
    for rater in raters:
        if rater.copies is not None:
            of = raters[rater.copies]
            seen = (words[rater.copies] - of.leniency) / of.scale + draw.gauss(0, 0.1)
        else:
            seen = draw.gauss(rater.ability / 2 if good else -rater.ability / 2, 1)
        words.append(rater.leniency + rater.scale * seen)
    return words


def examined(raters: Sequence[Rater], draw: random.Random, pairs: int = PAIRS) -> Committee:
    good, broken = ([said(raters, truth, draw) for _ in range(pairs)] for truth in (True, False))
    halves = zip(zip(*good, strict=True), zip(*broken, strict=True), strict=True)
    return Committee(tuple(Standing(r.name, "response", g, b) for r, (g, b) in zip(raters, halves, strict=True)))


def auc(good: Sequence[float], broken: Sequence[float]) -> float:
    return fmean((g > b) + 0.5 * (g == b) for g in good for b in broken)


def measured(raters: Sequence[Rater], seeds: int = 12, each: int = 80) -> dict[str, float]:
    """Mean AUC over exams: of the committee, of its best member by the truth, of the raw mean and of a majority."""
    found: dict[str, list[float]] = {"committee": [], "best": [], "mean": [], "majority": []}
    for seed in range(seeds):
        draw = random.Random(seed)
        committee = examined(raters, draw)
        rows = [(truth, said(raters, truth, draw)) for truth in (True, False) for _ in range(each)]
        middles = [fmean((*m.good, *m.broken)) for m in committee.members]
        ways = {
            "committee": [committee.log_odds(row) for _, row in rows],
            "mean": [fmean(row) for _, row in rows],
            "majority": [float(sum(v > m for v, m in zip(row, middles, strict=True))) for _, row in rows],
        }
        for name, scores in ways.items():
            found[name].append(auc(scores[:each], scores[each:]))
        alone = [auc([r[n] for _, r in rows[:each]], [r[n] for _, r in rows[each:]]) for n in range(len(raters))]
        found["best"].append(max(alone))
    return {name: fmean(values) for name, values in found.items()}


ABLE = Rater("able", 2.0)
LENIENT = Rater("lenient", 1.6, leniency=5, scale=0.4)
NOISY = Rater("noisy", 0.3, scale=3)
ADVERSARY = Rater("adversary", -1.5, scale=2)
COPY = Rater("copy", 0, copies=0)
OTHER_COPY = Rater("other copy", 0, leniency=3, scale=2, copies=0)
WEAK = Rater("weak", 1.0)
COMMITTEES = {
    "lenient": [ABLE, LENIENT],
    "noisy": [ABLE, NOISY, Rater("noisier", 0.0, scale=5)],
    "adversarial": [ABLE, WEAK, ADVERSARY],
    "copying": [WEAK, COPY, OTHER_COPY, ABLE],
    "all of them": [ABLE, LENIENT, NOISY, ADVERSARY, COPY],
}


@pytest.mark.parametrize("raters", COMMITTEES.values(), ids=list(COMMITTEES))
def test_a_committee_is_not_worse_than_its_best_member_nor_than_a_mean_or_a_majority(raters: list[Rater]) -> None:
    found = measured(raters)
    assert found["committee"] >= found["best"] - 0.01
    assert found["committee"] >= found["mean"] - 0.005
    assert found["committee"] >= found["majority"] - 0.005


@pytest.mark.parametrize("name", ["noisy", "adversarial", "copying", "all of them"])
def test_careless_adversarial_and_copying_raters_cost_a_mean_more_than_the_committee(name: str) -> None:
    found = measured(COMMITTEES[name])
    assert found["committee"] > found["mean"] + 0.01
    assert found["committee"] > found["majority"] + 0.01


def test_several_able_members_are_better_than_the_best_of_them() -> None:
    found = measured([Rater(str(n), 1.4, leniency=n) for n in range(3)])
    assert found["committee"] > found["best"] + 0.03


def test_copies_share_one_say() -> None:
    draw = random.Random(1)
    alone = examined([WEAK, ABLE], draw, 400)
    draw = random.Random(1)
    copied = examined([WEAK, ABLE, Rater("copy", 0, copies=0), Rater("again", 0, copies=0)], draw, 400)
    shares = copied.weights
    assert shares["weak"] + shares["copy"] + shares["again"] == pytest.approx(alone.weights["weak"], abs=0.1)


@pytest.mark.parametrize("asked", [0.7, 0.8, 0.9])
def test_the_precision_that_was_asked_for_is_kept(asked: float) -> None:
    """Over many exams, of known truth, half of the samples being good."""
    kept = slipped = 0
    said_recall = []
    for seed in range(40):
        draw = random.Random(seed)
        raters = [ABLE, LENIENT, NOISY]
        committee = examined(raters, draw)
        bar = committee.threshold(asked, 0.5)
        kept += sum(committee.log_odds(said(raters, True, draw)) >= bar for _ in range(100))
        slipped += sum(committee.log_odds(said(raters, False, draw)) >= bar for _ in range(100))
        said_recall.append(committee.recall(bar))
    assert kept / (kept + slipped) == pytest.approx(asked, abs=0.03)
    assert fmean(said_recall) == pytest.approx(kept / 4000, abs=0.08)


def test_the_prospect_has_an_interval_that_holds_what_it_promises() -> None:
    """Over many exams: how many of fresh samples lie above a bar that was set by the exam."""
    raters, covered, times, n = [ABLE, LENIENT], 0, 120, 150
    for seed in range(times):
        draw = random.Random(seed)
        committee = examined(raters, draw)
        bar = committee.threshold(0.8, 0.5)
        for good in (True, False):
            above = sum(committee.log_odds(said(raters, good, draw)) >= bar for _ in range(n)) / n
            share, luck = committee.share(good, bar), 2 * (0.25 / n) ** 0.5
            assert share.low <= share.value <= share.high
            covered += share.low - luck <= above <= share.high + luck
    assert covered / (2 * times) > 0.93


def test_rarer_good_ones_raise_the_bar() -> None:
    committee = examined([ABLE], random.Random(3))
    assert committee.threshold(0.8, 0.2) > committee.threshold(0.8, 0.5) > committee.threshold(0.8, 0.8)


def test_where_nobody_can_tell_there_is_no_say() -> None:
    lost = Committee((Standing("lost", "response", (1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 2.0, 1.0)),))
    assert not lost.can_tell
    assert lost.log_odds((9.0,)) == 0
    assert lost.weights == {"lost": 0}
    assert lost.threshold(0.8, 0.5) == FURTHEST


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(6, 20))
def test_the_fit_is_the_bounded_optimum(seed: int, columns: int, pairs: int) -> None:
    """Against SciPy's L-BFGS-B on the same loss and bounds."""
    draw = np.random.default_rng(seed)
    good = np.arange(2 * pairs) < pairs
    seen = draw.normal(0, 1, (2 * pairs, columns)) + draw.normal(0.5, 1, columns) * good[:, None]
    x = np.column_stack([seen, np.ones(2 * pairs)])

    def loss(w: NDArray[np.float64]) -> float:
        s = x @ w
        return float(np.logaddexp(0, s).sum() - s[good].sum() + RIDGE * (w[:-1] ** 2).sum() / 2 + 5e-7 * w[-1] ** 2)

    bounds = [(LEAST_SAY, None)] * columns + [(None, None)]
    best = minimize(loss, np.full(columns + 1, LEAST_SAY), bounds=bounds, tol=1e-12)
    found = ridge_logistic(x, good)
    assert loss(found) <= best.fun + 1e-6
    assert (found[:-1] >= LEAST_SAY).all()


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6), st.floats(0.1, 10), st.floats(-20, 20), st.lists(st.floats(-6, 6), min_size=3, max_size=3)
)
def test_leniency_and_scale_of_a_member_change_nothing(seed: int, scale: float, shift: float, row: list[float]) -> None:
    draw = random.Random(seed)
    members = examined([ABLE, WEAK, NOISY], draw).members
    good, broken = (tuple(scale * v + shift for v in half) for half in (members[0].good, members[0].broken))
    moved = (Standing("able", "response", good, broken), *members[1:])
    before, after = Committee(members), Committee(moved)
    assert after.log_odds((scale * row[0] + shift, *row[1:])) == pytest.approx(before.log_odds(row), abs=1e-5)
    assert after.threshold(0.8, 0.5) == pytest.approx(before.threshold(0.8, 0.5), abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.floats(-6, 6), min_size=4, max_size=4), st.integers(0, 3), st.floats(0, 5))
def test_a_better_opinion_never_lowers_the_odds(seed: int, row: list[float], at: int, more: float) -> None:
    committee = examined(COMMITTEES["all of them"][:4], random.Random(seed))
    better = [v + more * (n == at) for n, v in enumerate(row)]
    assert committee.log_odds(better) >= committee.log_odds(row) - 1e-12


def test_who_cannot_tell_changes_nothing() -> None:
    draw = random.Random(5)
    able = examined([ABLE], draw).members[0]
    lost = Standing("lost", "response", (1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 2.0, 1.0))
    alone, both = Committee((able,)), Committee((able, lost))
    assert both.log_odds((1.0, 9.0)) == alone.log_odds((1.0,))
    assert both.threshold(0.8, 0.5) == alone.threshold(0.8, 0.5)
    assert both.doubt == alone.doubt


def test_a_longer_exam_leaves_less_doubt() -> None:
    short, long = (examined([ABLE, WEAK], random.Random(2), pairs) for pairs in (8, 64))
    assert long.doubt < short.doubt / 1.5


def test_a_member_that_passed_some_questions_over_is_fitted_on_those_that_it_answered() -> None:
    """Side by side with another's answers to other questions it would lose what the two have in common."""
    draw = random.Random(3)
    hard = [draw.gauss(0, 1) for _ in range(24)]
    good, broken = (tuple(at + h + draw.gauss(0, 0.1) for h in hard) for at in (1.0, 0.0))
    whole = Standing("a", "response", good, broken)
    told = tuple(n for n in range(24) if n % 3)
    copy = Standing("@b", "response", tuple(good[n] for n in told), tuple(broken[n] for n in told), told)
    first = Standing("@b", "response", copy.good, copy.broken)
    assert copy.weight
    seen, shifted = Committee((whole, copy)), Committee((whole, first))
    assert sum(seen.fit[0]) < sum(shifted.fit[0]), "a copy adds nothing, and is seen to"
