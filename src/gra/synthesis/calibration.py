"""From opinions to a probability: what a committee's exam says about a sample that its members read alike. Pure.

Each member's opinion, in units of its own spread (`standing.py`), is one number. How much each number tells, beside
what the others tell already, is fitted on the exam: a logistic regression with a ridge, in which nobody's say is
negative (stacking: Wolpert 1992; non-negative: Breiman 1996). Leniency and scale fall out with the standardising, and
two members that say the same share one say. Who has not shown alone that it can tell has none at all.

Exams are as short as a dozen pairs, so the fit is kept from believing itself: the ridge holds every say near 0, and
where the good and the broken lie is taken from leave-one-out scores, never from the scores that were fitted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from gra.synthesis.standing import Standing, in_common

Array = NDArray[np.float64]
NORMAL = NormalDist()
RIDGE = 3.0
"""Of the members' says, on standardised opinions: of 1, 3 and 8 the best on held-out halves (docs/lab_notes.md)."""
LEAST_SAY = 0.02
"""Log-odds for one spread of a member who has shown that it can tell: little, but whoever is heard leaves a trace."""
LEAST_SIGMA = 0.05
"""Least deviation of a committee's log-odds: an exam in which all say the same shows no spread to divide by."""
FURTHEST = 40.0
"""Log-odds beyond which nothing is told apart."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share in [0, 1], and where it lies with 95 %."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.0%} ({self.low:.0%} to {self.high:.0%})"


@dataclass(frozen=True)
class Committee:
    """Members who judge together, and what their exam taught about weighing them."""

    members: tuple[Standing, ...]
    """At one stage, examined on the same questions in the same order; some may have stopped earlier."""

    @property
    def can_tell(self) -> bool:
        """True if at least one member has shown that it can."""
        return any(m.weight > 0 for m in self.members)

    def log_odds(self, features: Sequence[float]) -> float:
        """Log-odds of good against broken, where as many are good as broken; 0 if nobody can tell.

        Rises with every feature of a member that can tell, and does not change with the others'.
        """
        says, intercept = self.fit
        seen = zip(self.members, says, features, strict=True)
        return intercept + math.fsum(say * member.standardised(value) for member, say, value in seen if say)

    @property
    def weights(self) -> dict[str, float]:
        """Each member's share of the say, summing to 1; all 0 if nobody can tell. One model may sit twice."""
        says, _ = self.fit
        total, shares = math.fsum(says), {m.model: 0.0 for m in self.members}
        for member, say in zip(self.members, says, strict=True):
            shares[member.model] += say / total if total else 0.0
        return shares

    @cached_property
    def fit(self) -> tuple[tuple[float, ...], float]:
        """Log-odds for one spread of each member's opinion (0 for who cannot tell), and the intercept."""
        says = [0.0] * len(self.members)
        if not self._heard:
            return tuple(says), 0.0
        for at, say in zip(self._heard, self._solved, strict=False):
            says[at] = float(say)
        return tuple(says), float(self._solved[-1])

    @cached_property
    def doubt(self) -> float:
        """Standard error of the log-odds that comes of the exam being short: the mean over its questions (Laplace)."""
        return float(np.sqrt(self._leverage).mean()) if self._heard else math.inf

    @cached_property
    def places(self) -> tuple[float, float, float]:
        """Mean log-odds of good, of broken, and their common deviation, for questions that were not fitted.

        Leave-one-out scores by the approximation of one Newton step (Rad and Maleki 2020, arXiv 1801.10243).
        """
        if not self._heard:
            return 0.0, 0.0, 1.0
        x, good, solved = self._exam, self._good, self._solved
        scores = x @ solved
        p = 1 / (1 + np.exp(-scores))
        curvature = p * (1 - p) * self._leverage
        left_out = scores + self._leverage * (p - good) / np.maximum(1 - curvature, 0.1)
        one, other = left_out[good], left_out[~good]
        sigma = math.sqrt((float(one.var(ddof=1)) + float(other.var(ddof=1))) / 2)
        return float(one.mean()), float(other.mean()), max(sigma, LEAST_SIGMA)

    def recall(self, threshold: float) -> float:
        """Share of good samples at or above these log-odds, in (0, 1), by a normal fit."""
        good, _, sigma = self.places
        return NORMAL.cdf((good - threshold) / sigma)

    def fallout(self, threshold: float) -> float:
        """Share of broken samples at or above these log-odds, in (0, 1), by a normal fit."""
        _, broken, sigma = self.places
        return NORMAL.cdf((broken - threshold) / sigma)

    def share(self, good: bool, threshold: float) -> Share:
        """`recall` (of good samples) or `fallout` (of broken ones), with what the exam's length leaves open.

        The delta method on the distance z from the threshold to a side's mean, in deviations: of n texts a side its
        variance is 1/n + z^2 / (2 (2n - 2)). The say of each member is not doubted here: it is what it is in the run,
        and the log-odds are of questions that were not fitted.
        """
        mean, other, sigma = self.places
        z = ((mean if good else other) - threshold) / sigma
        n = len(self._exam) // 2 if self._heard else 2
        error = NORMAL.inv_cdf(0.975) * math.sqrt(1 / n + z * z / (2 * max(2 * n - 2, 1)))
        return Share(NORMAL.cdf(z), NORMAL.cdf(z - error), NORMAL.cdf(z + error))

    def precision(self, threshold: float, prior: float) -> float:
        """Share of good ones among what lies at or above these log-odds, if `prior` of all are good; in (0, 1)."""
        good, broken = prior * self.recall(threshold), (1 - prior) * self.fallout(threshold)
        return good / (good + broken) if good + broken > 0 else 1.0

    def threshold(self, precision: float, prior: float) -> float:
        """The least log-odds at which so large a share of what is kept is good; the furthest if there is none.

        Args:
            precision: in (0, 1).
            prior: share of all samples that are good, in (0, 1).
        """
        good, broken, _ = self.places
        if good <= broken:
            return FURTHEST
        low, high = -FURTHEST, FURTHEST
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if self.precision(middle, prior) >= precision else (middle, high)
        return high

    def quantile(self, share: float) -> float:
        """The log-odds below which so large a share of good samples lies, by a normal fit; `share` in (0, 1)."""
        good, _, sigma = self.places
        return good + sigma * NORMAL.inv_cdf(share)

    @cached_property
    def _heard(self) -> tuple[int, ...]:
        return tuple(n for n, member in enumerate(self.members) if member.weight > 0)

    @cached_property
    def _exam(self) -> Array:
        """Standardised opinions of who is heard, a row for each text that all of them read, good ones first; a 1."""
        heard = [self.members[n] for n in self._heard]
        rows = in_common(heard)
        columns = [
            [m.standardised(half[at]) for half in (m.good, m.broken) for at in row]
            for m, row in zip(heard, rows, strict=True)
        ]
        return np.column_stack([*columns, np.ones(2 * len(rows[0]))])

    @cached_property
    def _good(self) -> NDArray[np.bool_]:
        read = len(self._exam) // 2
        return np.arange(2 * read) < read

    @cached_property
    def _solved(self) -> Array:
        return ridge_logistic(self._exam, self._good)

    @cached_property
    def _leverage(self) -> Array:
        """For each row of the exam the variance of its log-odds, x' H^-1 x."""
        x = self._exam
        p = 1 / (1 + np.exp(-(x @ self._solved)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + _penalty(x.shape[1])
        leverage: Array = np.einsum("ij,ij->i", x, np.linalg.solve(hessian, x.T).T)
        return leverage


def ridge_logistic(x: Array, good: NDArray[np.bool_]) -> Array:
    """Coefficients of a logistic regression with a ridge, no say below `LEAST_SAY`; the last column is the intercept.

    Coordinate descent on a quadratic bound of the loss (Bohning 1992), which never overshoots; the optimum is unique.
    """
    penalty = np.diag(_penalty(x.shape[1]))
    steps = 1 / ((x * x).sum(axis=0) / 4 + penalty)
    w = np.zeros(x.shape[1])
    w[:-1] = LEAST_SAY
    scores = x @ w
    for _ in range(5000):
        largest = 0.0
        for at, step in enumerate(steps):
            slope = float(x[:, at] @ (1 / (1 + np.exp(-scores)) - good)) + float(penalty[at] * w[at])
            new = float(w[at]) - float(step) * slope
            moved = (new if at == len(w) - 1 else max(new, LEAST_SAY)) - float(w[at])
            if moved:
                w[at] += moved
                scores += moved * x[:, at]
            largest = max(largest, abs(moved))
        if largest < 1e-10:
            break
    return w


def _penalty(columns: int) -> Array:
    """The ridge on each say; the intercept is free, but for a trace that keeps the Hessian regular."""
    return np.diag([RIDGE] * (columns - 1) + [1e-6])


@lru_cache(maxsize=1024)
def committee_of(members: tuple[Standing, ...]) -> Committee:
    """The committee of these members: few different ones judge a whole run."""
    return Committee(members)
