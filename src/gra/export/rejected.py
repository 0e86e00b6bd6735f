"""What does not leave, with the reason: samples that were not accepted, and rows that an export leaves out.

For people and for other programs to look at; no form of a dataset, and never among its rows. Texts are as they were
but for half characters, which no JSON can hold, and but for those that hold a key or something personal: they are
withheld, and `gra show` has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gra.export.rows import PRIVATE, LeftOut, Row, valid
from gra.export.source import Source
from gra.records import Sample, Status

REJECTED = (
    Status.REJECTED_INSTRUCTION,
    Status.REJECTED_RESPONSE,
    Status.REJECTED_RULING,
    Status.DUPLICATE,
    Status.FILTERED,
    Status.UNUSABLE,
)
"""What was looked at and not wanted. Not among it: what was not needed, and what an endpoint failed on."""


def rejected_rows(source: Source) -> Iterator[dict[str, Any]]:
    """Every sample that neither the run nor a person accepted, in the order of runs and rounds."""
    for run, reader in source.runs:
        for sample in reader.iter_samples():
            row = Row(sample, run)
            if sample.status in REJECTED and not source.people.accept(row):
                hidden = source.screened(row)
                told = _told(sample, sample.reason, hidden)
                yield {"run": run, "status": sample.status.value, **told, **_opinions(sample, hidden)}


def left_out_rows(source: Source) -> Iterator[dict[str, Any]]:
    """Every accepted sample that the export left out."""
    readers = dict(source.runs)
    for run, id, why in source.left_out.rows.values():
        if sample := readers[run].sample(id):
            yield {"run": valid(run), "kind": why.kind, **_told(sample, why.reason, why)}


def _told(sample: Sample, reason: str, hidden: LeftOut | None) -> dict[str, Any]:
    texts = {"instruction": sample.instruction, "response": sample.response}
    withheld = hidden is not None and hidden.kind in PRIVATE
    return {
        "id": sample.id,
        "reason": valid(reason),
        **({"withheld": hidden.reason} if hidden and withheld and hidden.reason != reason else {}),
        **{n: valid(text) if isinstance(text, str) and not withheld else None for n, text in texts.items()},
    }


def _opinions(sample: Sample, hidden: LeftOut | None) -> dict[str, Any]:
    """The score of the version that counts, and what its reviewers said; of the instruction, if it got no further."""
    best = sample.best
    opinions = best.opinions if best else sample.opinions
    final = best.final if best else sample.verdict
    return {
        "score": final.score if final else None,
        "reviews": [
            {"model": o.model, "scores": dict(o.scores), "comment": valid(o.comment), "failure": valid(o.failure)}
            for o in opinions
            if not (hidden and hidden.kind in PRIVATE)  # a comment may repeat what is not to be shown
        ],
    }
