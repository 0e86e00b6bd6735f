"""A run that is killed again and again ends with the dataset of one left alone, and repeats no answered call."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from fake_pool import fake_models, make_config

from gra.engine.models import API_CONCURRENCY
from gra.engine.run import synthesise
from gra.records import Sample, Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_server import FakeServer

KILLS = 100
IN_FLIGHT = 2 * API_CONCURRENCY
"""Bound of what a kill can lose: requests at the server, and as many answers on their way to the disk."""
SMALL: dict[str, Any] = {"target": 16, "gate": {"type": "paper", "tau": 5.0}, "engine": {"concurrency": 8}}
PROBES = ("Hello! How are you?", "Is water wet? Answer Yes or No.")
RUN = """
import asyncio, sys
from pathlib import Path
from gra.config.load import load_config
from gra.engine.run import synthesise
asyncio.run(synthesise(load_config(Path(sys.argv[1])), Path(sys.argv[2])))
"""
ATTEMPTS = """
import os, sys, traceback
from pathlib import Path
from gra.config.load import load_config
from gra.engine.run import synthesise
import asyncio, numpy, sqlite3
for line in sys.stdin:  # a process for every attempt, without a start of the interpreter for each
    child = os.fork()
    if not child:
        try:
            asyncio.run(synthesise(load_config(Path(sys.argv[1])), Path(sys.argv[2])))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Attempts:
    """Processes that work on the run in a folder, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._arguments = (sys.executable, "-c", ATTEMPTS, str(folder / "config.yaml"), str(folder / "run"))

    async def __aenter__(self) -> "Attempts":
        pipe = asyncio.subprocess.PIPE
        self._parent = await asyncio.create_subprocess_exec(*self._arguments, stdin=pipe, stdout=pipe)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._parent.stdin
        self._parent.stdin.close()
        await self._parent.wait()

    async def begin(self) -> tuple[int, "asyncio.Task[int]"]:
        """The next one's process id, and its exit code when it has ended."""
        assert self._parent.stdin
        self._parent.stdin.write(b"go\n")
        return await self._number(), asyncio.create_task(self._number())

    async def _number(self) -> int:
        assert self._parent.stdout
        return int(await self._parent.stdout.readline())


def dataset(folder: Path) -> list[Sample]:
    with Reader(open_run(folder)) as reader:
        return list(reader.iter_samples(status=Status.ACCEPTED))


def committed(folder: Path) -> int:
    if not (folder / "run.json").exists():
        return 0
    with Reader(open_run(folder)) as reader:
        return reader.totals().all.calls


def asked(server: FakeServer) -> int:
    """Requests that belong to the run: neither probes nor embeddings."""
    texts = [b["messages"][0]["content"] for b in server.bodies if "messages" in b]
    return sum(text not in PROBES for text in texts)


async def start(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, str(folder / "config.yaml"), str(folder / "run"), stderr=asyncio.subprocess.PIPE
    )


async def test_killed_at_a_hundred_random_moments(tmp_path: Path) -> None:
    draw = random.Random(20)
    async with FakeServer(fake_models(leniency=6.0)) as calm:
        await synthesise(make_config(tmp_path, calm.base_url, **SMALL), tmp_path / "undisturbed")
        calls = asked(calm)
        probes = sum(calm.requests.values()) - calls
    async with FakeServer(fake_models(leniency=6.0), latency_s=0.002) as server:
        make_config(tmp_path, server.base_url, **SMALL)
        losses: list[int] = []
        before, code = 0, -signal.SIGKILL
        async with Attempts(tmp_path) as attempts:
            while code == -signal.SIGKILL:
                moment = sum(server.requests.values()) + draw.randint(0, probes + calls // KILLS)
                process, end = await attempts.begin()
                while not end.done() and (len(losses) >= KILLS or sum(server.requests.values()) <= moment):
                    await asyncio.sleep(0.004)
                if not end.done():
                    os.kill(process, signal.SIGKILL)
                code = await end
                lost = asked(server) - committed(tmp_path / "run")
                losses.append(lost - before)
                before = lost
    assert code == 0
    assert len(losses) > KILLS, "the run was killed often enough to mean something"
    assert dataset(tmp_path / "run") == dataset(tmp_path / "undisturbed") != []
    assert verify(open_run(tmp_path / "run")) == []
    # A full round calls off what has run ahead of it; but for that, an attempt asks only what it commits.
    assert losses[-1] <= 2 * 8, "nothing that was answered before is asked again"
    assert max(losses) <= IN_FLIGHT, "each kill loses no more than what was under way"
