"""Where the candidates of a run got to: stage by stage, so that the numbers add up. Pure.

Every sample got through some number of stages and left at the next, or was accepted. So the count at each stage is
the count before it less those who left there, by construction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gra.records import Sample
from gra.store.counting import STAGES, counted

_OF_INSTRUCTIONS = ("instruction written", "instruction passed")
"""Stages that a refined seed has behind it from the beginning."""


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
        of = counted(sample)
        self.refining = self.refining or bool(sample.seed)
        self.count(of.depth, sample.status.value, of.how, 1)

    def count(self, depth: int, status: str, how: str, number: int) -> None:
        """Count so many that got equally far, ended in one status, and were let through by the same."""
        self.left[depth, status] += number
        if how:
            self.passed[how] += number

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
