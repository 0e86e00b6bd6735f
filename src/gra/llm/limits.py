"""How many requests may be under way at one server, and who goes first when all places are taken.

Endpoints of one server share one `Limit`. It knows nothing of requests or servers.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Limit:
    """A fixed number of places. Waiters with more `urgency` go first, equal ones in the order they came."""

    def __init__(self, places: int) -> None:
        if places < 1:
            raise ValueError(f"a limit needs at least one place, not {places}")
        self.places = places
        self._taken = 0
        self._closed = False
        self._arrivals = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def taken(self) -> int:
        """Places in use now."""
        return self._taken

    def close(self) -> None:
        """Let nobody in any more: whoever waits, waits until it is called off. Those inside may stay."""
        self._closed = True

    @asynccontextmanager
    async def place(self, urgency: int = 0) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        await self._enter(urgency)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, urgency: int) -> None:
        if self._taken < self.places and not self._waiting and not self._closed:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-urgency, next(self._arrivals), turn))
        try:
            await turn  # whoever leaves hands its place over, so `_taken` stays as it is
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # the place came just as we were cancelled: pass it on
            raise

    def _leave(self) -> None:
        while self._waiting and not self._closed:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1
