"""Reads records out of Parquet and Arrow files, the columns as they are. Needs `pyarrow`, and not `datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gra.errors import MissingExtra
from gra.synthesis.seed_forms import Unfit
from gra.synthesis.seed_text import Record

BATCH = 500
"""Rows that are held as Python values at once."""

KINDS = {b"PAR1": "Parquet", b"ARROW1": "Arrow", b"\xff\xff\xff\xff": "Arrow"}
"""What each kind of file begins with. The last is the stream that `datasets` saves."""


def read_table(path: Path) -> Iterator[Record]:
    """The rows as objects.

    Raises:
        MissingExtra: pyarrow is not installed.
        OSError: the file cannot be read.
        ValueError: the file is damaged (`pyarrow.ArrowInvalid` is one).
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("Reading Parquet and Arrow seeds", "parquet") from None

    number = 0
    with path.open("rb") as stream:
        head = stream.read(6)
        stream.seek(0)
        if head.startswith(b"PAR1"):
            batches = pq.ParquetFile(stream).iter_batches(batch_size=BATCH)
        elif head == b"ARROW1":
            file = pa.ipc.open_file(stream)
            batches = (file.get_batch(at) for at in range(file.num_record_batches))
        else:
            batches = pa.ipc.open_stream(stream)
        for batch in batches:
            for at in range(0, batch.num_rows, BATCH):
                for record in _values(batch.slice(at, BATCH)):
                    number += 1
                    yield f"row {number}", record


def _values(batch: Any) -> Iterator[Any]:
    """Rows as objects; text that is not UTF-8 spoils its own row only."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            yield Unfit("malformed", f"cannot be read ({error})")
            return
        for at in range(batch.num_rows):
            yield from _values(batch.slice(at, 1))
