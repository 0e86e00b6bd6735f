"""One sample with all that is on record of it: examples, what it is a duplicate of, calls, a person's verdict.

Knows nothing of how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from gra.calls import Reply
from gra.records import Entry, Sample
from gra.store.verdicts import PersonalVerdict, verdicts

if TYPE_CHECKING:
    from gra.store.reader import Reader
    from gra.store.rows import StoredCall


@dataclass(frozen=True, slots=True)
class Dossier:
    """A sample with what else is to be shown of it."""

    sample: Sample
    known: Mapping[str, Entry]
    """The pool entries that it names, by id."""
    original: str = ""
    """Instruction of what the sample is a duplicate of."""
    calls: Sequence[StoredCall] = ()
    person: PersonalVerdict | None = None
    """What a person says of it as it is now."""


def dossier_of(reader: Reader, sample: Sample) -> Dossier:
    """A sample with all that is to be shown of it.

    Raises:
        StoreError: the run cannot be read.
    """
    wanted = {*sample.examples, sample.duplicate_of}
    known = {id: entry for id in sorted(wanted) if (entry := reader.entry(id)) is not None}
    original = known[sample.duplicate_of].instruction if sample.duplicate_of in known else ""
    if sample.duplicate_of and not original:  # a better sample of a round that is still open
        other = reader.sample(sample.duplicate_of)
        original = other.instruction if other else ""
    said = verdicts(reader.run).get(sample.id)
    person = said if said and said.is_about(sample) else None
    return Dossier(sample, known, original, reader.calls_of(sample.id), person)


def plain_dossier(dossier: Dossier, full_calls: bool) -> dict[str, Any]:
    """The same as JSON data."""
    return {
        **asdict(dossier.sample),
        "examples": [
            asdict(dossier.known[id]) if id in dossier.known else {"id": id} for id in dossier.sample.examples
        ],
        "duplicate_text": dossier.original,
        "person": asdict(dossier.person) if dossier.person else None,
        "calls": [plain_call(stored, full_calls) for stored in dossier.calls],
    }


def plain_call(stored: StoredCall, full: bool) -> dict[str, Any]:
    """A call as JSON data, with its prompt and reply if `full`."""
    answer = asdict(stored.answer) if isinstance(stored.answer, Reply) else {"refused": str(stored.answer)}
    shown = answer if full else {key: answer[key] for key in ("refused", "usage", "seconds", "finish") if key in answer}
    return {
        "step": stored.call.step,
        "attempt": stored.call.attempt,
        "model": stored.request.model,
        "prompt": stored.prompt,
        "finished_at": stored.finished_at,
        **shown,
        **({"request": asdict(stored.request)} if full else {}),
    }
