"""Samples of one run or of several as one dataset file, in the form that is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gra.errors import ConfigError, GraError, TargetMissed
from gra.export.alpaca import write_alpaca
from gra.export.messages import write_messages
from gra.export.parquet import write_parquet
from gra.export.rows import Integration, Row, exportable
from gra.plugins import SYNTAX, in_words, load
from gra.records import Status

if TYPE_CHECKING:
    from gra.store.reader import Reader


class Format(StrEnum):
    """The forms of a dataset, by the name of the function that writes it."""

    MESSAGES = "messages"
    ALPACA = "alpaca"
    PARQUET = "parquet"


class Exporter(Protocol):
    """Writes a dataset file, whole or not at all (`export.whole_file`)."""

    def __call__(self, path: Path, rows: Iterable[Row], with_metadata: bool) -> int:
        """Write the rows in their order, and say how many there were."""
        ...


NAMES: dict[str, str] = {
    Format.MESSAGES: "messages.jsonl",
    Format.ALPACA: "alpaca.json",
    Format.PARQUET: "messages.parquet",
}
"""What a file is called if nobody says."""


def exporter(format: str) -> Exporter:
    """What writes a form: one of gra's own, or the user's, by `FILE.py:NAME` or `package.module:NAME`.

    Raises:
        ConfigError: there is no such form, or it cannot be loaded.
    """
    if re.fullmatch(SYNTAX, format):
        return _own(format, load(format))
    if format not in list(Format):
        raise ConfigError(
            f"there is no form `{format}` of a dataset; there are: {', '.join(Format)}, and your own as FILE.py:NAME"
        )
    own: dict[str, Exporter] = {Format.ALPACA: write_alpaca, Format.MESSAGES: write_messages, Format.PARQUET: _parquet}
    return own[format]


def _own(use: str, write: Exporter) -> Exporter:
    """The user's own exporter, whose faults are said to be its own."""

    def checked(path: Path, rows: Iterable[Row], with_metadata: bool) -> int:
        try:
            count: object = write(path, rows, with_metadata)
        except GraError:
            raise
        except Exception as error:
            raise ConfigError(f"`{use}` failed: {in_words(error)}. Mend its code.") from error
        if not isinstance(count, int):
            raise ConfigError(f"`{use}` must say how many rows it wrote, and gave {type(count).__name__}.")
        return count

    return checked


def _parquet(path: Path, rows: Iterable[Row], with_metadata: bool) -> int:
    return write_parquet(path, rows)


def write_dataset(
    reader: Reader,
    format: str = Format.MESSAGES,
    out: Path | None = None,
    status: Status = Status.ACCEPTED,
    metadata: bool = False,
) -> tuple[Path, int]:
    """Write a dataset file and say where it is and how many samples it holds.

    Raises:
        ConfigError: there is no such form.
        TargetMissed: there is no such sample; nothing is written.
        StoreError: the file cannot be written.
    """
    path, count, _ = write_datasets([reader], format, out, status, metadata)
    return path, count


def write_datasets(
    readers: Sequence[Reader], format: str, out: Path | None, status: Status, metadata: bool
) -> tuple[Path, int, int]:
    """Write several runs as one dataset; also says how many samples were left out as duplicates.

    Raises:
        ConfigError: there is no such form, or nobody says where a form of the user's own is to be written.
        TargetMissed: one of the runs has no such sample; nothing is written.
        StoreError: the file cannot be written.
    """
    write = exporter(format)
    if out is None and format not in NAMES:
        raise ConfigError(f"`{format}` is a form of your own: name the file to write with --out")
    for reader in readers:
        if not any(True for _ in exportable(reader.iter_samples(status), "")):
            raise TargetMissed(_nothing(reader, status))
    name = NAMES.get(format, "")
    name = name if status is Status.ACCEPTED else f"{status.value}.{name}"
    path = out or readers[0].run.export / (name if len(readers) == 1 else f"integrated.{name}")
    together = Integration()
    named = zip(readers, _names(readers), strict=True)
    rows: Iterator[Row] = chain.from_iterable(exportable(reader.iter_samples(status), run) for reader, run in named)
    if len(readers) > 1:  # within one run, de-duplication has been the run's own business
        rows = together.of(rows)
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
