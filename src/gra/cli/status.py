"""`gra status`: a run as it stands, while it works or after."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.console import print_json, results
from gra.cli.opening import reading


def status(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how far a run has come."""
    from gra.cli.report import report_on

    with reading(run) as reader:
        report = report_on(reader)
    if as_json:
        print_json(report.plain())
        return
    from gra.cli.views.parts import print_parts
    from gra.cli.views.run_report import status as view

    print_parts(results(), view(report))
