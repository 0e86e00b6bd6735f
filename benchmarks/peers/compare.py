"""One job, one server, many tools: how busy each keeps 64 slots, what it takes, and what a crash and faults cost it.

    python benchmarks/peers/compare.py [--only NAME] [--case CASE] [--size 0.3] [--again] [--work DIR]
    python benchmarks/peers/compare.py --report

Every tool makes the records of `job.py`, as its users would write it (`with_NAME.py`), in an environment of its own
(`requirements-NAME.txt`, made on first use and kept), on one core; the server (`server.py`) is on another. A tool has
to bring five records to a good end first. Then the cases:

* `fixed`: every answer takes 50 ms. Wall time, CPU and memory are of this one.
* `lognormal`: 200 ms in the mean, sigma 0.5.
* `kill`: as `fixed`, but the tool is killed with all its processes (SIGKILL) a little past the half, and started again.
* `faults`: as `fixed`, but 5 % of requests meet HTTP 500, and 5 % of the replies that should be JSON are cut off.

What is measured is kept, one file a tool, and a case that is there is not measured again. Linux only. Whoever has no
CPU build of torch at hand may set `PIP_EXTRA_INDEX_URL` for it; a tool needs the package, and none of it is used.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from job import count
from served import KILL_AT, SLOTS, Case, Server, Watch
from table import TITLES, report
from tree import Use, measured

HERE = Path(__file__).parent
CASES = {
    "check": Case(5, 0.05),
    "fixed": Case(1000, 0.05),
    "lognormal": Case(300, 0.2, sigma=0.5),
    "kill": Case(1000, 0.05),
    "faults": Case(300, 0.05, errors=0.05, bad_json=0.05),
}
TRIALS = [(name, SLOTS) for name in TITLES] + [("gra", 96), ("asyncio", 96)]
"""Tools, and how many requests each is told to have in flight; more than there are slots keep a queue at the server."""
ENVIRONMENT = {
    "TELEMETRY_ENABLED": "false",
    "NEMO_TELEMETRY_ENABLED": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1",
    "OPENAI_API_KEY": "none",
}
"""So that none waits for the network."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(TITLES), help="may be repeated")
    parser.add_argument("--case", action="append", choices=list(CASES), help="may be repeated")
    parser.add_argument("--size", type=float, default=1.0, help="share of the records")
    parser.add_argument("--again", action="store_true", help="measure again what has been measured")
    parser.add_argument("--report", action="store_true", help="only print the table of what has been measured")
    parser.add_argument(
        "--patience", type=float, default=90, help="seconds without a request before a tool is said to hang"
    )
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "gra-peers")
    told = parser.parse_args()
    if not told.report:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which ends what runs
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-1:])  # this script sits by the server, which has time to spare
        for name, concurrency in TRIALS:
            if not told.only or name in told.only:
                trial = Trial(told, name, concurrency, cores)
                trial.run([case for case in CASES if case in (told.case or CASES)])
    print(report(told.work / "results"))


class Trial:
    """One tool at one concurrency, through the cases. What it finds is in a file from the moment it is found."""

    def __init__(self, told: argparse.Namespace, name: str, concurrency: int, cores: list[int]) -> None:
        self.name, self.concurrency = name, concurrency
        self._told, self._cores = told, cores
        self._path = told.work / "results" / f"{name}-{concurrency}.json"
        self._log = told.work / "logs" / f"{name}-{concurrency}.log"
        for folder in (self._path.parent, self._log.parent):
            folder.mkdir(parents=True, exist_ok=True)

    def run(self, cases: list[str]) -> None:
        kept = json.loads(self._path.read_text()) if self._path.exists() else {}
        kept.pop("error", None)
        try:
            python = environment(self._told.work, self.name)
            kept["version"] = version(python, self.name)
            for name in cases:
                if kept.get(name, {}).get("records") == self._records(name) and not self._told.again:
                    continue
                print(f"{self.name} ({self.concurrency}): {name}", file=sys.stderr, flush=True)
                kept[name] = self._kill(python, kept.get("fixed")) if name == "kill" else self._case(python, name)
                kept["date"] = datetime.datetime.now(datetime.UTC).date().isoformat()
                self._path.write_text(json.dumps(kept, indent=1))
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            self._path.write_text(json.dumps({**kept, "error": str(error)}, indent=1))

    def _case(self, python: Path, name: str) -> dict[str, Any]:
        with self._scratch() as scratch, Server(CASES[name], self._cores, self._log) as server:
            found = self._found(name, server, self._start(python, server, name, Path(scratch)), Path(scratch))
        if name != "faults" and found["complete"] < found["records"]:
            raise RuntimeError(f"{name}: {found['ended']}: {self._last_words()}")
        return found

    def _kill(self, python: Path, clean: dict[str, Any] | None) -> dict[str, Any]:
        if not clean or clean["records"] != self._records("kill"):
            raise RuntimeError("`kill` needs `fixed` first, of as many records, to know how many requests there are")
        with self._scratch() as scratch, Server(CASES["kill"], self._cores, self._log) as server:
            first = self._start(python, server, "kill", Path(scratch), stop_at=int(KILL_AT * clean["requests"]))
            if first.ended != "killed":
                raise RuntimeError(f"was to be killed, but {first.ended}")
            at = server.requests()
            found = self._found("kill", server, self._start(python, server, "kill", Path(scratch)), Path(scratch))
            return {**found, "killed_at": at, "repeated": found["requests"] - clean["requests"]}

    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(dir=self._told.work, ignore_cleanup_errors=True)

    def _start(self, python: Path, server: Server, case: str, scratch: Path, stop_at: int | None = None) -> Use:
        job = [str(HERE / f"with_{self.name}.py"), server.url, str(self._records(case)), str(self.concurrency)]
        command = ["taskset", "-c", str(self._cores[0]), str(python), *job, str(scratch)]
        home = {**os.environ, **ENVIRONMENT, "HOME": str(scratch)}
        return measured(command, home, self._log, Watch(server, stop_at, self._told.patience), server.pid)

    def _records(self, case: str) -> int:
        return CASES[case].records if case == "check" else max(1, int(self._told.size * CASES[case].records))

    def _found(self, case: str, server: Server, use: Use, scratch: Path) -> dict[str, Any]:
        rows, complete = count(scratch)
        return {**asdict(use), **server.seen(), "records": self._records(case), "rows": rows, "complete": complete}

    def _last_words(self) -> str:
        return " ".join(self._log.read_text(errors="replace").split())[-300:]


def environment(work: Path, name: str) -> Path:
    """The Python of a tool's own environment, made if it is not there as it should be; gra's is this one."""
    wanted, folder = HERE / f"requirements-{name}.txt", work / "environments" / name
    if not wanted.exists():
        return Path(sys.executable)
    python, made = folder / "bin" / "python", folder / "made-of.txt"
    if not made.exists() or made.read_text() != wanted.read_text():
        print(f"{name}: making its environment", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted)], check=True)
        made.write_text(wanted.read_text())
    return python


def version(python: Path, name: str) -> str:
    package = TITLES[name][1]
    asked = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([str(python), "-c", asked], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
