"""What of a sample goes into a dataset, what cannot, and why a row is left out. Knows no file format."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gra.errors import BadRow
from gra.records import Sample


@dataclass(frozen=True, slots=True)
class Row:
    """A sample on its way into a dataset."""

    sample: Sample
    run: str
    """Name of the run that it is from."""

    @property
    def key(self) -> str:
        """Its name among the rows of all runs."""
        return f"{self.run}/{self.sample.id}"


class LeftOut(NamedTuple):
    """Why a row does not leave."""

    kind: str
    """One or two words, under which it is counted."""
    reason: str
    """In words, for this row."""


PRIVATE = frozenset({"secret", "personal data"})
"""Kinds of reasons for which a row's texts are not shown beside the dataset either."""


class Filter(Protocol):
    """Says of one row after another, in the order of the dataset, whether it is to be left out; it may remember."""

    def __call__(self, row: Row, /) -> LeftOut | None:
        """Why this row is left out; None if it is not."""
        ...


@dataclass
class Integration:
    """Several runs as one dataset, a filter: an instruction is taken once, from the first run that has it."""

    _seen: set[bytes] = field(default_factory=set)

    def __call__(self, row: Row) -> LeftOut | None:
        """Left out if an earlier row has this instruction, letter by letter."""
        # A digest, so that a large dataset is not kept in memory.
        digest = hashlib.sha256(row.sample.instruction.encode("utf-8", "surrogatepass")).digest()
        if digest in self._seen:
            return LeftOut("repeated", "an earlier row has the same instruction")
        self._seen.add(digest)
        return None


def unfit(row: Row) -> LeftOut | None:
    """A filter: leaves out what no dataset can hold, saying which field and why."""
    try:
        conversation(row.sample)
        metadata(row)
    except BadRow as bad:
        return LeftOut("unfit", bad.reason)
    return None


def exportable(samples: Iterable[Sample], run: str) -> Iterator[Row]:
    """A run's samples that have an instruction and a response; one that was rejected early has only the first."""
    return (Row(s, run) for s in samples if s.instruction and s.response)


def conversation(sample: Sample) -> list[dict[str, str]]:
    """The sample as two turns.

    Raises:
        BadRow: a text is empty, no text, or holds what no dataset can hold.
    """
    return [question(sample), turn("assistant", text(sample, "response", sample.response))]


def question(sample: Sample) -> dict[str, str]:
    """The instruction as a user's turn."""
    return turn("user", text(sample, "instruction", sample.instruction))


def turn(role: str, content: str) -> dict[str, str]:
    """One message of a conversation."""
    return {"role": role, "content": content}


def text(sample: Sample, field: str, value: object) -> str:
    """A text of a sample that somebody will be trained on, as it was written; `field` is its name in messages.

    Raises:
        BadRow: it is empty, no text, or holds a NUL or half a surrogate pair.
    """
    if not isinstance(value, str):
        raise _bad(sample, field, f"is {_kind(value)}, not a text")
    if not value.strip():
        raise _bad(sample, field, "is empty")
    if "\0" in value:
        raise _bad(sample, field, f"holds a NUL, at {value.index(chr(0))}")
    if value.isascii():
        return value
    try:  # two halves that belong together become the character that they stand for
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise _bad(sample, field, "holds half a surrogate pair") from None


def metadata(row: Row) -> dict[str, Any]:
    """What is known of a sample beside its text. Generator and reviewers are those of the version that counts.

    Raises:
        BadRow: a value is not what it should be.
    """
    sample = row.sample
    cast = sample.best.cast if sample.best else sample.cast
    known = {
        "id": sample.id,
        "domain": sample.domain,
        "keywords": list(sample.keywords),
        "summary": sample.summary,
        "score": sample.score,
        "generator": cast.generator,
        "reviewers": list(cast.reviewers),
        "round": sample.round,
        "status": sample.status.value,
        "source": sample.source,
        "seed": sample.seed,
        "examples": list(sample.examples),
        "refined": sample.refined,
        "run": row.run,
        "notes": json.loads(valid(json.dumps(dict(sample.notes), ensure_ascii=False))),
    }
    return {name: _checked(sample, name, value) for name, value in known.items()}


_NUMBERS: dict[str, type] = {"score": float, "round": int, "refined": bool}
"""What of `metadata` is neither a text nor a list of texts."""


def _checked(sample: Sample, name: str, value: Any) -> Any:
    """The value if it is of its type; texts as Unicode that every reader takes."""
    if name == "notes" or (name == "refined" and value is None):
        return value
    if name in _NUMBERS:
        number = float(value) if name == "score" and type(value) is int else value
        if type(number) is not _NUMBERS[name]:
            raise _bad(sample, name, f"is {_kind(value)}, not {'a number' if name == 'score' else 'whole'}")
        if isinstance(number, float) and not math.isfinite(number):
            raise _bad(sample, name, f"is {value}, not a finite number")
        return number
    texts = value if isinstance(value, list) else [value]
    for item in texts:
        if not isinstance(item, str):
            raise _bad(sample, name, f"is or has {_kind(item)}, not a text")
    return [valid(item) for item in texts] if isinstance(value, list) else valid(value)


def _bad(sample: Sample, field: str, what: str) -> BadRow:
    reason = f"its {field} {what}"
    error = BadRow(f"{sample.id} cannot be written: {reason}. Leave it out, or mend it where it came from")
    error.reason = reason
    return error


def _kind(value: object) -> str:
    return "nothing" if value is None else f"of the type {type(value).__name__}"


def valid(text: str) -> str:
    """The text as Unicode that every reader takes: half a surrogate pair becomes U+FFFD, a whole one its character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
