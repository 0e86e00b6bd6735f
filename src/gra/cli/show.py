"""`gra show`: a sample's whole peer review, or the list of samples."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from gra.cli.arguments import Json, RunFolder, sample_ids
from gra.cli.console import print_json, results
from gra.records import Status
from gra.report.opening import find_sample, reading

if TYPE_CHECKING:
    from gra.store.reader import Reader


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
    from gra.report.dossier import dossier_of, plain_dossier

    dossier = dossier_of(reader, find_sample(reader, beginning))
    if as_json:
        print_json(plain_dossier(dossier, full_calls))
        return
    print_parts(results(), sample_view(dossier, full_calls))


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
