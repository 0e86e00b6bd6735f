"""Where the candidates of a run got to: stage by stage, so that the numbers add up. Pure.

Every sample got through some number of stages and left at the next, or was accepted. So the count at each stage is
the count before it less those who left there, by construction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gra.records import Sample, Status

STAGES = (
    "candidates",
    "instruction written",
    "instruction passed",
    "response written",
    "response passed",
    "not a duplicate",
    "accepted",
)
_OF_INSTRUCTIONS = ("instruction written", "instruction passed")
"""Stages that a refined seed has behind it from the beginning."""
_WRITTEN, _PASSED_1, _ANSWERED, _PASSED_2, _NEW, _ACCEPTED = range(1, len(STAGES))

_DEPTH = {
    Status.REJECTED_INSTRUCTION: _WRITTEN,
    Status.REJECTED_RESPONSE: _ANSWERED,
    Status.REJECTED_RULING: _ANSWERED,
    Status.FILTERED: _PASSED_2,
    Status.DUPLICATE: _PASSED_2,
    Status.PASSED: _NEW,
    Status.ACCEPTED: _ACCEPTED,
}
"""The last stage that a sample of this status got through; of the other statuses, the sample itself tells."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the funnel."""

    stage: str
    count: int
    """Samples that got this far."""
    left: dict[str, int]
    """Samples that got to the stage before but not to this one, by status."""


@dataclass
class Funnel:
    """Counts samples as they are shown to it."""

    left: Counter[tuple[int, str]] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    """How those who passed the response stage did; the names are those of `passed_how`."""
    refining: bool = False
    """True if the samples are seeds that are refined."""

    def add(self, sample: Sample) -> None:
        """Count one sample."""
        reached = depth(sample)
        self.refining = self.refining or bool(sample.seed)
        self.left[reached, sample.status.value] += 1
        if reached >= _PASSED_2:
            self.passed[passed_how(sample)] += 1

    def steps(self) -> list[Step]:
        """All stages in order; `left` of a stage and its count sum to the count before."""
        steps = []
        for number, stage in enumerate(STAGES):
            if self.refining and stage in _OF_INSTRUCTIONS:
                continue  # nobody leaves here
            count = sum(n for (reached, _), n in self.left.items() if reached >= number)
            left = {s: n for (reached, s), n in sorted(self.left.items()) if reached == number - 1}
            steps.append(Step(stage, count, left))
        return steps


def funnel_of(samples: Iterable[Sample]) -> Funnel:
    """The funnel of these samples."""
    funnel = Funnel()
    for sample in samples:
        funnel.add(sample)
    return funnel


def depth(sample: Sample) -> int:
    """The last of `STAGES` that the sample got through."""
    if sample.status in _DEPTH:
        return _DEPTH[sample.status]
    if not sample.instruction:
        return 0
    if not sample.versions:
        passed = sample.seed or (sample.verdict and sample.verdict.outcome == "accept")
        return _PASSED_1 if passed else _WRITTEN
    final = sample.best.final if sample.best else None
    # Surplus after a good review; an unusable or failed one has no such review.
    return _NEW if final and final.outcome == "accept" else _ANSWERED


def passed_how(sample: Sample) -> str:
    """What let the version that counts through; of a refined seed, whose response it is."""
    last = sample.best
    if sample.seed:
        return "with a new response" if sample.refined else "with the seed's own"
    if last and last.number > 0:
        return "after revision"
    if last and last.ruling:
        return "by ruling"
    if last and last.settlement:
        return "by majority"
    return "without review" if last and not last.opinions else "at the first review"
