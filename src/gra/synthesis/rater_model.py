"""What raters show on texts of which nobody knows the truth: two hidden classes, and what was known before as a prior.

Every text is good or bad. What a rater says of it is normal around that rater's own middle for its class; what all
raters say of one text may be correlated within a class too, because those that resemble each other err alike. The truth
is summed out (Dawid and Skene 1979; with continuous ratings and unknown truth Raykar et al. 2010), and the few texts of
known truth come in as the prior of every parameter, against which a text of unknown truth counts for less than one
(EM-lambda: Nigam et al. 2000). The mode of the posterior is found by EM, where a rater may have been silent on a text
(missing at random given what was said: whom to ask next depends on that alone), its errors by the curvature there.

Agreement is no proof. Raters that copy one another, or fall for the same thing, agree as those do that see the truth.
So a separation may turn out smaller than the prior has it, never larger, and what agreement that leaves over is taken
for correlated error. Pure NumPy; knows no samples and no exams.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEPS = 500
SETTLED = 1e-7
"""Change of a parameter, in spreads or in log-odds, below which EM has come to its end."""
LEAST_SHARE = 0.01
"""A share of good texts is held within [LEAST_SHARE, 1 - LEAST_SHARE]."""


@dataclass(frozen=True)
class Prior:
    """What was known before: of M raters, in units of each rater's spread."""

    share: float
    """Mode of the share of good texts, in (0, 1)."""
    share_texts: float
    """Texts that this is worth (a Beta distribution); 0 is no prior."""
    middle: Array
    """(M,) Where half-way between good and bad lies for each rater."""
    middle_precision: Array
    """(M, M) Inverse of the covariance of that; zeros are no prior."""
    separation: Array
    """(M,) Of good above bad."""
    separation_error: Array
    """(M,) Standard deviations of that."""
    within: Array
    """(M, M) Covariance within a class."""
    within_texts: float
    """Texts that this is worth (an inverse Wishart distribution); 0 is no prior."""
    capped: bool = True
    """Whether a separation is held between 0 and that of the prior."""


@dataclass(frozen=True)
class Raters:
    """The parameters, of M raters."""

    share: float
    middle: Array
    separation: Array
    within: Array

    def means(self) -> tuple[Array, Array]:
        """(M,) each: of good texts and of bad ones."""
        return self.middle + self.separation / 2, self.middle - self.separation / 2


@dataclass(frozen=True)
class Fitted:
    """The mode of the posterior and the errors there."""

    raters: Raters
    share_error: float
    """Standard error of the log-odds of the share."""
    middle_error: Array
    separation_error: Array


def fit(said: Array, weight: float, prior: Prior) -> Fitted:
    """The most probable parameters, from the prior's on.

    Args:
        said: (N, M) what each rater says of each text; NaN where it said nothing.
        weight: of one text, in (0, 1].
        prior: what was known before.
    """
    seen = list(_patterns(said))
    now = Raters(prior.share, prior.middle, prior.separation, prior.within)
    for _ in range(STEPS):
        new = _improved(now, seen, weight, prior)
        moved = max(
            abs(_logit(new.share) - _logit(now.share)),
            float(np.abs(new.middle - now.middle).max()),
            float(np.abs(new.separation - now.separation).max()),
            float(np.abs(new.within - now.within).max()),
        )
        now = new
        if moved < SETTLED:
            break
    share, middle, separation = _errors(now, seen, weight, prior)
    return Fitted(now, share, middle, separation)


def good_given(raters: Raters, said: Array) -> Array:
    """(N,) The probability of being good, given what was said (N, M)."""
    found = np.full(len(said), raters.share)
    for rows, heard, words in _patterns(said):
        found[rows] = _beliefs(raters, heard, words)[0]
    return found


def log_posterior(raters: Raters, said: Array, weight: float, prior: Prior) -> float:
    """What `fit` makes as large as it can be, without constants."""
    told = sum(float(_beliefs(raters, heard, words)[1].sum()) for _, heard, words in _patterns(said))
    n = prior.share_texts
    value = weight * told + n * prior.share * np.log(raters.share) + n * (1 - prior.share) * np.log(1 - raters.share)
    away = raters.middle - prior.middle
    value -= 0.5 * float(away @ prior.middle_precision @ away)
    value -= 0.5 * float((((raters.separation - prior.separation) / prior.separation_error) ** 2).sum())
    inverse, size = np.linalg.inv(raters.within), float(np.linalg.slogdet(raters.within)[1])
    value -= 0.5 * prior.within_texts * (size + float(np.trace(prior.within @ inverse)))
    return float(value)


_Seen = tuple[NDArray[np.int64], NDArray[np.int64], Array]
"""Texts on which the same raters spoke: their rows, those raters, and what they said."""


def _patterns(said: Array) -> Iterator[_Seen]:
    heard = ~np.isnan(said)
    kinds, which = np.unique(heard, axis=0, return_inverse=True)
    for number, kind in enumerate(kinds):
        rows, who = np.flatnonzero(which.reshape(-1) == number), np.flatnonzero(kind)
        if len(who):
            yield rows, who, said[np.ix_(rows, who)]


def _beliefs(raters: Raters, heard: NDArray[np.int64], words: Array) -> tuple[Array, Array]:
    """Of each text the probability of being good, and the logarithm of its density."""
    within = raters.within[np.ix_(heard, heard)]
    inverse, size = np.linalg.inv(within), float(np.linalg.slogdet(within)[1]) + len(heard) * np.log(2 * np.pi)
    logs = []
    for mean, share in zip(raters.means(), (raters.share, 1 - raters.share), strict=True):
        away = words - mean[heard]
        logs.append(np.log(share) - 0.5 * (np.einsum("ij,jk,ik->i", away, inverse, away) + size))
    together: Array = np.logaddexp(*logs)
    return np.exp(logs[0] - together), together


def _improved(now: Raters, seen: list[_Seen], weight: float, prior: Prior) -> Raters:
    """One step of EM."""
    m = len(now.middle)
    left, right = _precision(prior), _precision(prior) @ np.concatenate([prior.middle, prior.separation])
    good = texts = 0.0
    scatter = prior.within_texts * prior.within
    beliefs = [_beliefs(now, heard, words)[0] for _, heard, words in seen]
    for (_, heard, words), p in zip(seen, beliefs, strict=True):
        inverse = np.zeros((m, m))
        inverse[np.ix_(heard, heard)] = np.linalg.inv(now.within[np.ix_(heard, heard)])
        for half, q in ((0.5, p), (-0.5, 1 - p)):
            mass, total = weight * float(q.sum()), np.zeros(m)
            total[heard] = weight * (q @ words)
            left = left + np.kron(np.array([[1, half], [half, half * half]]), mass * inverse)
            right = right + np.concatenate([inverse @ total, half * (inverse @ total)])
        good += weight * float(p.sum())
        texts += weight * len(p)
    middle, separation = _solved(left, right, prior)
    moved = replace(now, middle=middle, separation=separation)
    for (_, heard, words), p in zip(seen, beliefs, strict=True):
        # What a silent rater would have said is expected from what the others did, with what that leaves open.
        slope = now.within[:, heard] @ np.linalg.inv(now.within[np.ix_(heard, heard)])
        unsaid = now.within - slope @ now.within[heard, :]
        for mean, q in zip(moved.means(), (p, 1 - p), strict=True):
            away = (words - mean[heard]) @ slope.T
            scatter = scatter + weight * ((away * q[:, None]).T @ away + float(q.sum()) * unsaid)
    share = (good + prior.share_texts * prior.share) / (texts + prior.share_texts)
    share = min(max(share, LEAST_SHARE), 1 - LEAST_SHARE)
    within = scatter / (texts + prior.within_texts)
    return Raters(share, middle, separation, (within + within.T) / 2)


def _precision(prior: Prior) -> Array:
    """(2M, 2M) Of middles and separations."""
    nothing = np.zeros_like(prior.middle_precision)
    return np.block([[prior.middle_precision, nothing], [nothing, np.diag(1 / prior.separation_error**2)]])


def _solved(left: Array, right: Array, prior: Prior) -> tuple[Array, Array]:
    """Middles and separations; a separation that would leave its bounds is put on the bound, and the rest is solved."""
    m = len(prior.middle)
    held: dict[int, float] = {}
    for _ in range(2 * m + 1):
        free = [n for n in range(2 * m) if n not in held]
        bound = np.zeros(2 * m)
        for n, value in held.items():
            bound[n] = value
        found = bound.copy()
        found[free] = np.linalg.solve(left[np.ix_(free, free)], right[free] - left[free] @ bound)
        out = [n for n in free if n >= m and not -1e-12 <= found[n] <= prior.separation[n - m] + 1e-12]
        if not prior.capped or not out:
            break
        held |= {n: 0.0 if found[n] < 0 else float(prior.separation[n - m]) for n in out}
    return found[:m], found[m:]


def _errors(at: Raters, seen: list[_Seen], weight: float, prior: Prior) -> tuple[float, Array, Array]:
    """Standard errors of the share's log-odds, the middles and the separations.

    The covariance within a class is taken as known. The curvature comes from differences of the slope, which by
    Fisher's identity is that of the complete data.
    """
    m = len(at.middle)
    point = np.concatenate([[_logit(at.share)], at.middle, at.separation])

    def slope(point: Array) -> Array:
        share = 1 / (1 + float(np.exp(-point[0])))
        here = Raters(share, point[1 : m + 1], point[m + 1 :], at.within)
        found = np.zeros(2 * m + 1)
        found[0] = prior.share_texts * (prior.share - share)
        found[1:] = _precision(prior) @ (np.concatenate([prior.middle, prior.separation]) - point[1:])
        for _, heard, words in seen:
            p = _beliefs(here, heard, words)[0]
            inverse = np.linalg.inv(at.within[np.ix_(heard, heard)])
            found[0] += weight * float((p - share).sum())
            for mean, half, q in zip(here.means(), (0.5, -0.5), (p, 1 - p), strict=True):
                pull = inverse @ (weight * (q @ (words - mean[heard])))
                found[1 + heard] += pull
                found[1 + m + heard] += half * pull
        return found

    step = 1e-4
    columns = [(slope(point - step * e) - slope(point + step * e)) / (2 * step) for e in np.eye(2 * m + 1)]
    curvature = np.array(columns)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    # On a bound the posterior may not be curved downwards: then it tells no more than the flattest that it can be.
    variance = ((vectors**2) / np.maximum(values, 1e-3)).sum(axis=1)
    errors = np.sqrt(variance)
    return float(errors[0]), errors[1 : m + 1], errors[m + 1 :]


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))
