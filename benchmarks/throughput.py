"""How busy `gra run` keeps a server of 64 slots, and what it takes itself. No model is needed.

    python benchmarks/throughput.py [--latency fixed|lognormal] [--records 3000] [--times 3]
    python benchmarks/throughput.py --processes 1,2 [--records 1500] [--times 3]

A fake server on one core gives every answer after 50 ms (`fixed`) or a lognormal time with mean 200 ms and sigma 0.5
(`lognormal`), 64 at once. `gra run` on another core makes the records: each takes seven requests, its keywords, its
instruction, a reviewer's reading of it, its response, the reviewer's reading of that, an embedding and a summary.
Everything passes. Every answer is committed to the ledger, with a sync, before anything is done with it.

Printed are medians. Busy: share of the slots in use, added up by the server between the first and the last tenth of the
requests. Ideal: requests per second over that time against 64 / latency. CPU is that of the whole process, its start
included; first request: from the start of the process. Linux only.

With `--processes` the server answers after 5 ms, so that gra is what everything waits for, nothing is pinned to a core,
and runs of so many processes take turns. Each figure is printed for each number of processes; the CPU is told apart by
the process that leads and the others, and `rate` is in requests per second between the first and the last tenth.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

SLOTS = 64
SIGMA = 0.5
LATENCIES = {"fixed": (0.05, 0.0, 3000), "lognormal": (0.2, SIGMA, 1500), "quick": (0.005, 0.0, 1500)}
"""Mean in seconds, sigma, and records for half a minute: what is measured is to be steady."""
NAMES = ("ada", "bob", "cyd")
SEEDS = 24
IN_PROGRESS = 96
"""Samples in progress: more than there are slots, because some are between two requests."""


@dataclass(frozen=True)
class Outcome:
    """One run, measured."""

    busy: float
    ideal: float
    ms_per_request: float
    ms_per_record: float
    peak_mb: float
    wall_s: float
    first_s: float
    requests_per_record: float
    server_ms: float
    rate: float
    leading_ms: float
    """CPU of the process that leads, for a request; of all processes if there is one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", choices=LATENCIES, default="fixed")
    parser.add_argument("--records", type=int)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--processes", help="numbers of processes to compare, with commas between")
    parser.add_argument("--profile", type=Path, help="where to put a profile (cProfile) of the last run")
    arguments = parser.parse_args()
    if arguments.processes:
        numbers = [int(number) for number in arguments.processes.split(",")]
        rounds = [{n: measured("quick", arguments.records, None, n) for n in numbers} for _ in range(arguments.times)]
        for number in numbers:
            print(f"--- processes: {number}")
            show([one[number] for one in rounds])
        for number in numbers[1:]:
            ratios = sorted(one[number].rate / one[numbers[0]].rate for one in rounds)
            print(f"rate with {number} / {numbers[0]}: {median(ratios):.2f} of {ratios}")
        return
    show([measured(arguments.latency, arguments.records, arguments.profile) for _ in range(arguments.times)])


def show(outcomes: list[Outcome]) -> None:
    for name in Outcome.__annotations__:
        values = [getattr(outcome, name) for outcome in outcomes]
        print(
            f"{name:20} {median(values):9.3f}   of {', '.join(f'{value:.3f}' for value in sorted(values))}", flush=True
        )


def measured(latency: str, wanted: int | None, profile: Path | None, processes: int = 0) -> Outcome:
    """One run; with a number of processes, on whatever core there is."""
    mean, sigma, enough = LATENCIES[latency]
    records = wanted or enough
    on = (lambda core, command: command) if processes else pinned
    with tempfile.TemporaryDirectory() as scratch, serving(mean, sigma, on) as url:
        config = write_config(Path(scratch), url, records, max(1, processes))
        how = ["-m", "cProfile", "-o", str(profile)] if profile else []
        command = [
            sys.executable,
            *how,
            str(Path(sys.executable).with_name("gra")),
            "run",
            str(config),
            "--out",
            str(Path(scratch) / "run"),
        ]
        begun = time.monotonic()
        process = subprocess.Popen(on(0, command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        said = process.stderr.read().decode()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        own = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(said)
        with urllib.request.urlopen(url.removesuffix("/v1") + "/occupancy") as answer:
            told: dict[str, Any] = json.load(answer)
    requests, cpu = sum(told["requests"].values()), used.ru_utime + used.ru_stime
    return Outcome(
        busy=told["steady"],
        ideal=told["rate"] / (SLOTS / mean),
        ms_per_request=1000 * cpu / requests,
        ms_per_record=1000 * cpu / records,
        peak_mb=used.ru_maxrss / 1024,
        wall_s=wall,
        first_s=told["first"] - begun,
        requests_per_record=requests / records,
        server_ms=1000 * told["cpu_s"] / requests,
        rate=told["rate"],
        leading_ms=1000 * sum(map(int, own)) / os.sysconf("SC_CLK_TCK") / requests,
    )


@contextmanager
def serving(mean: float, sigma: float, on: Callable[[int, list[str]], list[str]]) -> Iterator[str]:
    """The fake server as a process of its own; its base URL."""
    middle = mean * math.exp(-(sigma**2) / 2)
    shape = ["--latency", str(middle), "--spread", str(sigma), "--slots", str(SLOTS), "--leniency", "10"]
    command = [sys.executable, "-m", "gra.testing.fake_server", "--models", ",".join(NAMES), *shape]
    with subprocess.Popen(on(1, command), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def pinned(core: int, command: list[str]) -> list[str]:
    """The command on one core, as long as there are as many."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core % len(cores)]), *command]


def write_config(folder: Path, url: str, records: int, processes: int) -> Path:
    """A pool of three models, one of which judges what another writes; seeds that need no annotation but keywords."""
    draw = random.Random(0)
    words = Path(__file__).read_text("utf-8").split()
    seeds = [
        {"instruction": f"Write number {n} about {' '.join(draw.choices(words, k=20))}", "output": " ".join(words[:60])}
        for n in range(SEEDS)
    ]
    (folder / "seeds.json").write_text(json.dumps(seeds))
    config = {
        "seeds": {"path": str(folder / "seeds.json")},
        "target": records,
        "review": "one",
        "adjudication": "none",
        "reading": "written",
        "gate": {"type": "paper", "tau": 1},
        "models": [{"name": n, "base_url": url, "model": n, "concurrency": SLOTS} for n in NAMES],
        "embeddings": {"base_url": url, "model": NAMES[0], "concurrency": SLOTS},
        "engine": {"concurrency": IN_PROGRESS, "processes": processes},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


if __name__ == "__main__":
    main()
