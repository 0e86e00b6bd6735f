"""Two answers side by side: which is the better one, asked in both orders, because models favour a place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from gra.calls import Ask, CallId
from gra.config.synthesis import SynthesisConfig
from gra.records import Preference
from gra.synthesis.exam import Question
from gra.synthesis.exam_report import Estimate, Z
from gra.synthesis.figures import wilson
from gra.synthesis.preferring import read_preference
from gra.synthesis.reading import Reading
from gra.together import together


@dataclass(frozen=True, slots=True)
class Pairwise:
    """How a model compares."""

    right: Estimate
    """Share of pairs of which it prefers the good answer over both orders; a tie counts half."""
    position_bias: Estimate
    """Mean log-odds of the answer that comes first, whatever the two are; 0 is none."""


async def compare(
    ask: Ask, model: str, reading: Reading, questions: Sequence[Question], config: SynthesisConfig
) -> list[Preference]:
    """Both orders of each pair that is about one instruction; pairs that it does not answer are left out."""
    alike = [q for q in questions if q.good.stage == "response" and q.good.instruction == q.broken.instruction]
    found = await together(
        read_preference(
            reading,
            ask,
            model,
            1.0,
            (q.good, q.broken.response),
            CallId(f"exam-{q.name}", f"exam.compare.{q.fault}.{model}"),
            config,
        )
        for q in alike
    )
    return [preference for preference in found if not preference.failure]


def summed_up(preferences: Sequence[Preference]) -> Pairwise | None:
    """The share that is right, by Wilson's interval, and the mean bias; None with fewer than two."""
    n = len(preferences)
    if n < 2:
        return None
    share = fmean((p.log_odds > 0) + 0.5 * (p.log_odds == 0) for p in preferences)
    low, _, high = wilson(share * n, n)
    places = [p.position for p in preferences]
    bias, error = fmean(places), Z * stdev(places) / math.sqrt(n)
    return Pairwise(Estimate(share, low, high, n), Estimate(bias, bias - error, bias + error, n))
