"""Where text goes: results to standard output, progress and messages to standard error.

Both consoles are plain: nothing inside a text means anything to them.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from gra.display.safe import plain, safe
from gra.errors import GraError

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


class OutputLost(GraError):
    """The output of a command cannot be written to where it was sent."""


class _Results(io.FileIO):
    """Standard output. What cannot be written is said once, in words, but for a reader that has seen enough."""

    lost: OutputLost | None = None
    """What could not be written while something else was being said, and is still to be told."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())  # else the interpreter's end complains again
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputLost(f"the output cannot be written: {error.strerror}") from None


class _Messages(io.FileIO):
    """Standard error. That nobody listens any more is no reason to stop a run."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare_output() -> None:
    """Make streams that cannot fail in words of their own, and show by its number what they cannot encode."""
    sys.stdout = _stream(sys.stdout, _Results)
    sys.stderr = _stream(sys.stderr, _Messages)


def _stream(old: TextIO | None, kind: type[io.FileIO]) -> TextIO:
    if old is None:  # it was closed (`>&-`); left so, the next file that is opened would take its place
        return Path(os.devnull).open("w", encoding="utf-8")
    raw = io.BufferedWriter(kind(old.fileno(), "w", closefd=False))
    return io.TextIOWrapper(raw, old.encoding, "backslashreplace", line_buffering=bool(old.line_buffering))


def finish_output() -> None:
    """Write out what is still buffered; a reader that has seen enough (`gra show RUN | head`) is no fault.

    Raises:
        OutputLost: it cannot be written.
    """
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    lost, _Results.lost = _Results.lost, None
    if lost:
        raise lost


def say(text: str) -> None:
    """A message to the person at the terminal, its lines as they are."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OutputLost as lost:  # first this, which there is to say already
        _Results.lost = lost
    print(safe(text), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON value on standard output, ASCII throughout: safe in every terminal and encoding. Paths become text."""
    text = json.dumps(plain(value), ensure_ascii=True, indent=2, allow_nan=False)
    print(text.replace("\x7f", "\\u007f"))
