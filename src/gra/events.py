"""What a run tells those who watch it. The engine emits; displays subscribe; neither knows the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase of the run begins: `models`, `seeds`, `exam`, `round`."""

    phase: str
    detail: str = ""
    total: int = 0
    """Steps the phase has, 0 if unknown. For a round: accepted samples asked for."""


@dataclass(frozen=True, slots=True)
class PhaseAdvanced:
    """One more step of the current phase is done."""

    done: int


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A call has its answer."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    replayed: bool
    """True if the ledger knew the answer."""


@dataclass(frozen=True, slots=True)
class SampleEnded:
    """A candidate reached its end, or, where `status` is `passed`, the end of its review."""

    id: str
    round: int
    status: str
    reason: str
    score: float


@dataclass(frozen=True, slots=True)
class RoundClosed:
    """A round's accepted samples have joined the pool."""

    round: int
    accepted: int
    target: int
    candidates: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know: a server restarted, a reviewer that cannot tell, a slow endpoint."""

    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A number that is not known yet: what is likely, and between which bounds it is 19 times out of 20."""

    low: float
    likely: float
    high: float
    """Infinite if there is no bound."""

    def times(self, factor: float) -> Span:
        """So many times as much."""
        return Span(self.low * factor, self.likely * factor, self.high * factor if factor else 0.0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the run will still take, as far as it can be told from what it has taken."""

    candidates: Span
    tokens: Span
    minutes: Span
    money: Span | None
    """In `currency`; None if nothing has a price."""
    currency: str
    energy: Span | None = None
    """In watt-hours; None if nothing was measured or estimated."""
    energy_kind: str = ""
    """What they are reckoned from: `measured`, `estimated`, or both together."""


Event = PhaseStarted | PhaseAdvanced | CallAnswered | SampleEnded | RoundClosed | Forecast | Notice
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A listener for those who do not watch."""
