"""What does not leave, with the reason: samples that were not accepted, and rows that an export leaves out.

For people and for other programs to look at; no form of a dataset, and never among its rows. Texts are as they were
but for half characters, which no JSON can hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gra.export.rows import valid
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
    """Every sample that was not accepted, in the order of runs and rounds."""
    for run, reader in source.runs:
        for sample in reader.iter_samples():
            if sample.status in REJECTED:
                yield {"run": run, "status": sample.status.value, **_told(sample, sample.reason), **_opinions(sample)}


def left_out_rows(source: Source) -> Iterator[dict[str, Any]]:
    """Every accepted sample that the export left out."""
    readers = dict(source.runs)
    for run, id, why in source.left_out.rows.values():
        if sample := readers[run].sample(id):
            yield {"run": valid(run), "kind": why.kind, **_told(sample, why.reason)}


def _told(sample: Sample, reason: str) -> dict[str, Any]:
    texts = {"instruction": sample.instruction, "response": sample.response}
    return {
        "id": sample.id,
        "reason": valid(reason),
        **{name: valid(text) if isinstance(text, str) else None for name, text in texts.items()},
    }


def _opinions(sample: Sample) -> dict[str, Any]:
    """The score of the version that counts, and what its reviewers said; of the instruction, if it got no further."""
    best = sample.best
    opinions = best.opinions if best else sample.opinions
    final = best.final if best else sample.verdict
    return {
        "score": final.score if final else None,
        "reviews": [
            {"model": o.model, "scores": dict(o.scores), "comment": valid(o.comment), "failure": valid(o.failure)}
            for o in opinions
        ],
    }
