"""`gra list`: the runs below a folder, and how each stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import Json
from gra.cli.console import print_json, results, say

RUNS = Path("runs")


def list_runs(
    folder: Annotated[Path, typer.Argument(help="Folder to look in, and below.")] = RUNS,
    as_json: Json = False,
) -> None:
    """List the runs in a folder."""
    from gra.report.runs import list_runs as found_in

    nothing_yet = folder == RUNS and not folder.exists()
    found = [] if nothing_yet else found_in(folder)
    if as_json:
        print_json([run.plain() for run in found])
        return
    from gra.cli.views.parts import print_parts
    from gra.cli.views.run_list import run_list

    print_parts(results(), run_list(found))
    if not found:
        say(f"There is no run in {folder} yet; `gra quickstart` or `gra run` makes one.")
