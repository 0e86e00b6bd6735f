"""A run that is killed again and again ends with the dataset of one left alone, and repeats no answered call."""

import asyncio
import random
import signal
import sys
from pathlib import Path

from fake_pool import fake_models, make_config

from gra.engine.run import synthesise
from gra.records import Sample, Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_server import FakeServer

KILLS = 20
IN_FLIGHT = 200
"""Bound of what can be under way: every exam question of every model at once, in the worst moment."""
PROBES = ("Hello! How are you?", "Is water wet? Answer Yes or No.")
RUN = """
import asyncio, sys
from pathlib import Path
from gra.config.load import load_config
from gra.engine.run import synthesise
asyncio.run(synthesise(load_config(Path(sys.argv[1])), Path(sys.argv[2])))
"""


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


async def test_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    draw = random.Random(20)
    async with FakeServer(fake_models(), latency_s=0.002) as calm:
        config = make_config(tmp_path, calm.base_url, target=12)
        await synthesise(config, tmp_path / "undisturbed")
        calls = asked(calm)
    async with FakeServer(fake_models(), latency_s=0.004) as server:
        make_config(tmp_path, server.base_url, target=12, engine={"concurrency": 8})
        losses: list[int] = []
        before = 0
        while True:
            moment = sum(server.requests.values()) + draw.randint(1, calls // (KILLS // 2))
            child = await start(tmp_path)
            while child.returncode is None and (len(losses) >= KILLS or sum(server.requests.values()) < moment):
                await asyncio.sleep(0.002)
            if child.returncode is None:
                child.send_signal(signal.SIGKILL)
                await child.wait()
            lost = asked(server) - committed(tmp_path / "run")
            losses.append(lost - before)
            before = lost
            if child.returncode != -signal.SIGKILL:
                break
        assert child.stderr is not None
        assert child.returncode == 0, (await child.stderr.read()).decode()
    assert len(losses) > KILLS // 2, "the run was killed often enough to mean something"
    assert dataset(tmp_path / "run") == dataset(tmp_path / "undisturbed")
    assert verify(open_run(tmp_path / "run")) == []
    # A full round calls off what has run ahead of it; but for that, an attempt asks only what it commits.
    assert losses[-1] <= 2 * 8, "nothing that was answered before is asked again"
    assert max(losses) <= IN_FLIGHT, "each kill loses no more than what was under way"
