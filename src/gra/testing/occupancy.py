"""How busy a server's slots were, counted by the server itself. Knows no HTTP; time is what it is told."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EDGE = 0.1
"""Share of the requests that is left out at either end, where a run begins and ends."""


class Occupancy:
    """Adds up the time that requests spend in slots: `with occupancy.slot(): ...` around each."""

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.slots = slots
        self.taken = 0
        """Slots in use now."""
        self.peak = 0
        """The most slots that were in use at once."""
        self.first = 0.0
        """When the first request took a slot, by the clock."""
        self._clock = clock
        self._busy, self._last = 0.0, 0.0
        self._ends, self._sums = array("d"), array("d")  # at each request's end: when, and the slot-seconds so far

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot while the block lasts."""
        self._move(1)
        self.peak = max(self.peak, self.taken)
        try:
            yield
        finally:
            self._move(-1)
            self._ends.append(self._last)
            self._sums.append(self._busy)

    def _move(self, by: int) -> None:
        now = self._clock()
        if not self.first:
            self.first = self._last = now
        self._busy += self.taken * (now - self._last)
        self._last = now
        self.taken += by

    @property
    def steady(self) -> float:
        """Mean share of the slots in use, in [0, 1], between the first and the last tenth of the requests to end."""
        begin, end = self._edges()
        seconds = self._ends[end] - self._ends[begin] if self._ends else 0.0
        return (self._sums[end] - self._sums[begin]) / (self.slots * seconds) if seconds else 0.0

    @property
    def rate(self) -> float:
        """Requests ended per second over the same time."""
        begin, end = self._edges()
        seconds = self._ends[end] - self._ends[begin] if self._ends else 0.0
        return (end - begin) / seconds if seconds else 0.0

    def _edges(self) -> tuple[int, int]:
        edge = int(EDGE * len(self._ends))
        return edge, len(self._ends) - 1 - edge
