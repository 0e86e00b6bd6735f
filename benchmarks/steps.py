"""Steps of a benchmark, each in its own process: what it takes in CPU time, by the clock, and in memory at most."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def measure(steps: Mapping[str, Callable[[Path, int], object]], folder: Path, samples: int) -> None:
    """Do them one after another, and print a line on each. Ends the program at the first that fails."""
    for name, step in steps.items():
        begun = time.monotonic()
        child = os.fork()
        if not child:
            step(folder, samples)
            sys.stdout.flush()
            os._exit(0)
        _, status, used = os.wait4(child, 0)
        if status:
            raise SystemExit(f"{name} failed")
        cpu, wall = used.ru_utime + used.ru_stime, time.monotonic() - begun
        print(f"{name:10} {cpu:8.2f} CPU s {wall:8.2f} s {used.ru_maxrss / 1024:7.0f} MB", flush=True)
