"""What a run's candidates show of the exam that its gate was set by: pure, without labels.

An exam is of texts by people; candidates are written by models, and what share of them is good nobody knows. From what
the members of a committee said of the candidates so far, the rater model (`rater_model.py`) estimates that share, each
member's shift (its leniency towards what models write) and its reliability (how much of the separation of its exam is
left). A member's exam is then moved to where it would lie among candidates, and everything else follows from it as from
an exam (`Standing`, `Committee`).

Candidates without labels cannot show that things are better than an exam says: raters that err alike agree too, and a
lenient committee looks like one that sees much good work. So the gate is made stricter or left as it is, never laxer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from gra.records import VERIFIER
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.rater_model import Array, Prior, fit
from gra.synthesis.standing import Standing, in_common

LEAST = 30
"""Candidates below which nothing is learned."""
MOST = 1000
"""The last candidates that are looked at."""
WORTH = 30.0
"""Texts of known truth that all candidates together count for at most: real opinions are not normal, and the shape of
a large heap of them would be taken for what it is not (docs/lab_notes.md)."""
SHARE_WORTH = 10.0
"""Texts that the configured `good_share` counts for."""
SHIFT = 0.3
"""Deviation of a member's shift, in its spreads, before anything is seen."""
EVIDENCE_SHIFT = 0.6
"""The same of what all verifiers have in common: to a model, what models write is likely, right or wrong."""
RELIABILITY = 0.6
"""Deviation of a member's reliability around that of its exam, before anything is seen."""
WITHIN_WORTH = 30.0
"""Texts that the exam's own covariance within a class counts for."""
BELIEVED = 0.8
"""Part of that covariance; the rest is taken for the chance of a short exam."""
CHANCE = 0.1
"""Correlation by which two members may be more alike among candidates than in their exams without a consequence."""
FURTHEST = 5.0
"""Spreads beyond which an opinion is no further away."""


@dataclass(frozen=True, slots=True)
class Drift:
    """By how much a member's opinions of known texts have moved since its exam, in its spreads."""

    good: float = 0.0
    broken: float = 0.0

    @property
    def shift(self) -> float:
        """Of both."""
        return (self.good + self.broken) / 2


STILL = Drift()


@dataclass(frozen=True, slots=True)
class Shown:
    """What one member has shown on candidates."""

    read: int
    """Candidates on which it was heard."""
    separation: float
    """In its exam."""
    shift: float = 0.0
    """Of its middle between good and bad, against its exam, in its spreads: above 0 it is more lenient."""
    shift_error: float = SHIFT
    """Standard error; of an exam alone the prior's deviation."""
    reliability: float = 1.0
    """Part of its exam's separation that it has among candidates, in [0, 1]."""
    reliability_error: float = RELIABILITY
    spread: float = 1.0
    """Of its opinions within a class, against its exam."""
    alike: float = 0.0
    """Sum over the other members of how much more correlated its opinions are with theirs, within a class, than in
    their exams, beyond what may be chance."""
    drift: Drift = STILL
    """Since its exam, by honeypots."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What the candidates so far have shown."""

    candidates: int
    """Those that were looked at; 0 where there are too few to learn from."""
    good_share: float
    low: float
    """End of the interval of 95 % of `good_share`."""
    high: float
    members: Mapping[str, Shown]


def learn(
    standings: Sequence[Standing], said: Array, good_share: float, drifts: Mapping[str, Drift] | None = None
) -> Learned:
    """What candidates show.

    Args:
        standings: M different members that can tell, by their exams.
        said: (N, M) standardised opinions (`Standing.standardised`) on candidates, NaN where there is none.
        good_share: what the configuration says, in (0, 1).
        drifts: by model, of those that have moved since their exam.
    """
    heard = said[~np.isnan(said).all(axis=1)] if said.size else said
    moved = drifts or {}
    if len(heard) < LEAST or not standings:
        shown = {s.model: Shown(0, s.separation, drift=moved.get(s.model, STILL)) for s in standings}
        return Learned(0, good_share, good_share, good_share, shown)
    before = prior(standings, good_share)
    found = fit(np.clip(heard, -FURTHEST, FURTHEST), min(1.0, WORTH / len(heard)), before)
    raters, away = found.raters, 1.96 * found.share_error
    odds = np.log(raters.share / (1 - raters.share))
    low, high = (float(1 / (1 + np.exp(-(odds + end)))) for end in (-away, away))
    more = _correlation(raters.within) - _correlation(before.within)
    alike = np.maximum(more - CHANCE, 0.0).sum(axis=1)  # with itself nobody is more alike than before
    members = {
        s.model: Shown(
            read=int((~np.isnan(heard[:, n])).sum()),
            separation=s.separation,
            shift=float(raters.middle[n]),
            shift_error=float(found.middle_error[n]),
            reliability=float(raters.separation[n]) / s.separation,
            reliability_error=float(found.separation_error[n]) / s.separation,
            spread=float(np.sqrt(raters.within[n, n])),
            alike=float(alike[n]),
            drift=moved.get(s.model, STILL),
        )
        for n, s in enumerate(standings)
    }
    return Learned(len(heard), raters.share, low, high, members)


def prior(standings: Sequence[Standing], good_share: float) -> Prior:
    """What exams say of candidates before any is seen."""
    separation = np.array([s.separation for s in standings])
    evidence = np.array([float(s.model.startswith(VERIFIER)) for s in standings])
    shifts: Array = SHIFT**2 * np.eye(len(standings)) + EVIDENCE_SHIFT**2 * np.outer(evidence, evidence)
    return Prior(
        share=good_share,
        share_texts=SHARE_WORTH,
        middle=np.zeros(len(standings)),
        middle_precision=np.linalg.inv(shifts).astype(np.float64),
        separation=separation,
        separation_error=RELIABILITY * separation,
        within=_within(standings),
        within_texts=WITHIN_WORTH,
    )


def recalibrated(rule: CalibratedRule, learned: Learned) -> CalibratedRule:
    """The gate by what candidates have shown: with a higher bar or the same, never a lower one."""
    weights = {s.model: s.weight for (_, stage), s in rule.standings.items() if stage == "response"}
    total = sum(weights[model] for model in learned.members)
    common = sum(weights[model] * shown.shift for model, shown in learned.members.items()) / total if total else 0.0

    def now(standing: Standing) -> Standing:
        shown = learned.members.get(standing.model)
        if shown is None or standing.stage != "response" or not standing.weight:
            return standing
        # Opinions lower than the exam's as a whole are as well explained by fewer good texts, which are not let in.
        return moved(standing, replace(shown, shift=shown.shift - min(common, 0.0)))

    share = min(rule.config.good_share, learned.good_share)
    return CalibratedRule(
        rule.config.model_copy(update={"good_share": share}),
        {key: now(standing) for key, standing in rule.standings.items()},
        {model: now(standing) for model, standing in rule.rulings.items()},
    )


def moved(standing: Standing, shown: Shown) -> Standing:
    """The exam as it would lie among candidates. A drift may close what separates good from broken, not widen it."""
    good, broken = fmean(standing.good), fmean(standing.broken)
    middle = (good + broken) / 2 + standing.spread * (shown.shift + shown.drift.shift)
    # For independent members squared separations add up. So k members who say the same share that of one.
    apart = standing.separation * shown.reliability / math.sqrt(1 + shown.alike) + min(
        0.0, shown.drift.good - shown.drift.broken
    )
    # Nor are opinions that lie closer together than the exam's a sign that they tell more.
    scale = max(shown.spread, shown.reliability)

    def placed(values: Sequence[float], mean: float, half: float) -> tuple[float, ...]:
        return tuple(middle + standing.spread * half * apart + scale * (value - mean) for value in values)

    return replace(standing, good=placed(standing.good, good, 0.5), broken=placed(standing.broken, broken, -0.5))


def _correlation(covariance: Array) -> Array:
    spread = np.sqrt(np.diag(covariance))
    found: Array = covariance / np.outer(spread, spread)
    return found


def _within(standings: Sequence[Standing]) -> Array:
    """(M, M) Covariance within a class, in spreads, on the texts that all have read."""
    rows = in_common(standings)
    away = []
    for s, row in zip(standings, rows, strict=True):
        halves = (np.array([s.good[at] for at in row]), np.array([s.broken[at] for at in row]))
        away.append(np.concatenate([half - half.mean() for half in halves]) / s.spread)
    covariance = np.array(away) @ np.array(away).T / (2 * len(rows[0]) - 2)
    found: Array = BELIEVED * covariance + (1 - BELIEVED) * np.eye(len(standings))
    return found
