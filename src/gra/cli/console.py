"""Where text goes: results to standard output, progress and messages to standard error.

Both consoles are plain: nothing inside a text means anything to them.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gra.display.safe import safe

if TYPE_CHECKING:
    from rich.console import Console


def results() -> Console:
    """For what a command was asked for."""
    from gra.display.live import plain_console

    return plain_console(stderr=False)


def messages() -> Console:
    """For progress, notices and errors."""
    from gra.display.live import plain_console

    return plain_console(stderr=True)


def tolerate_any_text() -> None:
    """Let a terminal that is not UTF-8 show what it cannot encode by its number, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """A message to the person at the terminal, its lines as they are."""
    sys.stdout.flush()
    print(safe(text), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON value on standard output, ASCII throughout: safe in every terminal and encoding. Paths become text."""
    text = json.dumps(_valid(value), ensure_ascii=True, indent=2, allow_nan=False)
    print(text.replace("\x7f", "\\u007f"))


def _valid(value: Any) -> Any:
    """The value without lone surrogates and infinities, which strict readers of JSON turn down."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    if isinstance(value, PurePath):
        return _valid(str(value))
    if isinstance(value, dict):
        return {_valid(str(key)): _valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(item) for item in value]
    return value
