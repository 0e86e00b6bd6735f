"""Whether a reviewer's scores follow what they should not: length, or its own kind. Pure arithmetic over arrays.

Also calibration: whether what is called 0.8 probable is true eight times in ten.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PERMUTATIONS = 2000
CONFIDENCE = 0.95
BINS = 10
SURE = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True, slots=True)
class Effect:
    """A number with the interval it lies in with 95% confidence, and how likely one so large is by luck."""

    value: float
    low: float
    high: float
    p: float
    """Two-sided."""
    n: int
    """Texts that it is taken from."""
    of: int = 0
    """Of these, the reviewer's own (self-preference only)."""


@dataclass(frozen=True, slots=True)
class Bin:
    """What was foretold within a range of probabilities, and what came."""

    low: float
    high: float
    n: int
    foretold: float
    """Mean probability that was given, in [0, 1]."""
    came: float
    """Share that was true, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """A calibration curve (Murphy and Winkler 1977) and its expected calibration error (Naeini et al. 2015)."""

    bins: tuple[Bin, ...]
    """Those that hold something."""
    n: int
    ece: float
    """Mean distance of what was foretold from what came, weighted by the bins' sizes; in [0, 1], 0 is best."""


def family(name: str) -> str:
    """The family of a model, by its name: the letters that it begins with, after the owner. Two may share a maker."""
    last = name.rsplit("/", 1)[-1].lower()
    found = re.match(r"[a-z]+", last)
    return found.group() if found else last


def preference(differences: Array, own: NDArray[np.bool_], seed: int = 0) -> Effect | None:
    """How much higher a reviewer rates its own, beyond what others say of the same texts.

    The labels `own` are dealt anew at random over the texts: that is what luck alone does. The interval is the effect
    less the quantiles of it.

    Args:
        differences: for each text the reviewer's standardised score less the other reviewers' mean, shape (texts,).
        own: which of these texts are its own, shape (texts,).
        seed: of the dealing.

    Returns:
        The difference of means in standard deviations; None unless both kinds have at least two texts.
    """
    n, of = len(differences), int(own.sum())
    if of < 2 or n - of < 2:
        return None
    effect = float(differences[own].mean() - differences[~own].mean())
    draw, total = np.random.default_rng(seed), float(differences.sum())
    sums = np.array([draw.choice(differences, of, replace=False).sum() for _ in range(PERMUTATIONS)])
    by_luck = sums / of - (total - sums) / (n - of)
    p = (1 + int((np.abs(by_luck) >= abs(effect) - 1e-12).sum())) / (PERMUTATIONS + 1)
    low, high = np.quantile(by_luck, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Effect(effect, effect - float(high), effect - float(low), p, n, of)


def partial_correlation(x: Array, y: Array, given: Array) -> Effect | None:
    """The correlation of two columns, with what a third tells of both taken out.

    The interval is Fisher's, with one degree of freedom fewer for the third column.

    Returns:
        In [-1, 1]; None of fewer than eight rows, or where one of the two does not vary beyond the third.
    """
    n = len(x)
    if n < 8:
        return None
    base = np.column_stack([np.ones(n), given])
    left = [column - base @ np.linalg.lstsq(base, column, rcond=None)[0] for column in (x, y)]
    sizes = [float(np.sqrt(rest @ rest)) for rest in left]
    if min(sizes) < 1e-9 * math.sqrt(n):
        return None
    r = float(np.clip(left[0] @ left[1] / (sizes[0] * sizes[1]), -1, 1))
    z, error = math.atanh(min(max(r, -0.999999), 0.999999)), 1 / math.sqrt(n - 4)
    p = 2 * (1 - NormalDist().cdf(abs(z) / error))
    return Effect(r, math.tanh(z - SURE * error), math.tanh(z + SURE * error), p, n)


def reliability(foretold: Array, came: NDArray[np.bool_], bins: int = BINS) -> Reliability | None:
    """A calibration curve in bins of equal width.

    Args:
        foretold: probabilities in [0, 1], shape (n,).
        came: what was true, shape (n,).
        bins: how many.

    Returns:
        None without any.
    """
    if not len(foretold):
        return None
    at = np.minimum((foretold * bins).astype(int), bins - 1)
    found = []
    for number in range(bins):
        here = at == number
        if here.any():
            means = float(foretold[here].mean()), float(came[here].mean())
            found.append(Bin(number / bins, (number + 1) / bins, int(here.sum()), *means))
    ece = sum(b.n * abs(b.foretold - b.came) for b in found) / len(foretold)
    return Reliability(tuple(found), len(foretold), ece)
