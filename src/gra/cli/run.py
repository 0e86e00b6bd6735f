"""`gra quickstart`, `gra run` and `gra resume`: all three bring a run as far as it will go, and say what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import ConfigFile, Json, RunFolder, Set
from gra.cli.console import say

QUICKSTART = ("data", "quickstart", "quickstart.yaml")


def quickstart(
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/quickstart"),
    target: Annotated[int | None, typer.Option(min=1, help="Samples to accept.")] = None,
    as_json: Json = False,
) -> None:
    """Make a first small dataset on this machine.

    No GPU, no key, no server. A quickstart that was interrupted goes on.
    """
    from importlib.resources import files

    from gra.cli.attempt import attempt, summarise
    from gra.config.load import load_config
    from gra.report.opening import config_of, reading

    if (out / "run.json").exists():
        with reading(out) as reader:
            known = config_of(reader.run)
            accepted = sum(round.accepted for round in reader.rounds())
        if target in (None, known.synthesis.target):
            if accepted >= known.synthesis.target:
                say(f"The quickstart in {out} is finished. Another one: gra quickstart --out {out}-2")
                summarise(out, None, as_json)
                return
            say(f"Going on with the quickstart in {out}.")
            attempt(known, out, as_json)
            return
    overrides = {} if target is None else {"target": target}
    bundled = Path(str(files("gra").joinpath(*QUICKSTART)))
    attempt(load_config(bundled, overrides), out, as_json)


def run(
    config: ConfigFile,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/ and the name of the configuration.")
    ] = None,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Make a dataset as a configuration says.

    If the folder holds the same run, interrupted, it goes on from there.
    """
    from gra.cli.attempt import attempt
    from gra.cli.overrides import parse_settings
    from gra.config.load import load_config

    loaded = load_config(config, parse_settings(settings or []))
    attempt(loaded, out or Path("runs") / config.stem, as_json)


def resume(
    run: RunFolder,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Go on with a run that was interrupted.

    By the configuration that is stored with it; also where a run fell short of its target. Of that configuration only
    `engine`, `budget` and where things lie can be changed: anything else would make it another run.
    """
    from gra.cli.attempt import attempt
    from gra.cli.overrides import parse_settings
    from gra.report.opening import config_of
    from gra.store.run_dir import open_run

    attempt(config_of(open_run(run), parse_settings(settings or [])), run, as_json)
