"""One server as all its models know it: how many requests it takes, whether it answers, and what has happened there.

Endpoints of one server share one `Server`, those in other processes too, by way of an `Access` of theirs. It sends
nothing; which faults mean what is decided in `retry`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from gra.events import Listener, Notice, ignore
from gra.llm.circuit import Circuit
from gra.llm.limits import Limit
from gra.llm.retry import Fault, is_overload, is_refusal, is_silence, pause_s


@dataclass(frozen=True, slots=True)
class Condition:
    """How a server fares at a moment."""

    heard: int
    """Answers so far, those to greetings included."""
    silent: bool
    """It is taken for dead."""
    lost: bool
    """It has been silent for longer than anybody waits."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place at a server, while it is held."""

    generation: int
    """See `limits.Limit`."""
    heard: int
    """Answers that the server had given when the place was taken."""


class Access(Protocol):
    """A server, as an endpoint needs it. Every call of a place's holder comes before the place is given back."""

    def place(self, urgency: int = 0) -> AbstractAsyncContextManager[Place]:
        """Wait for a place and hold it."""
        ...

    def answered(self, generation: int) -> None:
        """A request that took its place in this generation of the limit has its answer."""
        ...

    def greeted(self) -> None:
        """A greeting has its answer."""
        ...

    async def report(self, fault: Fault, generation: int) -> Condition:
        """A try met a fault; how the server fares after it."""
        ...

    def retried(self) -> None:
        """A try is going to follow on a failed one."""
        ...

    async def to_blame(self) -> bool:
        """A request has failed for good. True if it is one of so many in a row that the server must be to blame."""
        ...


@dataclass
class Account:
    """What has happened at a server."""

    answered: int = 0
    """Requests, those for abilities and embeddings and those that were refused included."""
    faults: Counter[str] = field(default_factory=Counter)
    """Tries that failed, by what was wrong."""
    retries: int = 0
    """Tries that followed on a failed one."""
    cuts: int = 0
    """How often the number of requests at once was halved."""
    pauses: int = 0
    """How often the server was left alone, by its own wish or because it was silent."""
    paused_s: float = 0.0
    silent: int = 0
    """How often it was taken for dead."""

    def __str__(self) -> str:
        return ", ".join(f"{n} x {name}" for name, n in sorted(self.faults.items())) or "no faults"

    def plus(self, earlier: Mapping[str, Any]) -> dict[str, Any]:
        """As JSON data, together with what is known of earlier attempts."""
        faults = Counter(earlier.get("faults", {})) + self.faults
        numbers = {name: value + earlier.get(name, 0) for name, value in asdict(self).items() if name != "faults"}
        return {**numbers, "faults": dict(sorted(faults.items())), "paused_s": round(numbers["paused_s"], 3)}


class Server:
    """See the module.

    Args:
        places: The most requests under way at once.
        first: How many to begin with; `places` if not given.
        name: For people.
        patience_s: See `Circuit`.
        give_up_after: See `Circuit`.
        listen: Told when it falls silent, and when it answers again.
    """

    def __init__(
        self,
        places: int,
        first: int | None = None,
        *,
        name: str = "the server",
        patience_s: float = 0.0,
        give_up_after: int = 5,
        listen: Listener = ignore,
    ) -> None:
        self.name = name
        self.limit = Limit(places, first)
        self.account = Account()
        self.heard = 0
        """Answers so far, those to greetings included."""
        self._circuit = Circuit(patience_s, give_up_after)
        self._patience_s = patience_s
        self._listen = listen

    @asynccontextmanager
    async def place(self, urgency: int = 0) -> AsyncIterator[Place]:
        """Wait for a place and hold it."""
        async with self.limit.place(urgency) as generation:
            yield Place(generation, self.heard)

    async def report(self, fault: Fault, generation: int) -> Condition:
        """A try met a fault; how the server fares after it."""
        self.failed(fault, generation)
        return Condition(self.heard, self.is_silent, self.is_lost)

    def retried(self) -> None:
        """A try is going to follow on a failed one."""
        self.account.retries += 1

    async def to_blame(self) -> bool:
        """See `gave_up`."""
        return self.gave_up()

    def answered(self, generation: int) -> None:
        """A request that took its place in this generation of the limit has its answer."""
        self.account.answered += 1
        self.limit.widen(generation)
        self.greeted()
        self._circuit.answered()

    def greeted(self) -> None:
        """Somebody is there. That says nothing of how requests fare."""
        self.heard += 1
        self._heard()

    def failed(self, fault: Fault, generation: int) -> None:
        """A try met a fault."""
        if is_refusal(fault):  # an answer like any other, to all but the one who asked
            self.answered(generation)
            return
        self.account.faults[fault.name] += 1
        if wait := max(pause_s(fault), self._silence_s(fault, generation)):
            self.account.pauses += not self.limit.is_paused
            self.account.paused_s += self.limit.pause(generation, wait)
        elif is_overload(fault):
            self.account.cuts += self.limit.narrow(generation)

    @property
    def is_silent(self) -> bool:
        """True while it is taken for dead."""
        return self._circuit.is_open

    @property
    def is_lost(self) -> bool:
        """True when it has been silent for longer than anybody waits."""
        return self._circuit.is_lost(asyncio.get_running_loop().time())

    def gave_up(self) -> bool:
        """A request has failed for good. True if it is one of so many in a row that the server must be to blame."""
        return self._circuit.spent()

    def _silence_s(self, fault: Fault, generation: int) -> float:
        """Seconds to leave the server alone because it is silent."""
        if not is_silence(fault):
            self._heard()
            return 0.0
        known = self._circuit.is_open
        self._circuit.silence(asyncio.get_running_loop().time())
        if not self._circuit.is_open or (known and not self.limit.is_current(generation)):
            return 0.0  # what was sent before it was taken for dead says nothing new
        if not known:
            self.account.silent += 1
            self._listen(
                Notice(
                    f"{self.name} is silent ({fault.name}): what needs it waits while one request after another is "
                    f"tried, for {self._patience_s:g} s at most; all else goes on"
                )
            )
        return self._circuit.rest_s()

    def _heard(self) -> None:
        if self._circuit.is_open:
            self._listen(Notice(f"{self.name} answers again"))
        self._circuit.heard()
