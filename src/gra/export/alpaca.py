"""One JSON list of `instruction`, `input` and `output`; `input` is always empty, as it is part of the instruction."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gra.export.rows import Row, metadata, valid
from gra.export.whole_file import whole_file


def write_alpaca(path: Path, rows: Iterable[Row], with_metadata: bool = False) -> int:
    """Write the list, one record a line; with `with_metadata`, each has one further key `metadata`.

    Raises:
        StoreError: the file cannot be written.
    """
    count = 0
    with whole_file(path) as stream:
        stream.write(b"[")
        for row in rows:
            count += 1
            record: dict[str, Any] = {
                "instruction": valid(row.sample.instruction),
                "input": "",
                "output": valid(row.sample.response),
            }
            if with_metadata:
                record["metadata"] = metadata(row)
            stream.write(b"\n" if count == 1 else b",\n")
            stream.write(json.dumps(record, ensure_ascii=False).encode())
        stream.write(b"\n]\n")
    return count
