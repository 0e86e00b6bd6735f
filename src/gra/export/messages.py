"""JSON lines of conversations: `{"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gra.export.rows import Row, conversation, metadata
from gra.export.whole_file import whole_file


def write_messages(path: Path, rows: Iterable[Row], with_metadata: bool = False) -> int:
    """Write one conversation a line; with `with_metadata`, under one further key `metadata`, what is known of it.

    Raises:
        StoreError: the file cannot be written.
    """
    count = 0
    with whole_file(path) as stream:
        for row in rows:
            count += 1
            record: dict[str, Any] = {"messages": conversation(row.sample)}
            if with_metadata:
                record["metadata"] = metadata(row)
            stream.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
    return count
