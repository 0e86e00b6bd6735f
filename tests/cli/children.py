"""The program as a process of its own, as a person, a shell or a cluster starts and stops it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gra.testing.fake_server import FakeServer

PROGRAM = (sys.executable, "-c", "import sys; from gra.cli.app import main; sys.argv[0] = 'gra'; main()")
PATIENCE_S = 120.0
"""Bound of every wait for a state; nothing is asserted about time."""


@dataclass(frozen=True)
class Done:
    """How a process ended."""

    code: int
    out: str
    err: str


def start(*arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    """Start the program and let it run."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def end(child: subprocess.Popen[bytes]) -> Done:
    """Wait for its end."""
    out, err = child.communicate(timeout=PATIENCE_S)
    return Done(child.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def program(*arguments: object, **environment: str) -> Done:
    """Run the program to its end."""
    return end(start(*arguments, **environment))


def wait_until(state: Callable[[], bool], what: str) -> None:
    """Wait for a state, however slow the machine is."""
    patience = time.monotonic() + PATIENCE_S
    while not state():
        assert time.monotonic() < patience, f"in vain: {what}"
        time.sleep(0.005)


def wait_for_answers(server: FakeServer, child: subprocess.Popen[bytes], number: int) -> None:
    """Wait until a run that has been started has got so many more answers."""
    enough = sum(server.answered.values()) + number
    wait_until(lambda: sum(server.answered.values()) > enough or child.poll() is not None, "the run comes so far")
    assert child.poll() is None, end(child)


def runs(pid: int) -> bool:
    """Whether a process lives; one that has only not been waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def descendants(pid: int) -> list[int]:
    """The children of a process and theirs, for as long as it lives (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found
