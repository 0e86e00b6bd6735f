"""Whether a new response is better than the one before it: two texts side by side, asked about in both orders. Pure.

A model favours the answer that it reads first (or last), by as much as half a unit of log-odds and small ones by far
more. So each is asked twice, with the two in either place, and the mean of both is taken: what the place adds in one
order it takes away in the other. What is left changes its sign, and nothing else, when the two texts change places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gra.records import Comparison, Preference

CLIP = 0.001
"""Probabilities are held within [CLIP, 1 - CLIP], as those of opinions are."""


def log_odds(a: float, b: float) -> float:
    """Of A against B, from the probabilities of the two answers; both together above 0."""
    p = min(max(a / (a + b), CLIP), 1 - CLIP)
    return math.log(p / (1 - p))


def preference(model: str, weight: float, new_first: float, new_last: float) -> Preference:
    """What a model makes of two texts.

    Args:
        model: its name.
        weight: how much it has shown that it can tell.
        new_first: its log-odds of A where the new text is A.
        new_last: its log-odds of A where the new text is B.
    """
    return Preference(model, weight, (new_first - new_last) / 2, (new_first + new_last) / 2)


def compare(against: int, preferences: Sequence[Preference]) -> Comparison:
    """Who wins: the new text only if the mean preference, by weights, is for it. A tie leaves the old one.

    Args:
        against: number of the version that it is compared with.
        preferences: of everybody who was asked.
    """
    heard = [p for p in preferences if not p.failure and p.weight > 0]
    total = math.fsum(p.weight for p in heard)
    mean = math.fsum(p.weight * p.log_odds for p in heard) / total if total else 0.0
    return Comparison(against, tuple(preferences), mean, mean > 0)
