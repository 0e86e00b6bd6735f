"""What share of candidates is kept, how sure that is, and when it is too small to go on. Pure.

It is told of candidates in the order of their numbers, so what it says does not depend on who was faster.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from gra.records import Status
from gra.synthesis.figures import wilson

SURE = 3.29
"""Deviations of an interval that holds the truth 999 times out of 1000: it is looked at after every candidate."""
STRETCH = 100
"""Candidates, the last ones, that tell how a round is going now."""
LEAST = 30
"""Fewer tell nothing."""
REMEDIES: Mapping[Status, str] = {
    Status.REJECTED_INSTRUCTION: "a larger model as Generator, or a lower bar for instructions in `gate`",
    Status.REJECTED_RESPONSE: "a larger model as Generator, more `max_revisions`, or a lower bar in `gate`",
    Status.REJECTED_RULING: "a larger model as Generator, or a lower bar in `gate`",
    Status.DUPLICATE: "more varied seeds, more `domains` or `documents`, or a higher `dedup_below`",
    Status.FILTERED: "code in `postprocess` that drops less",
    Status.UNUSABLE: "models that keep to the form asked for, or a larger `generation.max_tokens`",
    Status.FAILED: "servers that answer; the log says what they said",
}
"""What helps against the commonest way of being lost."""


@dataclass
class Course:
    """How the candidates of a round that count have fared so far."""

    _last: deque[tuple[int, Status]] = field(default_factory=lambda: deque(maxlen=STRETCH))
    """Number and end, in order, of the last ones; a pass is one until it is known to be a duplicate."""

    def add(self, index: int, status: Status) -> None:
        """The next candidate that counts."""
        self._last.append((index, status))

    def collapse(self, missing: int, left: int, duplicates: Container[int] = frozenset()) -> str:
        """Why what is missing cannot be had from the candidates that are left; empty as long as it may be.

        Args:
            missing: samples that the round lacks.
            left: candidates that it may still begin.
            duplicates: those of them that passed and are none of the accepted, as far as is known.
        """
        last = self._last
        if len(last) < LEAST:
            return ""
        ends = Counter(Status.DUPLICATE if index in duplicates else status for index, status in last)
        kept = ends.pop(Status.PASSED, 0)
        high = wilson(kept, len(last), SURE)[2]
        if high * left >= missing:
            return ""
        lost = ", ".join(f"{n} {status.value.replace('_', ' ')}" for status, n in ends.most_common())
        known = REMEDIES.get(ends.most_common(1)[0][0]) if ends else None
        remedy = f"{known}, or" if known else ""
        return (
            f"the yield has collapsed: of the last {len(last)} candidates {kept} were kept ({kept / len(last):.1%}, at "
            f"most {high:.1%}), which is too few for {missing} more samples from the {left} candidates that are left; "
            f"lost: {lost}. What helps: {remedy} more `budget.candidates_per_accepted`"
        )
