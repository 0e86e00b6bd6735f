"""What adjudication came to: how often it was needed, what it changed, and what it cost.

Whether a ruling was right nobody knows. It is set beside what most of the reviewers would have made of the response,
each by its own vote: where it went against them it gained a sample, or lost one, that a majority would not have.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gra.records import Sample, Version
from gra.store.reader import Totals


@dataclass(frozen=True, slots=True)
class Disputes:
    """Disputed responses over a whole run, revisions too."""

    responses: int = 0
    """That were reviewed, and came to a verdict."""
    disputed: int = 0
    ruled: int = 0
    """By an Adjudicator that could be read."""
    unreadable: int = 0
    """Rulings that could not be, which reject."""
    accepted: int = 0
    """Of those ruled."""
    agreed: int = 0
    """Of those ruled, as most of the reviewers would have had it."""
    gained: int = 0
    """Accepted against most of the reviewers."""
    lost: int = 0
    """Rejected against most of the reviewers."""
    appeals: int = 0
    """Disputed though the score was below the bar: the paper rejects those unheard."""
    won: int = 0
    """Of these, accepted."""
    tied: int = 0
    """The reviewers were as many for it as against, or none of them had a say."""
    tokens: int = 0
    """Of all rulings."""

    @property
    def tokens_per_ruling(self) -> float | None:
        """What a ruling costs; None if there is none, or if that was not counted."""
        ruled = self.ruled + self.unreadable
        return self.tokens / ruled if ruled and self.tokens else None

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {**asdict(self), "tokens_per_ruling": self.tokens_per_ruling}


class DisputeSurvey:
    """Counts them, sample by sample."""

    def __init__(self) -> None:
        self._versions: list[tuple[bool, bool, bool, str]] = []
        """Of each: disputed, ruled upon, ruled for it, and the majority: `for`, `against` or neither."""
        self._unreadable = 0
        self._appeals: list[bool] = []
        """Whether each was accepted in the end."""

    def add(self, sample: Sample) -> None:
        """Count the reviews of one sample's responses."""
        for version in sample.versions:
            if version.verdict and version.opinions:
                readable = version.ruling is not None and not version.ruling.opinion.failure
                self._unreadable += version.ruling is not None and not readable
                accepts = version.ruling is not None and version.ruling.verdict.outcome == "accept"
                disputed = version.verdict.outcome == "dispute"
                self._versions.append((disputed, readable, accepts, majority(version)))
                if version.verdict.appeal and version.final:
                    self._appeals.append(version.final.outcome == "accept")

    def disputes(self, totals: Totals | None) -> Disputes:
        """All of them, with what the rulings cost, if these are the totals of the same samples."""
        ruled = [(accepts, most) for _, readable, accepts, most in self._versions if readable]
        spent = totals.by_task().get("adjudicate") if totals else None
        return Disputes(
            responses=len(self._versions),
            disputed=sum(disputed for disputed, *_ in self._versions),
            ruled=len(ruled),
            unreadable=self._unreadable,
            accepted=sum(accepts for accepts, _ in ruled),
            agreed=sum(most == ("for" if accepts else "against") for accepts, most in ruled),
            gained=sum(accepts and most == "against" for accepts, most in ruled),
            lost=sum(not accepts and most == "for" for accepts, most in ruled),
            appeals=len(self._appeals),
            won=sum(self._appeals),
            tied=sum(not most for _, most in ruled),
            tokens=spent.prompt_tokens + spent.completion_tokens if spent else 0,
        )


def majority(version: Version) -> str:
    """What most of the reviewers whose say counted would have made of it: `for`, `against`, or empty for neither."""
    verdict = version.verdict
    votes = [vote for model, vote in verdict.votes.items() if verdict.weights.get(model)] if verdict else []
    balance = 2 * sum(votes) - len(votes)
    return "for" if balance > 0 else "against" if balance < 0 else ""
