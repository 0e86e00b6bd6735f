"""The files of an export while they are written: each begins when there is something to put into it.

Knows no run, and decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from gra.export.forms import Format, Item, Kind, Part, known
from gra.export.sinks import Sink


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file with rows."""

    path: str
    """In the folder of the export."""
    format: Format
    stem: str
    """Of the part that it belongs to."""
    side: str
    """`train`, `test`, or empty where nothing is divided."""
    rows: int
    provenance: str
    """The file that says of each row, line by line, what is known of it; empty where the rows say it themselves."""


class Files:
    """Data files below a folder: `with Files(...) as files`, then `files.data`.

    Args:
        root: the folder.
        parts: what is written, and for which form.
        metadata: what is known of a row stands in it, where its consumer takes that.
    """

    def __init__(self, root: Path, parts: Sequence[tuple[Format, Part]], metadata: bool) -> None:
        self._root, self._parts, self._metadata = root, parts, metadata
        self._open: dict[tuple[int, str], _Open] = {}
        """By place of the part, and side."""
        self._stack = ExitStack()
        self.data: list[DataFile] = []
        """The files that have rows, in the order of their forms; known when all are written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                return
            for (place, side), file in sorted(self._open.items(), key=lambda each: (each[0][0], each[0][1] == "test")):
                file.sink.close()
                format, part = self._parts[place]
                self.data.append(DataFile(file.path, format, part.stem, side, file.sink.count, file.provenance))

    def add(self, kind: Kind, side: str, item: Item) -> None:
        """Write an item to all files that it belongs to."""
        for place, (_, part) in enumerate(self._parts):
            if part.kind == kind:
                file = self._open.get((place, side)) or self._begin(place, side)
                file.add(item)

    def _begin(self, place: int, side: str) -> _Open:
        part = self._parts[place][1]
        path = part.path(side)
        says_itself = part.columns is not None or (self._metadata and part.extra)
        provenance = "" if says_itself else f"provenance/{path.rpartition('.')[0]}.jsonl"
        beside = self._stream(provenance) if provenance else None
        sink = Sink(part, self._stream(path), self._metadata)
        self._stack.callback(sink.abandon)  # it says nothing after a `close`
        file = self._open[place, side] = _Open(path, sink, provenance, beside)
        return file

    def _stream(self, name: str) -> BinaryIO:
        return self._stack.enter_context(place_for(self._root, name).open("wb"))


@dataclass(frozen=True, slots=True)
class _Open:
    path: str
    sink: Sink
    provenance: str
    beside: BinaryIO | None

    def add(self, item: Item) -> None:
        self.sink.add(item)
        if self.beside:
            self.beside.write(_line({"row": self.sink.count, **known(item)}))


def put_lines(root: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    """Write a file of JSON lines."""
    with place_for(root, name).open("wb") as stream:
        stream.writelines(map(_line, rows))


def place_for(root: Path, name: str) -> Path:
    """Where a file of this name goes; its folder is there."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
