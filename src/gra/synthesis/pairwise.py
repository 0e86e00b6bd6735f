"""Two answers side by side: which is the better one, asked in both orders, because models favour a place.

What a model shows here is what it counts where a revision comes beside its original: to tell which of two is better is
not what the other exam asks. Pure, but for the asking.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

import numpy as np

from gra.calls import Ask, CallId
from gra.config.synthesis import SynthesisConfig
from gra.records import Preference
from gra.synthesis.calibration import ridge_logistic
from gra.synthesis.exam import Question, looks
from gra.synthesis.exam_report import Estimate, Z
from gra.synthesis.figures import wilson
from gra.synthesis.preferring import read_preference
from gra.synthesis.reading import Reading
from gra.synthesis.standing import FUTILE, LEAST_SPREAD, PLAIN, SURE
from gra.together import together


@dataclass(frozen=True, slots=True)
class Pairwise:
    """How a model compares."""

    right: Estimate
    """Share of pairs of which it prefers the good answer over both orders; a tie counts half."""
    position_bias: Estimate
    """Mean log-odds of the answer that comes first, whatever the two are; 0 is none."""
    by_domain: Mapping[str, Estimate]
    """The share that is right, of the pairs of each domain that is named."""


@dataclass(frozen=True)
class PairStanding:
    """What a model has shown in pairs."""

    model: str
    log_odds: tuple[float, ...]
    """Of the good answer over the other, the mean of both orders; 0 where it could not be read, which tells nothing."""

    @property
    def right(self) -> float:
        """Pairs of which it prefers the good one; a tie counts half."""
        return math.fsum((q > 0) + 0.5 * (q == 0) for q in self.log_odds)

    @property
    def errors(self) -> float:
        """Standard errors by which that is above a half: a sign test, with the correction for whole numbers."""
        n = len(self.log_odds)
        return (self.right - 0.5 - n / 2) / (math.sqrt(n) / 2) if n else 0.0

    @property
    def unsure(self) -> bool:
        """True if more pairs could well change whether the model has a say."""
        return FUTILE < self.errors <= PLAIN

    @cached_property
    def weight(self) -> float:
        """What a log-odds of this model is worth, in log-odds of being right; 0 if what it has shown could be luck.

        The slope of a logistic regression through 0, with the ridge of `calibration.py`: each pair and, with the other
        sign, the pair the other way round. So a model that sounds surer than it is counts less for it.
        """
        if self.errors <= SURE:
            return 0.0
        scale = max(math.sqrt(fmean(q * q for q in self.log_odds)), LEAST_SPREAD)
        seen = np.array(self.log_odds) / scale
        rows = np.column_stack([np.concatenate([seen, -seen]), np.ones(2 * len(seen))])
        return float(ridge_logistic(rows, np.arange(len(rows)) < len(seen))[0]) / scale


def pairs_of(questions: Sequence[Question]) -> list[Question]:
    """Those that are about two answers to one instruction."""
    return [q for q in questions if q.good.stage == "response" and q.good.instruction == q.broken.instruction]


async def compare(
    ask: Ask, model: str, reading: Reading, pairs: Sequence[Question], config: SynthesisConfig
) -> tuple[Preference, ...]:
    """What a model makes of each pair, in both orders; one that it does not answer says so."""
    return tuple(
        await together(
            read_preference(
                reading,
                ask,
                model,
                1.0,
                (q.good, q.broken.response),
                CallId(f"exam-{q.name}", f"exam.compare.{q.fault}.{model}"),
                config,
            )
            for q in pairs
        )
    )


async def sit_pairs(
    ask: Ask, model: str, reading: Reading, pairs: Sequence[Question], config: SynthesisConfig
) -> PairStanding:
    """One model's exam in pairs, as far as it has to be taken: the looks are those of the other exam."""
    standing = PairStanding(model, ())
    for upto in looks(len(pairs)):
        found = await compare(ask, model, reading, pairs[len(standing.log_odds) : upto], config)
        standing = PairStanding(model, (*standing.log_odds, *(p.log_odds for p in found)))
        if not standing.unsure:
            break
    return standing


def as_far_as_needed(model: str, preferences: Sequence[Preference]) -> PairStanding:
    """The part of an exam in pairs after which `sit_pairs` would have ended it."""
    standing = PairStanding(model, ())
    for upto in looks(len(preferences)):
        standing = PairStanding(model, tuple(p.log_odds for p in preferences[:upto]))
        if not standing.unsure:
            break
    return standing


def summed_up(preferences: Sequence[Preference], pairs: Sequence[Question]) -> Pairwise | None:
    """The share that is right and the mean bias; None with fewer than two that could be read.

    Args:
        preferences: of one model.
        pairs: those that they are of, in the same order.
    """
    read = [(p, q.domain) for p, q in zip(preferences, pairs, strict=True) if not p.failure]
    n = len(read)
    if n < 2:
        return None
    places = [p.position for p, _ in read]
    bias, error = fmean(places), Z * stdev(places) / math.sqrt(n)
    domains = sorted({domain for _, domain in read} - {""})
    by_domain = {name: _right([p for p, domain in read if domain == name]) for name in domains}
    return Pairwise(_right([p for p, _ in read]), Estimate(bias, bias - error, bias + error, n), by_domain)


def _right(read: Sequence[Preference]) -> Estimate:
    """The share that is right, with Wilson's interval."""
    n = len(read)
    share = fmean((p.log_odds > 0) + 0.5 * (p.log_odds == 0) for p in read)
    low, _, high = wilson(share * n, n)
    return Estimate(share, min(low, share), max(high, share), n)  # at 0 and 1 they are equal, but for rounding
