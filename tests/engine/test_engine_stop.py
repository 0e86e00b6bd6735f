"""A run that is told to stop asks nothing new, waits for what is under way, and repeats nothing when it goes on."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config
from test_engine_crash import PROBES, asked, committed, dataset

from gra.engine.run import Ending, synthesise
from gra.llm.limits import Limit
from gra.testing.fake_server import FakeServer
from gra.together import called_off_gently


async def stopped(server: FakeServer, folder: Path, after: int, **engine: Any) -> None:
    """A run that is called off when the server has had so many requests, and has ended."""
    config = make_config(folder, server.base_url, target=12, engine={"concurrency": 8, **engine})
    run = asyncio.create_task(synthesise(config, folder / "run"))
    while sum(server.requests.values()) < after:
        await asyncio.sleep(0.002)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 120)


async def went_on(server: FakeServer, folder: Path) -> Ending:
    config = make_config(folder, server.base_url, target=12, engine={"concurrency": 8})
    return await asyncio.wait_for(synthesise(config, folder / "run"), 120)


def repeated(server: FakeServer) -> list[str]:
    texts = [json.dumps(b) for b in server.bodies if "messages" in b and b["messages"][0]["content"] not in PROBES]
    return [text for text, n in Counter(texts).items() if n > 1]


@pytest.mark.parametrize("moment", [40, 250, 600], ids=["seeds", "exam", "round"])
async def test_what_is_under_way_is_answered_and_stored(tmp_path: Path, moment: int) -> None:
    async with FakeServer(fake_models(), latency_s=0.03) as server:
        await stopped(server, tmp_path, moment, finish_s=100)  # on a busy machine 20 seconds may pass without any work
        assert server.peak > 1 and not server.in_flight
        assert committed(tmp_path / "run") == asked(server) > 0, "all that was asked"
        assert (await went_on(server, tmp_path)).complete
        assert not repeated(server)
        await synthesise(make_config(tmp_path, server.base_url, target=12), tmp_path / "calm")
    assert dataset(tmp_path / "run") == dataset(tmp_path / "calm")


async def test_nobody_waits_for_ever(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        server.next_faults.extend([*["ok"] * 400, *["stall"] * 1000])
        await stopped(server, tmp_path, 405, finish_s=0.1)
        server.next_faults.clear()
        assert (await went_on(server, tmp_path)).complete
        assert 0 < len(repeated(server)) <= server.peak, "no more than what was under way"


async def test_a_closed_limit_lets_nobody_in() -> None:
    limit = Limit(1)
    entered: list[int] = []

    async def enter(number: int) -> None:
        async with limit.place():
            entered.append(number)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(enter(0)), asyncio.create_task(enter(1))]
    await asyncio.sleep(0)
    limit.close()
    tasks.append(asyncio.create_task(enter(2)))
    await tasks[0]
    await asyncio.sleep(0.03)
    assert (entered, limit.taken) == ([0], 0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert limit.taken == 0


async def test_work_is_called_off_after_the_last_wish_and_a_second_call_does_not_wait() -> None:
    told: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            told.append("ended")

    async def finish() -> None:
        told.append("finish")
        await asyncio.sleep(60 if len(told) > 2 else 0)
        told.append("finished")

    for last in (["finish", "finished", "ended"], ["finish", "ended"]):
        run = asyncio.create_task(called_off_gently(work(), finish))
        await asyncio.sleep(0.01)
        run.cancel()
        await asyncio.sleep(0.01)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert told[-len(last) :] == last


async def test_gentle_work_gives_its_result_or_its_error() -> None:
    async def one() -> int:
        return 1

    async def none() -> int:
        raise KeyError("none")

    async def finish() -> None:
        raise AssertionError("nobody called it off")

    assert await called_off_gently(one(), finish) == 1
    with pytest.raises(KeyError):
        await called_off_gently(none(), finish)
