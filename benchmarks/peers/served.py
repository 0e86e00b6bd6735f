"""The server as a process on a core of its own, and what it saw."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

SLOTS = 64
KILL_AT = 0.55
"""Share of the requests after which a tool is killed. At the half itself one that saves every hundred records, of a
thousand, would always have come just to the point where it saves."""


@dataclass(frozen=True)
class Case:
    """What the server does, and for how many records."""

    records: int
    mean_s: float
    sigma: float = 0.0
    errors: float = 0.0
    bad_json: float = 0.0

    @property
    def options(self) -> list[str]:
        """For the command line of `server.py`."""
        median = self.mean_s * math.exp(-(self.sigma**2) / 2)
        given = {
            "latency": median,
            "spread": self.sigma,
            "slots": SLOTS,
            "errors": self.errors,
            "bad-json": self.bad_json,
        }
        return [word for key, value in given.items() for word in (f"--{key}", str(value))]


class Server:
    """Runs for as long as the `with` does."""

    def __init__(self, case: Case, cores: list[int], log: Path) -> None:
        script = str(Path(__file__).with_name("server.py"))
        self._command = ["taskset", "-c", str(cores[-1]), sys.executable, script, *case.options]
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:  # which has the connections that a kill breaks off
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.pid = self._process.pid
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        self._cpu_s = self._told()["cpu_s"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def requests(self) -> int:
        """How many have come."""
        return sum(self._told()["requests"].values())

    def seen(self) -> dict[str, Any]:
        """Requests; share of slots busy, and requests a second, in steady state; share of its own core at that rate."""
        told = self._told()
        requests = sum(told["requests"].values())
        each = (told["cpu_s"] - self._cpu_s) / max(1, requests)
        return {
            "requests": requests,
            "busy": told["steady"],
            "rate": told["rate"],
            "server_share": each * told["rate"],
            "most_in_flight": told["peak"],
        }

    def _told(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/occupancy") as answer:
            told: dict[str, Any] = json.load(answer)
        return told


class Watch:
    """Looks at how many requests have come: enough to kill the tool, or none for too long."""

    def __init__(self, server: Server, stop_at: int | None, patience_s: float) -> None:
        self._server, self._stop_at, self._patience_s = server, stop_at, patience_s
        self._last, self._since = -1, time.monotonic()

    def __call__(self) -> str | None:
        requests = self._server.requests()
        if self._stop_at and requests >= self._stop_at:
            return "killed"
        if requests != self._last:
            self._last, self._since = requests, time.monotonic()
        return "hung" if time.monotonic() - self._since > self._patience_s else None
