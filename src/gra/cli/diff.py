"""`gra diff`: what differs between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import Json, run_folders
from gra.cli.console import print_json, results

Other = Annotated[Path, typer.Argument(help="Folder of another run.", autocompletion=run_folders)]
First = Annotated[Path, typer.Argument(help="Folder of a run.", autocompletion=run_folders)]


def diff(first: First, second: Other, as_json: Json = False) -> None:
    """Compare two runs.

    What they were told, what made them, their yields and costs, and which accepted samples both have.
    """
    from gra.report.difference import difference
    from gra.report.opening import reading

    with reading(first) as a, reading(second) as b:
        found = difference(a, b)
    if as_json:
        print_json(found.plain())
        return
    from gra.cli.views.difference_view import difference_view
    from gra.cli.views.parts import print_parts

    print_parts(results(), difference_view(found))
