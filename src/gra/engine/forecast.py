"""How much more a run will take, judged by what it has taken so far. Decides nothing.

Two things are taken to stay as they are: the share of candidates that pass (with its interval, over all domains
together) and what a candidate costs (its mean). What passes and turns out to be a duplicate is learned when a round
closes; what is begun ahead and not needed is in the cost.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from gra.engine.desk import Spending
from gra.events import Event, Forecast, Listener, SampleEnded, Span
from gra.records import Status
from gra.synthesis.figures import wilson


@dataclass
class Outlook:
    """Stands between a round and those who listen; after each candidate it tells them what is still to come."""

    listen: Listener
    spending: Spending
    missing: int
    """Samples that the run lacked when the round began."""
    passed: int = 0
    """Candidates of the run that had passed before, and"""
    ended: int = 0
    """that had ended."""
    begun: float = field(default_factory=time.monotonic)
    _fresh: int = 0

    def __post_init__(self) -> None:
        self._tokens, self._money, self._wh = self.spending.tokens, self.spending.money, self.spending.energy.wh

    def __call__(self, event: Event) -> None:
        """Pass an event on, and after the end of a candidate say what will follow."""
        self.listen(event)
        if isinstance(event, SampleEnded):
            self._fresh += 1
            self.ended += 1
            if event.status == Status.PASSED:
                self.passed += 1
                self.missing = max(0, self.missing - 1)
            self.listen(self._now())

    def _now(self) -> Forecast:
        candidates = still_to_come(self.missing, self.passed, self.ended)
        minutes = (time.monotonic() - self.begun) / 60
        spent = self.spending.tokens - self._tokens, self.spending.money - self._money, minutes
        tokens, money, time_left = (candidates.times(amount / self._fresh) for amount in spent)
        taken = self.spending.energy.wh - self._wh
        energy = candidates.times(taken / self._fresh) if taken else None
        kind = self.spending.energy.consumed.kind if taken else ""
        currency = self.spending.currency
        return Forecast(candidates, tokens, time_left, money if spent[1] else None, currency, energy, kind)


def still_to_come(missing: int, passed: int, ended: int) -> Span:
    """Candidates that it takes to accept `missing` more, where `passed` of `ended` have passed so far.

    The high end is infinite as long as none has.
    """
    low, centre, high = wilson(passed, ended)
    if not missing:
        return Span(0.0, 0.0, 0.0)
    return Span(missing / high, missing / centre, missing / low if low else math.inf)
