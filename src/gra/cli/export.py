"""`gra export`: a run's samples as a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gra.cli.opening import reading
from gra.errors import TargetMissed
from gra.records import Status

if TYPE_CHECKING:
    from gra.export import Row
    from gra.store.reader import Reader


class Format(StrEnum):
    """The forms of a dataset, by the name of the function that writes it."""

    MESSAGES = "messages"
    ALPACA = "alpaca"
    PARQUET = "parquet"


NAMES = {Format.MESSAGES: "messages.jsonl", Format.ALPACA: "alpaca.json", Format.PARQUET: "messages.parquet"}


def export(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folder of the run. Several make one dataset, in this order.")
    ],
    format: Annotated[Format, typer.Option(help="Form of the dataset.")] = Format.MESSAGES,
    out: Annotated[Path | None, typer.Option(help="File to write; by default in the first run's `export`.")] = None,
    status: Annotated[Status, typer.Option(help="Samples that ended so.")] = Status.ACCEPTED,
    metadata: Annotated[
        bool,
        typer.Option("--metadata/--no-metadata", help="With what is known of each sample (Parquet always has it)."),
    ] = False,
) -> None:
    """Write the accepted samples as a dataset.

    Of several runs, for example refined seeds and what was synthesised from them, an instruction is taken once, from
    the first that has it.
    """
    with ExitStack() as opened:
        readers = [opened.enter_context(reading(run)) for run in runs]
        path, count, dropped = write_datasets(readers, format, out, status, metadata)
    print(f"{count} {status.value} {'sample' if count == 1 else 'samples'} in {path}")
    if len(runs) > 1:
        print(f"{dropped} left out, whose instruction was there already")


def write_dataset(
    reader: Reader,
    format: Format = Format.MESSAGES,
    out: Path | None = None,
    status: Status = Status.ACCEPTED,
    metadata: bool = False,
) -> tuple[Path, int]:
    """Write a dataset file and say where it is and how many samples it holds.

    Raises:
        TargetMissed: there is no such sample; nothing is written.
        StoreError: the file cannot be written.
    """
    path, count, _ = write_datasets([reader], format, out, status, metadata)
    return path, count


def write_datasets(
    readers: Sequence[Reader], format: Format, out: Path | None, status: Status, metadata: bool
) -> tuple[Path, int, int]:
    """Write several runs as one dataset; also says how many rows were left out as duplicates.

    Raises:
        TargetMissed: one of the runs has no such sample; nothing is written.
        StoreError: the file cannot be written.
    """
    from gra.export import Integration, exportable, write_alpaca, write_messages, write_parquet

    for reader in readers:
        if not any(True for _ in exportable(reader.iter_samples(status), "")):
            raise TargetMissed(_nothing(reader, status))
    name = NAMES[format] if status is Status.ACCEPTED else f"{status.value}.{NAMES[format]}"
    path = out or readers[0].run.export / (name if len(readers) == 1 else f"integrated.{name}")
    together = Integration()
    named = zip(readers, _names(readers), strict=True)
    rows: Iterator[Row] = chain.from_iterable(exportable(reader.iter_samples(status), run) for reader, run in named)
    if len(readers) > 1:  # within one run, de-duplication has been the run's own business
        rows = together.of(rows)
    if format is Format.PARQUET:
        return path, write_parquet(path, rows), together.dropped
    write = write_alpaca if format is Format.ALPACA else write_messages
    return path, write(path, rows, metadata), together.dropped


def _names(readers: Sequence[Reader]) -> list[str]:
    """What rows say of the run they are from: its folder's name, or its whole path where names are alike."""
    names = [reader.run.path.resolve().name for reader in readers]
    return names if len(set(names)) == len(names) else [str(reader.run.path) for reader in readers]


def _nothing(reader: Reader, status: Status) -> str:
    run = reader.run.path
    waiting = reader.funnel().by_status.get(Status.PASSED, 0)
    if status is Status.ACCEPTED and waiting:
        hint = f"{waiting} passed the review and are accepted when their round is full: gra resume {run}"
    else:
        hint = f"`gra status {run}` shows how its samples ended"
    return f"no sample of {run} that has a response ended as {status.value}, so nothing was written; {hint}"
