"""`gra show`: a sample's whole peer review, or the list of samples."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gra.cli.arguments import Json, RunFolder, sample_ids
from gra.cli.console import print_json, results
from gra.records import Status
from gra.report.opening import find_sample, reading

if TYPE_CHECKING:
    from gra.cli.views.sample_view import Dossier
    from gra.records import Sample
    from gra.store.reader import Reader
    from gra.store.rows import StoredCall


def show(
    run: RunFolder,
    sample: Annotated[
        str, typer.Argument(help="Id of a sample, or its beginning; without it, a list.", autocompletion=sample_ids)
    ] = "",
    status: Annotated[Status | None, typer.Option(help="List only samples that ended so.")] = None,
    round: Annotated[int | None, typer.Option(help="List only samples of this round.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="List at most so many.")] = 50,
    calls: Annotated[bool, typer.Option("--calls", help="Print every prompt and reply in full.")] = False,
    as_json: Json = False,
) -> None:
    """Show how a sample was made and judged.

    Without a sample, list them.
    """
    with reading(run) as reader:
        if sample:
            _one(reader, sample, calls, as_json)
        else:
            _list(reader, status, round, limit, as_json)


def _one(reader: Reader, beginning: str, full_calls: bool, as_json: bool) -> None:
    from gra.cli.views.parts import print_parts
    from gra.cli.views.sample_view import sample_view

    dossier = dossier_of(reader, find_sample(reader, beginning))
    if as_json:
        print_json(plain_dossier(dossier, full_calls))
        return
    print_parts(results(), sample_view(dossier, full_calls))


def dossier_of(reader: Reader, sample: Sample) -> Dossier:
    """A sample with all that is to be shown of it."""
    from gra.cli.views.sample_view import Dossier

    wanted = {*sample.examples, sample.duplicate_of}
    known = {id: entry for id in sorted(wanted) if (entry := reader.entry(id)) is not None}
    original = known[sample.duplicate_of].instruction if sample.duplicate_of in known else ""
    if sample.duplicate_of and not original:  # a better sample of a round that is still open
        other = reader.sample(sample.duplicate_of)
        original = other.instruction if other else ""
    return Dossier(sample, known, original, reader.calls_of(sample.id))


def plain_dossier(dossier: Dossier, full_calls: bool) -> dict[str, Any]:
    """The same as JSON data."""
    return {
        **asdict(dossier.sample),
        "examples": [
            asdict(dossier.known[id]) if id in dossier.known else {"id": id} for id in dossier.sample.examples
        ],
        "duplicate_text": dossier.original,
        "calls": [_plain_call(stored, full_calls) for stored in dossier.calls],
    }


def _plain_call(stored: StoredCall, full: bool) -> dict[str, Any]:
    from gra.calls import Reply

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


def _list(reader: Reader, status: Status | None, round: int | None, limit: int, as_json: bool) -> None:
    from gra.cli.views.parts import print_parts
    from gra.cli.views.sample_view import sample_list

    samples = list(islice(reader.iter_samples(status, round, page=min(limit, 200)), limit))
    by_round = reader.funnel().by_round
    matching = sum(
        n
        for number, counts in by_round.items()
        for ending, n in counts.items()
        if round in (None, number) and status in (None, ending)
    )
    if as_json:
        keys = ("id", "round", "status", "score", "domain", "instruction", "reason")
        print_json([{key: getattr(sample, key) for key in keys} for sample in samples])
        return
    print_parts(results(), sample_list(samples, matching, limit))
