"""Embedded servers of one machine take turns on its cores, each with all of them while it is its turn.

llama.cpp's threads wait for each other spinning, so servers that compute at the same time with more threads than
there are cores slow each other down many times over; with one thread each they leave cores idle whenever fewer
servers than cores are busy. Here a server that is not on turn is stopped by signal (its connections wait in the
kernel) and goes on a moment later. It knows processes and who is busy; nothing of requests. Linux only: elsewhere a
stopped child would outlive a killed parent.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

QUANTUM_S = 0.3
"""Length of a turn: long against the cost of a switch, short against a request."""
TICK_S = 0.02
"""How soon a turn that is not used any more is given to the next."""


@dataclass(frozen=True, slots=True)
class Player:
    """One server."""

    pid: Callable[[], int | None]
    """Of its process now, None while there is none."""
    busy: Callable[[], bool]
    """True while it has requests to work on."""


@asynccontextmanager
async def taking_turns(players: Sequence[Player], at_once: int) -> AsyncIterator[None]:
    """While inside, at most `at_once` busy players run at any moment. Nothing happens where turns are not possible."""
    if sys.platform != "linux" or len(players) <= at_once:
        yield
        return
    task = asyncio.create_task(_rotate(list(players), at_once))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _rotate(queue: list[Player], at_once: int) -> None:
    clock = asyncio.get_running_loop().time
    on_turn: list[Player] = []
    over = clock()
    try:
        while True:
            if clock() >= over or len(on_turn) < at_once or not all(player.busy() for player in on_turn):
                chosen = [player for player in queue if player.busy()][:at_once]
                if chosen:
                    on_turn, over = chosen, clock() + QUANTUM_S
                    _hand_over(queue, on_turn)
            await asyncio.sleep(TICK_S)
    finally:  # however this ends, nobody is left waiting for ever
        for player in queue:
            _signal(player, signal.SIGCONT)


def _hand_over(queue: list[Player], on_turn: list[Player]) -> None:
    """Stop the others, the idle too: one that got a request in mid-turn would compute against those on turn."""
    for player in on_turn:
        queue.remove(player)
        queue.append(player)
    for player in queue:
        if player not in on_turn:
            _signal(player, signal.SIGSTOP)
    for player in on_turn:
        _signal(player, signal.SIGCONT)


def _signal(player: Player, number: signal.Signals) -> None:
    pid = player.pid()
    if pid is not None:
        with suppress(OSError):  # gone, or not ours any more
            os.kill(pid, number)
