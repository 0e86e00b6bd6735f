"""`gra export`: a run's samples as a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import Json, RunFolder
from gra.cli.console import print_json
from gra.export import Format, write_dataset
from gra.records import Status
from gra.report.opening import reading


def export(
    run: RunFolder,
    format: Annotated[Format, typer.Option(help="Form of the dataset.")] = Format.MESSAGES,
    out: Annotated[Path | None, typer.Option(help="File to write; by default in the run's folder `export`.")] = None,
    status: Annotated[Status, typer.Option(help="Samples that ended so.")] = Status.ACCEPTED,
    metadata: Annotated[
        bool,
        typer.Option("--metadata/--no-metadata", help="With what is known of each sample (Parquet always has it)."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the accepted samples as a dataset."""
    with reading(run) as reader:
        path, count = write_dataset(reader, format, out, status, metadata)
    if as_json:
        print_json({"path": path, "format": format.value, "status": status.value, "samples": count})
    else:
        print(f"{count} {status.value} {'sample' if count == 1 else 'samples'} in {path}")
