"""Whether two runs hold the same dataset, and where they first part. Reads them side by side, a sample at a time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import zip_longest

from gra.records import Sample, Status
from gra.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two datasets side by side."""

    samples: int
    """Accepted samples of the second."""
    parts_at: str = ""
    """Where they first differ, in words; empty if they are equal."""

    @property
    def equal(self) -> bool:
        """True if every accepted sample is the same in all that is known of it."""
        return not self.parts_at


def compare(original: Reader, replayed: Reader) -> Comparison:
    """Compare the accepted samples of two runs, with their whole histories.

    Raises:
        StoreError: one cannot be read.
    """
    count, parts_at = 0, ""
    for place, (a, b) in enumerate(zip_longest(*(r.iter_samples(Status.ACCEPTED) for r in (original, replayed)))):
        count += b is not None
        if not parts_at and a != b:
            parts_at = _difference(place + 1, a, b)
    return Comparison(count, parts_at)


def _difference(line: int, a: Sample | None, b: Sample | None) -> str:
    if a is None or b is None or a.id != b.id:
        return f"sample {line} is {a.id if a else 'not there'} in the original, {b.id if b else 'not there'} here"
    parts = [field.name for field in fields(Sample) if getattr(a, field.name) != getattr(b, field.name)]
    return f"sample {line}, {a.id}: its {', '.join(parts)} differ"
