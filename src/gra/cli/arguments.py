"""Arguments and options that several commands share, and how a shell completes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run_folders(incomplete: str) -> list[str]:
    """Folders of runs that begin so, those that a person is likely to mean first: in `runs`, then right here."""
    found = [path.parent for pattern in ("runs/*/run.json", "*/run.json") for path in sorted(Path().glob(pattern))]
    return [str(folder) for folder in found if str(folder).startswith(incomplete)]


def sample_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of the samples of the run that stands before them in the command."""
    from gra.errors import GraError
    from gra.report.opening import reading

    try:
        with reading(Path(ctx.params["run"])) as reader:
            return reader.ids(incomplete, 1000)
    except (GraError, KeyError, TypeError):
        return []  # nothing to offer is no reason to disturb somebody who is typing


def catalogue_names(incomplete: str) -> list[str]:
    """Models of the catalogue that gra fetches and serves itself."""
    from gra.catalogue import load_catalogue

    return [name for name, card in load_catalogue().items() if card.file and name.startswith(incomplete)]


RunFolder = Annotated[Path, typer.Argument(help="Folder of the run.", autocompletion=run_folders)]
ConfigFile = Annotated[Path, typer.Argument(help="Configuration file, YAML or JSON.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the configuration, e.g. gate.keep_above=0.5."),
]
