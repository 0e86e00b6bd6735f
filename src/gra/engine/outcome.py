"""What a round came to: the last word on its samples, which themselves are on disk. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gra.ids import sample_id
from gra.postprocess.dedup import Decision
from gra.records import Sample, Status

FULL = "the round was full without it"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a sample that passed the review."""

    index: int
    status: Status
    reason: str
    """Empty where the review's own reason stands."""
    similarity: float | None
    duplicate_of: str = ""

    def of(self, sample: Sample) -> Sample:
        """The sample with its end. Only what is accepted has a summary, or a seed that had one before."""
        summary = sample.summary if sample.seed or self.status is Status.ACCEPTED else ""
        return replace(
            sample,
            status=self.status,
            reason=self.reason or sample.reason,
            similarity=self.similarity,
            duplicate_of=self.duplicate_of,
            summary=summary,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round came to."""

    fates: tuple[Fate, ...]
    """Of those that decided the round, the best first."""
    ahead: str
    """Why whatever else has passed is surplus."""
    statement: str
    """Why the round is not full; empty if it is."""
    decided: int
    """Candidates, from number 0, whose ends decided the round; the same at any concurrency."""
    used_up: bool = False
    """In refinement: every seed was tried, and each has its end."""
    called_off: tuple[Sample, ...] = ()
    """Candidates that were begun and not needed."""
    passed_over: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    """By domain, where it was full: numbers from the first to before the second, whose candidates decided nothing."""

    @property
    def accepted(self) -> list[int]:
        """The round's additions by their numbers, best first."""
        return [fate.index for fate in self.fates if fate.status is Status.ACCEPTED]


def fate_of(decision: Decision, over: bool, round_number: int, below: float) -> Fate:
    """What a decision means for a sample of the round.

    Args:
        decision: of de-duplication.
        over: its domain has enough better ones.
        round_number: of the round.
        below: cosine that it had to stay below.
    """
    index, similarity = decision.index, decision.similarity
    if over:
        return Fate(index, Status.SURPLUS, FULL, similarity)
    if decision.accepted:
        return Fate(index, Status.ACCEPTED, "", similarity)
    twin = decision.near_pool or sample_id(round_number, decision.near_index)
    return Fate(index, Status.DUPLICATE, f"cosine {similarity:.3f} to {twin}, {below:g} or more", similarity, twin)


def surplus(sample: Sample, reason: str) -> Sample:
    """The sample as one that was not needed."""
    return replace(sample, status=Status.SURPLUS, reason=reason, summary=sample.summary if sample.seed else "")
