"""A run's samples as one dataset file, in the form that is asked for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from gra.errors import TargetMissed
from gra.export.alpaca import write_alpaca
from gra.export.messages import write_messages
from gra.export.parquet import write_parquet
from gra.export.rows import exportable
from gra.records import Status

if TYPE_CHECKING:
    from gra.store.reader import Reader


class Format(StrEnum):
    """The forms of a dataset, by the name of the function that writes it."""

    MESSAGES = "messages"
    ALPACA = "alpaca"
    PARQUET = "parquet"


NAMES = {Format.MESSAGES: "messages.jsonl", Format.ALPACA: "alpaca.json", Format.PARQUET: "messages.parquet"}


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
    if not any(True for _ in exportable(reader.iter_samples(status))):
        raise TargetMissed(_nothing(reader, status))
    name = NAMES[format] if status is Status.ACCEPTED else f"{status.value}.{NAMES[format]}"
    path = out or reader.run.export / name
    samples = exportable(reader.iter_samples(status))
    if format is Format.PARQUET:
        return path, write_parquet(path, samples)
    write = write_alpaca if format is Format.ALPACA else write_messages
    return path, write(path, samples, metadata)


def _nothing(reader: Reader, status: Status) -> str:
    run = reader.run.path
    waiting = reader.funnel().by_status.get(Status.PASSED, 0)
    if status is Status.ACCEPTED and waiting:
        hint = f"{waiting} passed the review and are accepted when their round is full: gra resume {run}"
    else:
        hint = f"`gra status {run}` shows how its samples ended"
    return f"no sample of {run} that has a response ended as {status.value}, so nothing was written; {hint}"
