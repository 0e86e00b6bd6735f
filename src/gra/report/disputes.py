"""What adjudication came to: how often it was needed, what it changed, and what it cost.

Whether a ruling was right nobody knows. It is set beside what most of the reviewers would have made of the response,
each by its own vote: where it went against them it gained a sample, or lost one, that a majority would not have.
"""

from __future__ import annotations

from collections import Counter
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
        self._versions: Counter[tuple[bool, bool, bool, str]] = Counter()
        """How many: disputed, ruled upon, ruled for it, and the majority: `for`, `against` or neither."""
        self._unreadable = 0
        self._appeals: Counter[bool] = Counter()
        """How many were accepted in the end, and how many not."""

    def add(self, sample: Sample) -> None:
        """Count the reviews of one sample's responses."""
        for version in sample.versions:
            if version.verdict and version.opinions:
                readable = version.ruling is not None and not version.ruling.opinion.failure
                self._unreadable += version.ruling is not None and not readable
                accepts = version.ruling is not None and version.ruling.verdict.outcome == "accept"
                disputed = version.verdict.outcome == "dispute"
                self._versions[disputed, readable, accepts, majority(version)] += 1
                if version.verdict.appeal and version.final:
                    self._appeals[version.final.outcome == "accept"] += 1

    def disputes(self, totals: Totals | None) -> Disputes:
        """All of them, with what the rulings cost, if these are the totals of the same samples."""
        ruled = Counter[tuple[bool, str]]()
        for (_, readable, accepts, most), n in self._versions.items():
            ruled[accepts, most] += n * readable
        spent = totals.by_task().get("adjudicate") if totals else None
        return Disputes(
            responses=self._versions.total(),
            disputed=sum(n for (disputed, *_), n in self._versions.items() if disputed),
            ruled=ruled.total(),
            unreadable=self._unreadable,
            accepted=sum(ruled[True, most] for most in ("for", "against", "")),
            agreed=ruled[True, "for"] + ruled[False, "against"],
            gained=ruled[True, "against"],
            lost=ruled[False, "for"],
            appeals=self._appeals.total(),
            won=self._appeals[True],
            tied=ruled[True, ""] + ruled[False, ""],
            tokens=spent.prompt_tokens + spent.completion_tokens if spent else 0,
        )


def majority(version: Version) -> str:
    """What most of the reviewers whose say counted would have made of it: `for`, `against`, or empty for neither."""
    verdict = version.verdict
    votes = [vote for model, vote in verdict.votes.items() if verdict.weights.get(model)] if verdict else []
    balance = 2 * sum(votes) - len(votes)
    return "for" if balance > 0 else "against" if balance < 0 else ""
