"""What of a sample goes into a dataset. Knows no file format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gra.records import Sample


def exportable(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples that have an instruction and a response; one that was rejected early has only the first."""
    return (s for s in samples if s.instruction and s.response)


def conversation(sample: Sample) -> list[dict[str, str]]:
    """The sample as two turns."""
    return [
        {"role": "user", "content": valid(sample.instruction)},
        {"role": "assistant", "content": valid(sample.response)},
    ]


def metadata(sample: Sample) -> dict[str, Any]:
    """What is known of a sample beside its text. The reviewers are those of the version that counts."""
    cast = sample.versions[-1].cast if sample.versions else sample.cast
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
    }


def valid(text: str) -> str:
    """The text as Unicode that every reader takes: half a surrogate pair becomes U+FFFD, a whole one its character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
