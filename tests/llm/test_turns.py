"""Turns on the cores, with real processes."""

import asyncio
import sys
from pathlib import Path

import pytest

from gra.llm.turns import QUANTUM_S, Player, taking_turns

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="turns are taken on Linux only")


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


async def sleeper() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")


async def test_busy_players_run_one_at_a_time_and_each_gets_its_turn() -> None:
    children = [await sleeper() for _ in range(3)]
    busy = [True, True, False]  # the third has nothing to do
    players = [Player(lambda c=c: c.pid, lambda n=n: busy[n]) for n, c in enumerate(children)]  # type: ignore[misc]
    try:
        seen: set[frozenset[int]] = set()
        async with taking_turns(players, at_once=1):
            for _ in range(20):
                await asyncio.sleep(0.41 * QUANTUM_S)
                seen.add(frozenset(n for n in (0, 1) if state(children[n].pid) != "T"))
            assert state(children[2].pid) == "T", "what it may be asked in mid-turn has to wait"
            busy[:] = [False, False, True]
            await asyncio.sleep(0.5 * QUANTUM_S)
            assert [state(c.pid) for c in children[:2]] == ["T", "T"]
            assert state(children[2].pid) != "T", "a turn that is not used is handed on at once"
        # A look may fall between two signals; but each of the busy ones must have been seen at work alone.
        assert {frozenset({0}), frozenset({1})} <= seen
        await asyncio.sleep(0.05)
        assert all(state(c.pid) != "T" for c in children), "nobody is left stopped"
    finally:
        for child in children:
            child.kill()
            await child.wait()


async def test_a_player_that_is_gone_does_no_harm() -> None:
    child = await sleeper()
    child.kill()
    await child.wait()
    players = [Player(lambda: child.pid, lambda: True), Player(lambda: None, lambda: True)]
    async with taking_turns(players, at_once=1):
        await asyncio.sleep(2 * QUANTUM_S)
