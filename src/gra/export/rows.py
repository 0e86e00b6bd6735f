"""What of a sample goes into a dataset. Knows no file format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gra.records import Sample


@dataclass(frozen=True, slots=True)
class Row:
    """A sample on its way into a dataset."""

    sample: Sample
    run: str
    """Name of the run that it is from."""


@dataclass
class Integration:
    """Several runs as one dataset: their rows one after another, but for instructions that an earlier row has."""

    dropped: int = 0
    """Rows left out so far because their instruction was there, letter by letter."""
    _seen: set[bytes] = field(default_factory=set)

    def of(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that are new."""
        for row in rows:
            # A digest, so that a large dataset is not kept in memory.
            digest = hashlib.sha256(row.sample.instruction.encode("utf-8", "surrogatepass")).digest()
            if digest in self._seen:
                self.dropped += 1
                continue
            self._seen.add(digest)
            yield row


def exportable(samples: Iterable[Sample], run: str) -> Iterator[Row]:
    """A run's samples that have an instruction and a response; one that was rejected early has only the first."""
    return (Row(s, run) for s in samples if s.instruction and s.response)


def conversation(sample: Sample) -> list[dict[str, str]]:
    """The sample as two turns."""
    return [
        {"role": "user", "content": valid(sample.instruction)},
        {"role": "assistant", "content": valid(sample.response)},
    ]


def metadata(row: Row) -> dict[str, Any]:
    """What is known of a sample beside its text. Generator and reviewers are those of the version that counts."""
    sample = row.sample
    cast = sample.best.cast if sample.best else sample.cast
    return {
        "id": sample.id,
        "domain": valid(sample.domain),
        "keywords": [valid(word) for word in sample.keywords],
        "summary": valid(sample.summary),
        "score": sample.score,
        "generator": cast.generator,
        "reviewers": list(cast.reviewers),
        "round": sample.round,
        "status": sample.status.value,
        "source": valid(sample.source),
        "seed": valid(sample.seed),
        "refined": sample.refined,
        "run": valid(row.run),
        "notes": json.loads(valid(json.dumps(dict(sample.notes), ensure_ascii=False))),
    }


def valid(text: str) -> str:
    """The text as Unicode that every reader takes: half a surrogate pair becomes U+FFFD, a whole one its character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
