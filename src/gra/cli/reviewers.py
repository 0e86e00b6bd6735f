"""`gra reviewers`: how far the reviewers of a run agree, what they favour, and what each of them decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import Json, RunFolder
from gra.cli.console import print_json, results
from gra.report.opening import reading

Known = Annotated[
    Path | None,
    typer.Option(
        help='What is known of samples, for calibration: JSON lines of {"id": "r01-00003", "good": true}.',
    ),
]


def reviewers(run: RunFolder, known: Known = None, as_json: Json = False) -> None:
    """Show how reviewers agree and what they favour.

    Agreement, bias, calibration, and what each reviewer decides.
    """
    from gra.report.bench import reviewers_of
    from gra.report.known import read_known

    answers = read_known(known) if known else None
    with reading(run) as reader:
        found = reviewers_of(reader, answers)
    if as_json:
        print_json(found.plain())
        return
    from gra.cli.views.parts import print_parts
    from gra.cli.views.reviewers_view import reviewers_view

    print_parts(results(), reviewers_view(found))
