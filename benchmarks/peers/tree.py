"""One command with all that it starts: its CPU time, its memory, how long it took; and its end, if need be by force.

Linux only: /proc, and a subreaper, so that a process whose parent is dead is still counted.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
_LOOK_S, _WEIGH_S = 0.1, 0.5
_GRACE_S = 20.0


@dataclass(frozen=True)
class Use:
    """What a command took."""

    ended: str
    """`done`, `exit N`, or what `watch` called it when it had it killed."""
    wall_s: float
    cpu_s: float
    peak_mb: float
    """The largest process at its peak, or all of them at the moment when they held most, shared pages counted once;
    whichever is more."""


def measured(
    command: list[str], environment: Mapping[str, str], log: Path, watch: Callable[[], str | None], spare: int
) -> Use:
    """Run a command to its end.

    Args:
        command: What to run.
        environment: Its environment.
        log: Where its output goes.
        watch: Called ten times a second; a word from it has the command killed, with SIGKILL and with all its children.
        spare: Id of a child that is not of the command's.
    """
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, begun = _cpu(), time.monotonic()
    memory, word = Memory(), None
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
    try:
        while process.poll() is None and not word:
            memory.look(descendants(os.getpid(), spare))
            word = watch()
            time.sleep(_LOOK_S)
        wall = time.monotonic() - begun
    finally:
        end(spare, at_once=process.returncode is None)
    process.wait()
    ended = word or ("done" if process.returncode == 0 else f"exit {process.returncode}")
    return Use(ended, wall, _cpu() - before, memory.peak_kb / 1024)


class Memory:
    """The peak of a tree of processes."""

    def __init__(self) -> None:
        self.peak_kb = 0
        self._next = 0.0

    def look(self, pids: list[int]) -> None:
        alone = max((_field(pid, "status", "VmHWM:") for pid in pids), default=0)
        together = 0
        if len(pids) > 1 and time.monotonic() > self._next:  # walks all pages, so not at every look
            together = sum(_field(pid, "smaps_rollup", "Pss:") for pid in pids)
            self._next = time.monotonic() + _WEIGH_S
        self.peak_kb = max(self.peak_kb, alone, together)


def descendants(root: int, spare: int) -> list[int]:
    """All processes below one, but for a spared one and what is below it; parents first."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            parent = _parent(int(folder.name))
            children.setdefault(parent, []).append(int(folder.name))
    found, rest = [], [root]
    while rest:
        below = [pid for pid in children.get(rest.pop(), []) if pid != spare]
        found += below
        rest += below
    return found


def end(spare: int, at_once: bool) -> None:
    """Have nothing left of the command: wait a little for what it left running, then kill, and reap."""
    due = time.monotonic() + (0.0 if at_once else _GRACE_S)
    while left := descendants(os.getpid(), spare):
        for pid in left:
            if time.monotonic() >= due:
                _signal(pid)
            try:
                os.waitpid(pid, os.WNOHANG)  # of our own children only; the others come to us when their parent ends
            except ChildProcessError:
                continue
        time.sleep(0.01)


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _field(pid: int, file: str, name: str) -> int:
    """A number of kB from a file of a process; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
