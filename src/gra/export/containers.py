"""Files that rows are put into one after another: lines of JSON, a list of JSON, Parquet. Knows no samples.

Memory does not grow with the rows. JSON is UTF-8; a value that no JSON has (NaN, half a character) is an error.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, BinaryIO, Protocol

from gra.errors import MissingExtra

BATCH = 1000
"""Rows of one row group of a Parquet file: what is held in memory at once."""


class Rows(Protocol):
    """An open file of rows."""

    def add(self, record: dict[str, Any]) -> None:
        """Put one more row at the end."""
        ...

    def close(self) -> None:
        """Write what is missing; the stream below stays open."""
        ...

    def abandon(self) -> None:
        """Let go of it, as the file will not be kept."""
        ...


class Lines:
    """One JSON object a line."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def add(self, record: dict[str, Any]) -> None:
        self._stream.write(_json(record) + b"\n")

    def close(self) -> None:
        pass

    abandon = close


class List:
    """One JSON list, an object a line."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._before = b"[\n"

    def add(self, record: dict[str, Any]) -> None:
        self._stream.write(self._before + _json(record))
        self._before = b",\n"

    def close(self) -> None:
        self._stream.write(b"\n]\n" if self._before == b",\n" else b"[\n]\n")

    def abandon(self) -> None:
        pass


class Parquet:
    """A table; needs `pyarrow`.

    Args:
        stream: where to.
        columns: names and types, as `forms` has them; a column of JSON holds text.

    Raises:
        MissingExtra: pyarrow is not installed.
    """

    def __init__(self, stream: BinaryIO, columns: dict[str, str]) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise MissingExtra("Parquet export", "parquet") from None
        self._json = [name for name, kind in columns.items() if kind == "json"]
        self._schema = pa.schema([(name, _type(pa, kind)) for name, kind in columns.items()])
        self._table = pa.Table.from_pylist
        self._writer = pq.ParquetWriter(stream, self._schema)
        self._waiting: list[dict[str, Any]] = []

    def add(self, record: dict[str, Any]) -> None:
        flat = {name: json.dumps(record[name], ensure_ascii=False) for name in self._json}
        self._waiting.append({**record, **flat})
        if len(self._waiting) == BATCH:
            self._write()

    def close(self) -> None:
        if self._waiting:
            self._write()
        self._writer.close()

    def abandon(self) -> None:
        with suppress(OSError):  # what was wrong is said already
            self._writer.close()  # else it tries to, when its stream is gone

    def _write(self) -> None:
        self._writer.write_table(self._table(self._waiting, schema=self._schema))
        self._waiting.clear()


def _json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode()


def _type(pa: Any, kind: str) -> Any:
    string = pa.string()
    types = {
        "text": string,
        "json": string,
        "texts": pa.list_(string),
        "float": pa.float64(),
        "int": pa.int32(),
        "bool": pa.bool_(),
        "turns": pa.list_(pa.struct([("role", string), ("content", string)])),
        "from turns": pa.list_(pa.struct([("from", string), ("value", string)])),
    }
    return types[kind]
