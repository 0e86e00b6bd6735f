"""`gra export`: the samples of one run, or of several, as a dataset."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import Json, run_folders
from gra.cli.console import print_json
from gra.export import Format, write_datasets
from gra.records import Status
from gra.report.opening import reading

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="Folder of the run. Several make one dataset, in this order.",
        autocompletion=run_folders,
    ),
]


def export(
    runs: Runs,
    format: Annotated[
        str,
        typer.Option(
            metavar=f"{'|'.join(Format)}|FILE.py:NAME",
            help="Form of the dataset; one of your own by its code.",
            autocompletion=lambda: list(Format),
        ),
    ] = Format.MESSAGES.value,
    out: Annotated[Path | None, typer.Option(help="File to write; by default in the first run's `export`.")] = None,
    status: Annotated[Status, typer.Option(help="Samples that ended so.")] = Status.ACCEPTED,
    metadata: Annotated[
        bool,
        typer.Option("--metadata/--no-metadata", help="With what is known of each sample (Parquet always has it)."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the accepted samples as a dataset.

    Of several runs, for example refined seeds and what was synthesised from them, an instruction is taken once, from
    the first that has it.
    """
    with ExitStack() as opened:
        readers = [opened.enter_context(reading(run)) for run in runs]
        path, count, dropped = write_datasets(readers, format, out, status, metadata)
    if as_json:
        told = {"path": path, "format": format, "status": status.value, "samples": count, "left_out": dropped}
        print_json(told)
        return
    print(f"{count} {status.value} {'sample' if count == 1 else 'samples'} in {path}")
    if len(runs) > 1:
        print(f"{dropped} left out, whose instruction was there already")
