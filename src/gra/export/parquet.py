"""Parquet: a column of conversations, and one for each thing known of a sample. Needs `pyarrow`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from gra.errors import MissingExtra
from gra.export.rows import Row, conversation, metadata
from gra.export.whole_file import whole_file

BATCH = 1000
"""Rows of one row group: what is held in memory at once."""


def write_parquet(path: Path, rows: Iterable[Row]) -> int:
    """Write one row a sample.

    Raises:
        MissingExtra: pyarrow is not installed.
        StoreError: the file cannot be written.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("Parquet export", "parquet") from None

    schema = _schema(pa)
    plain = ({"messages": conversation(row.sample), **_flat(metadata(row))} for row in rows)
    count = 0
    with whole_file(path) as stream, pq.ParquetWriter(stream, schema) as writer:
        while batch := list(islice(plain, BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _flat(known: dict[str, Any]) -> dict[str, Any]:
    """Notes may be anything, so their column holds them as JSON."""
    return {**known, "notes": json.dumps(known["notes"], ensure_ascii=False)}


def _schema(pa: Any) -> Any:
    text, texts = pa.string(), pa.list_(pa.string())
    turn = pa.struct([("role", text), ("content", text)])
    return pa.schema(
        [
            ("messages", pa.list_(turn)),
            ("id", text),
            ("domain", text),
            ("keywords", texts),
            ("summary", text),
            ("score", pa.float64()),
            ("generator", text),
            ("reviewers", texts),
            ("round", pa.int32()),
            ("status", text),
            ("source", text),
            ("seed", text),
            ("refined", pa.bool_()),
            ("run", text),
            ("notes", text),
        ]
    )
