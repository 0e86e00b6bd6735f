"""Where text goes: results to standard output, progress and messages to standard error.

Both consoles know no markup, no emoji names and no highlighting, so nothing inside a text means anything.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from gra.cli.safe import safe
from gra.errors import GraError

if TYPE_CHECKING:
    from rich.console import Console


def results() -> Console:
    """For what a command was asked for."""
    return _console(stderr=False)


def messages() -> Console:
    """For progress, notices and errors."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


class OutputLost(GraError):
    """The output of a command cannot be written to where it was sent."""


class _Forgiving(io.FileIO):
    """Standard error as it should be: that nobody listens any more is no reason to stop a run."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare_output() -> None:
    """Let a stream that is not UTF-8 show what it cannot encode by its number, and messages be lost without harm."""
    if isinstance(sys.stderr, io.TextIOWrapper):
        raw = io.BufferedWriter(_Forgiving(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, "backslashreplace", line_buffering=True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def finish_output() -> None:
    """Write out what is still buffered; a reader that has seen enough (`gra show RUN | head`) is no fault.

    Raises:
        OutputLost: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        # Else the interpreter would try again at its end, and complain in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise OutputLost(f"the output cannot be written: {error.strerror}") from None


def say(text: str) -> None:
    """A message to the person at the terminal, its lines as they are."""
    sys.stdout.flush()
    print(safe(text), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON value on standard output, ASCII throughout: safe in every terminal and encoding."""
    text = json.dumps(_valid(value), ensure_ascii=True, indent=2, allow_nan=False)
    print(text.replace("\x7f", "\\u007f"))


def _valid(value: Any) -> Any:
    """The value without lone surrogates and infinities, which strict readers of JSON turn down."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    if isinstance(value, dict):
        return {_valid(str(key)): _valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(item) for item in value]
    return value
