"""How many requests may be under way at one server, found out by trying; and who goes first when all places are taken.

As TCP does it (RFC 5681): few at first, one more with every success until something is too much (slow start), then
one more with every round of successes (additive increase), and half as many when it is too much again.

Knows nothing of requests or servers: it is told what went well and what was too much. Its only clock is the event
loop's, for pauses.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Window:
    """How many places there are now: a number from 1 to `most`, of which the whole part counts."""

    most: int
    size: float
    threshold: float
    """Below it the start is a slow one, though it doubles: every success adds a place."""

    def grow(self) -> None:
        """After a success while all places were in use."""
        self.size = min(self.most, self.size + (1.0 if self.size < self.threshold else 1.0 / self.size))

    def cut(self) -> None:
        """It was too much."""
        self.size = self.threshold = max(1.0, self.size / 2)

    def restart(self) -> None:
        """Begin with one place again, and be careful from half of what there was, or was on its way to be."""
        if self.size > 1.0:  # with one place, its number is not what was wrong
            self.threshold = max(1.0, min(self.most, max(self.size, self.threshold)) / 2)
        self.size = 1.0


class Limit:
    """From 1 to `places` places. Waiters with more `urgency` go first, equal ones in the order they came.

    What comes back from a place that was taken before the last cut says nothing of the places that there are now. So
    whoever reports gives the generation in which the place was taken; each cut begins another.

    Args:
        places: The most that there will ever be.
        first: How many there are to begin with; all of them if not given.
    """

    def __init__(self, places: int, first: int | None = None) -> None:
        if places < 1:
            raise ValueError(f"a limit needs at least one place, not {places}")
        self.places = places
        self._window = Window(places, min(first or places, places), places)
        self._generation = 0
        self._taken = 0
        self._closed = False
        self._arrivals = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._pause: asyncio.TimerHandle | None = None

    @property
    def taken(self) -> int:
        """Places in use now."""
        return self._taken

    @property
    def width(self) -> int:
        """Places that there are now."""
        return int(self._window.size)

    @property
    def is_paused(self) -> bool:
        """True while nobody enters."""
        return self._pause is not None

    def is_current(self, generation: int) -> bool:
        """True for a place that was taken after the last cut."""
        return generation == self._generation

    def close(self) -> None:
        """Let nobody in any more: whoever waits, waits until it is called off. Those inside may stay."""
        self._closed = True

    @asynccontextmanager
    async def place(self, urgency: int = 0) -> AsyncIterator[int]:
        """Wait for a place and hold it; gives its generation."""
        await self._enter(urgency)
        try:
            yield self._generation
        finally:
            self._leave()

    def widen(self, generation: int) -> None:
        """It went well: more places, if those that there are were needed."""
        if self.is_current(generation) and self._taken >= self.width:
            self._window.grow()
            self._admit()

    def narrow(self, generation: int) -> bool:
        """It was too much: half the places. True if this is news."""
        if not self.is_current(generation):
            return False
        self._generation += 1
        self._window.cut()
        return True

    def pause(self, generation: int, seconds: float) -> float:
        """Nobody enters for some seconds, then one, and more as that goes well: no herd. Returns seconds it adds."""
        loop = asyncio.get_running_loop()
        if self.is_current(generation) or not self.is_paused:
            self._generation += 1
            self._window.restart()
        before = self._pause.when() if self._pause else loop.time()
        added = loop.time() + seconds - before
        if added <= 0:
            return 0.0
        if self._pause:
            self._pause.cancel()
        self._pause = loop.call_later(seconds, self._resume)
        return added

    def _resume(self) -> None:
        self._pause = None
        self._admit()

    async def _enter(self, urgency: int) -> None:
        if self._is_free() and not self._waiting:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-urgency, next(self._arrivals), turn))
        try:
            await turn  # whoever sets it has taken the place for us
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # the place came just as we were cancelled: pass it on
            raise

    def _leave(self) -> None:
        self._taken -= 1
        self._admit()

    def _is_free(self) -> bool:
        return not self._closed and self._pause is None and self._taken < self.width

    def _admit(self) -> None:
        while self._waiting and self._is_free():
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
