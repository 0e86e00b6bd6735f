"""`gra report`: one page on a run, to read, to print and to keep with the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import Json, RunFolder
from gra.cli.console import print_json
from gra.cli.reviewers import Known
from gra.report.opening import reading


def report(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="Folder for the pages; by default the run's `export`.")] = None,
    known: Known = None,
    contamination: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Count accepted samples with 13 words in a row of this benchmark."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one page on a run.

    An HTML file that needs nothing else, and the same as Markdown.
    """
    from gra.report.known import read_known
    from gra.report.searching import searches_in
    from gra.report.written import write_report

    answers = read_known(known) if known else None
    with reading(run) as reader:
        page, text = write_report(reader, out, answers, searches_in(contamination or ()))
    if as_json:
        print_json({"html": page, "markdown": text})
    else:
        print(f"{page}\n{text}")
