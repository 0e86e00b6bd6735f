"""The slots of an embedded server, each with a prompt cache of its own: who works on which.

llama.cpp gives a request to the slot whose last prompt begins most like it. Matters of one prompt all begin alike, so
it gives a new matter the slot of one that is half asked, which then finds its material nowhere. Here whoever asks
several questions about one matter keeps a slot for all of them, and everything else is kept out of it. Only for
servers that nobody else asks. It knows nothing of requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """The slots of one server, numbered from 0. Half of them at most are kept for matters at one time."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"a server has at least one slot, not {count}")
        self._free = asyncio.Semaphore(count)
        self._lanes = asyncio.Semaphore(max(1, count // 2))
        self._idle: list[tuple[int, str]] = [(number, "") for number in range(count)]
        """Number and last prompt of each slot that nobody has, the one that has been idle longest first."""

    @asynccontextmanager
    async def one(self, prompt: str) -> AsyncIterator[int]:
        """Wait for a slot and have it to oneself, if possible one that was last asked in the words of this prompt."""
        async with self._free:
            chosen = next((slot for slot in self._idle if slot[1] == prompt), self._idle[0])
            self._idle.remove(chosen)
            try:
                yield chosen[0]
            finally:
                self._idle.append((chosen[0], prompt))

    @asynccontextmanager
    async def lane(self, prompt: str) -> AsyncIterator[int]:
        """The same for all questions about one matter."""
        async with self._lanes, self.one(prompt) as number:
            yield number
