"""`gra check`: would this configuration run, and what would it take?"""

from __future__ import annotations

from typing import Annotated

import typer

from gra.cli.arguments import ConfigFile, Json, Set
from gra.cli.console import print_json, results, say


def check(
    config: ConfigFile,
    start: Annotated[bool, typer.Option("--start", help="Fetch and start embedded models, too.")] = False,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Check a configuration and estimate its cost.

    Reads the seeds, asks the models' servers what they can do, and counts calls and tokens.
    """
    from gra.cli.inspection import inspect
    from gra.cli.overrides import parse_settings
    from gra.cli.signals import until_stopped
    from gra.config.load import load_config

    loaded = load_config(config, parse_settings(settings or []))
    found = until_stopped(inspect(loaded, start), told=lambda: None)
    if as_json:
        print_json(found.plain())
    else:
        from gra.cli.views.check_view import check_view
        from gra.cli.views.parts import print_parts

        print_parts(results(), check_view(found))
    if found.problems:
        say("\n  - ".join(["gra: before a run this must be mended:", *found.problems]))
        raise typer.Exit(found.exit_code)
