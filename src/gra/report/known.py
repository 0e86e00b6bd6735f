"""Reads what is known of samples: whether they are good, from people or from known answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gra.errors import ConfigError

LARGEST = 50_000_000
"""Bytes of a file of answers."""


def read_known(path: Path) -> dict[str, bool]:
    """By a sample's id, whether it is good: lines of `{"id": "r01-00003", "good": true}`.

    Raises:
        ConfigError: it cannot be read, or a line says something else.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"cannot read what is known in {path}: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise ConfigError(f"{path} is larger than {LARGEST:,} bytes; it should have one short line for each sample")
    lines = raw.decode("utf-8", "replace").split("\n")
    return dict(_answer(path, number, line) for number, line in enumerate(lines, 1) if line.strip())


def _answer(path: Path, number: int, line: str) -> tuple[str, bool]:
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("id"), str) or not isinstance(found.get("good"), bool):
        raise ConfigError(f'{path}, line {number}: give {{"id": "r01-00003", "good": true}} on each line')
    return found["id"], found["good"]
