"""Committees of known truth that are not among candidates what they were in their exam, and what is learned of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray

from gra.config.synthesis import CalibratedGate
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.calibration import committee_of
from gra.synthesis.rater_model import Array
from gra.synthesis.recalibration import LEAST, Drift, Learned, Shown, learn, moved, recalibrated
from gra.synthesis.standing import Standing

PAIRS = 24
CANDIDATES = 300
SEEDS = range(12)
ASKED = 0.85


@dataclass(frozen=True)
class Rater:
    """Sees the truth through its own ability; among candidates it may be another than in its exam."""

    name: str
    ability: float
    leniency: float = 0.0
    scale: float = 1.0
    now: float | None = None
    """Ability among candidates, if it is another."""
    shift: float = 0.0
    """Among candidates, in spreads."""
    copies: int | None = None
    """Whom it copies, nearly, among candidates."""
    drift: bool = False
    """Whether the shift would show on known texts too."""


@dataclass(frozen=True)
class Case:
    raters: Sequence[Rater]
    share: float = 0.5
    """Of good candidates; the gate is told 0.5."""


ABLE = Rater("able", 2.0)
WEAK = Rater("weak", 1.3, leniency=3, scale=2)
PLAIN = Rater("plain", 1.6, leniency=-1, scale=0.5)
CASES = {
    "lenient": Case([ABLE, WEAK, replace(PLAIN, shift=1.0)]),
    "likelihood": Case([ABLE, PLAIN, Rater("@likelihood", 1.5, scale=0.4, shift=0.5)]),
    "noisy": Case([replace(ABLE, now=0.2), WEAK, PLAIN]),
    "adversarial": Case([WEAK, PLAIN, replace(ABLE, now=-1.0)]),
    "copying": Case([WEAK, Rater("a", 1.3, copies=0), Rater("b", 1.3, leniency=4, scale=2, copies=0), ABLE]),
    "drifting": Case([WEAK, PLAIN, replace(ABLE, shift=1.5, drift=True)]),
    "few good": Case([ABLE, WEAK, PLAIN], share=0.2),
    "as examined": Case([ABLE, WEAK, PLAIN]),
}


def said(raters: Sequence[Rater], good: NDArray[np.bool_], draw: np.random.Generator, run: bool) -> Array:
    """(N, M) What each says of each text."""
    columns: list[Array] = []
    seen: list[Array] = []
    for rater in raters:
        ability = rater.now if run and rater.now is not None else rater.ability
        if run and rater.copies is not None:
            mine = seen[rater.copies] + draw.normal(size=len(good)) * 0.1
        else:
            mine = np.where(good, ability / 2, -ability / 2) + draw.normal(size=len(good))
        seen.append(mine)
        columns.append(rater.leniency + rater.scale * (mine + (rater.shift if run else 0.0)))
    return np.stack(columns, axis=1)


def examined(raters: Sequence[Rater], draw: np.random.Generator) -> list[Standing]:
    words = said(raters, np.arange(2 * PAIRS) < PAIRS, draw, run=False)
    halves = [(tuple(column[:PAIRS].tolist()), tuple(column[PAIRS:].tolist())) for column in words.T]
    return [Standing(r.name, "response", g, b) for r, (g, b) in zip(raters, halves, strict=True)]


@dataclass
class Met:
    """What came of candidates: by right decisions, and by what was let through."""

    right: float = 0.0
    kept: int = 0
    good: int = 0

    @property
    def off(self) -> float:
        """By how much less of what was kept is good than was asked for."""
        return max(0.0, ASKED - self.good / self.kept) if self.kept else 0.0


def judged(rule: CalibratedRule, names: Sequence[str], words: Array) -> tuple[Array, float, float]:
    """Log-odds of each, the bar, and the log-odds at which good is as probable as bad."""
    members = tuple(rule.standings[name, "response"] for name in names)
    committee = committee_of(members)
    says, intercept = committee.fit
    middles = [fmean((*m.good, *m.broken)) for m in members]
    odds = intercept + sum(
        say * (column - middle) / m.spread
        for say, column, middle, m in zip(says, words.T, middles, members, strict=True)
    )
    share = rule.config.good_share
    return np.asarray(odds), rule.bar(committee, "response"), float(-np.log(share / (1 - share)))


def measured(case: Case) -> tuple[dict[str, Met], list[Learned]]:
    """By way of deciding, what came of it over all seeds; and what was learned."""
    found = {way: Met() for way in ("anew", "exam", "mean", "majority")}
    learnt = []
    for seed in SEEDS:
        draw = np.random.default_rng(seed)
        standings = examined(case.raters, draw)
        rule = CalibratedRule(CalibratedGate(keep_precision=ASKED), {(s.model, "response"): s for s in standings})
        able, names = [s for s in standings if s.weight], [s.model for s in standings]
        good = draw.random(CANDIDATES) < case.share
        words = said(case.raters, good, draw, run=True)
        known = draw.random(CANDIDATES) < 0.5  # of an earlier round; the other half is judged
        table = np.stack([[s.standardised(v) for v in words[known, names.index(s.model)]] for s in able], axis=1)
        drifts = {r.name: Drift(r.shift, r.shift) for r in case.raters if r.drift}
        for r in drifts:
            table[:, [s.model for s in able].index(r)] -= drifts[r].shift
        learned = learn(able, table, rule.config.good_share, drifts)
        learnt.append(learned)
        new, truth = words[~known], good[~known]
        for way, by in (("anew", recalibrated(rule, learned)), ("exam", rule)):
            odds, bar, even = judged(by, names, new)
            found[way].right += float(((odds >= even) == truth).mean()) / len(SEEDS)
            found[way].kept += int((odds >= bar).sum())
            found[way].good += int(((odds >= bar) & truth).sum())
        middles = np.array([fmean((*s.good, *s.broken)) for s in standings])
        for way, yes in (("mean", new.mean(1) >= middles.mean()), ("majority", (new >= middles).mean(1) > 0.5)):
            found[way].right += float((yes == truth).mean()) / len(SEEDS)
            found[way].kept += int(yes.sum())
            found[way].good += int((yes & truth).sum())
    return found, learnt


@pytest.fixture(scope="module")
def all_of() -> Mapping[str, tuple[dict[str, Met], list[Learned]]]:
    return {name: measured(case) for name, case in CASES.items()}


AllOf = Mapping[str, tuple[dict[str, Met], list[Learned]]]


@pytest.mark.parametrize("name", list(CASES))
def test_the_promise_is_kept_better_than_by_the_exam_alone(name: str, all_of: AllOf) -> None:
    found = all_of[name][0]
    assert found["anew"].off <= found["exam"].off + 1e-9
    assert found["anew"].off <= 0.05
    assert found["anew"].right >= found["exam"].right - 0.005


@pytest.mark.parametrize("name", list(CASES))
def test_more_is_decided_rightly_than_by_a_mean_or_a_majority(name: str, all_of: AllOf) -> None:
    found = all_of[name][0]
    assert found["anew"].right > found["mean"].right + 0.005
    assert found["anew"].right > found["majority"].right + 0.02


@pytest.mark.parametrize("name", ["lenient", "noisy", "adversarial", "copying", "drifting", "few good"])
def test_where_candidates_are_not_like_the_exam_it_makes_a_difference(name: str, all_of: AllOf) -> None:
    found = all_of[name][0]
    assert found["anew"].off < found["exam"].off - 0.03


def mean_of(learnt: Sequence[Learned], model: str, what: str) -> float:
    return fmean(getattr(learned.members[model], what) for learned in learnt if model in learned.members)


def test_what_has_changed_is_found_and_what_has_not_stays(all_of: AllOf) -> None:
    lenient, noisy, adverse, few = (all_of[n][1] for n in ("lenient", "noisy", "adversarial", "few good"))
    assert 0.5 < mean_of(lenient, "plain", "shift") < 1.1 and abs(mean_of(lenient, "able", "shift")) < 0.15
    assert mean_of(all_of["likelihood"][1], "@likelihood", "shift") == pytest.approx(0.5, abs=0.15)
    assert mean_of(noisy, "able", "reliability") < 0.4 < 0.85 < mean_of(noisy, "weak", "reliability")
    assert mean_of(adverse, "able", "reliability") < 0.1
    assert fmean(learned.good_share for learned in few) < 0.35
    assert mean_of(all_of["copying"][1], "a", "alike") > 0.5 > 0.1 > mean_of(all_of["copying"][1], "able", "alike")
    same = all_of["as examined"][1]
    assert fmean(learned.good_share for learned in same) == pytest.approx(0.5, abs=0.05)
    assert all(mean_of(same, r.name, "reliability") > 0.9 for r in CASES["as examined"].raters)


def test_most_intervals_have_the_true_share_in_them_and_admit_that_it_is_hardly_known(all_of: AllOf) -> None:
    learnt = all_of["as examined"][1]
    assert fmean(learned.low <= 0.5 <= learned.high for learned in learnt) > 0.9
    assert all(learned.high - learned.low > 0.2 for learned in learnt)


def test_agreement_of_copies_never_raises_them_and_costs_them_more_than_who_stands_alone(all_of: AllOf) -> None:
    copying = CASES["copying"].raters
    left: dict[str, list[float]] = {rater.name: [] for rater in copying}
    for seed, learned in zip(SEEDS, all_of["copying"][1], strict=True):
        exam = {s.model: s for s in examined(copying, np.random.default_rng(seed))}
        for name, shown in learned.members.items():
            left[name].append(moved(exam[name], shown).separation / exam[name].separation)
    assert all(part <= 1 + 1e-9 for parts in left.values() for part in parts)
    assert all(fmean(left[name]) < fmean(left["able"]) - 0.08 for name in ("weak", "a", "b"))


def rule_of(standings: Sequence[Standing]) -> CalibratedRule:
    return CalibratedRule(CalibratedGate(), {(s.model, "response"): s for s in standings})


@pytest.mark.parametrize("seed", range(6))
def test_the_gate_is_made_stricter_or_left_as_it_is(seed: int) -> None:
    draw = np.random.default_rng(seed)
    standings = examined([ABLE], draw)
    shown = Shown(100, standings[0].separation, -0.6, 0.2, draw.uniform(0.2, 1), 0.2, draw.uniform(0.3, 1.5))
    learned = Learned(100, 0.9, 0.8, 0.95, {"able": shown})
    before, after = rule_of(standings), recalibrated(rule_of(standings), learned)
    assert after.config.good_share == 0.5
    words = np.linspace(-4, 4, 81)[:, None]
    let_in = [odds >= bar for odds, bar, _ in (judged(rule, ["able"], words) for rule in (before, after))]
    assert not np.any(let_in[1] & ~let_in[0])


def test_too_few_candidates_teach_nothing_but_a_drift_is_counted_in() -> None:
    draw = np.random.default_rng(0)
    standings = examined([ABLE, PLAIN], draw)
    few = draw.normal(size=(LEAST - 1, 2))
    silent = np.full((500, 2), np.nan)
    for table in (few, silent, np.zeros((0, 2))):
        learned = learn(standings, table, 0.5, {"able": Drift(0.8, 0.8)})
        assert learned.candidates == 0
        now = recalibrated(rule_of(standings), learned)
        assert now.standings["plain", "response"].good == pytest.approx(standings[1].good)
        lifted = np.array(now.standings["able", "response"].good) - np.array(standings[0].good)
        assert lifted == pytest.approx(np.full(PAIRS, 0.8 * standings[0].spread))


def test_a_member_that_has_turned_round_loses_its_say() -> None:
    standings = examined([ABLE, PLAIN], np.random.default_rng(3))
    apart = standings[0].separation
    learned = learn(standings, np.zeros((0, 2)), 0.5, {"able": Drift(-apart, apart)})
    now = recalibrated(rule_of(standings), learned)
    assert now.standings["able", "response"].weight == 0 < now.standings["plain", "response"].weight


def test_an_instruction_s_exam_and_who_could_not_tell_stay_as_they_are() -> None:
    draw = np.random.default_rng(1)
    able, blind = examined([ABLE, Rater("blind", 0.0)], draw)
    rule = CalibratedRule(
        CalibratedGate(),
        {
            ("able", "response"): able,
            ("blind", "response"): blind,
            ("able", "instruction"): replace(able, stage="instruction"),
        },
        {"able": able},
    )
    learned = Learned(50, 0.4, 0.3, 0.5, {"able": Shown(50, able.separation, 0.5, 0.1)})
    now = recalibrated(rule, learned)
    assert now.standings["able", "instruction"] is rule.standings["able", "instruction"]
    assert now.standings["blind", "response"] is blind
    assert now.rulings["able"] == now.standings["able", "response"] != able
    assert now.config.good_share == 0.4
