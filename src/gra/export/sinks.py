"""Where items become rows of a file. Knows forms and containers, and no run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from gra.export.containers import Lines, List, Parquet, Rows
from gra.export.forms import KNOWN, KNOWN_OF_PAIR, Item, Part, known
from gra.export.whole_file import whole_file


class Sink:
    """Takes the items of one part, and counts them.

    Args:
        part: what is written.
        stream: where to.
        with_metadata: JSON rows have one further key `metadata`, if their consumer takes that. Tables always have a
            column for each thing that is known.
    """

    def __init__(self, part: Part, stream: BinaryIO, with_metadata: bool = False) -> None:
        self._part = part
        self._nested = with_metadata and part.extra and part.columns is None
        self._rows = _container(part, stream)
        self.count = 0

    def add(self, item: Item) -> None:
        """Write one more row.

        Raises:
            BadRow: it has a value that the file cannot hold.
        """
        record = self._part.record(item)
        if self._part.columns is not None:
            record |= known(item)
        elif self._nested:
            record["metadata"] = known(item)
        self._rows.add(record)
        self.count += 1

    def close(self) -> None:
        """Write what is missing."""
        self._rows.close()

    def abandon(self) -> None:
        """Let go of it, as the file will not be kept."""
        self._rows.abandon()


@contextmanager
def sinking(part: Part, path: Path, with_metadata: bool) -> Iterator[Sink]:
    """A file of its own, which appears when the block ends well.

    Raises:
        MissingExtra: Parquet needs an extra that is not installed.
        StoreError: the file cannot be written.
    """
    with whole_file(path) as stream:
        sink = Sink(part, stream, with_metadata)
        try:
            yield sink
            sink.close()
        except BaseException:
            sink.abandon()
            raise


def write_rows(part: Part, path: Path, items: Iterable[Any], with_metadata: bool = False) -> int:
    """Write a file of these items, whole or not at all, and say how many there were."""
    with sinking(part, path, with_metadata) as sink:
        for item in items:
            sink.add(item)
    return sink.count


def _container(part: Part, stream: BinaryIO) -> Rows:
    if part.columns is None:
        return Lines(stream) if part.container == "lines" else List(stream)
    return Parquet(stream, {**part.columns, **(KNOWN_OF_PAIR if part.kind == "pair" else KNOWN)})
