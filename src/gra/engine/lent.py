"""What a process that makes samples has of the run's: each stands for something that is in the process that leads.

There is one of everything that bounds, counts or writes, whoever uses it: the limit and the circuit of a server, its
lanes and slots, the budget, the hand that writes, and code of the user's own that answers for a model.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gra.calls import CallId, Reply, Request
from gra.engine.channel import Channel
from gra.engine.desk import BudgetSpent
from gra.errors import Refused
from gra.llm import Condition, Place
from gra.llm.retry import Fault
from gra.llm.scoring import Scoring
from gra.llm.wire import Format, SchemaField
from gra.store.rows import Answer, call_row, now
from gra.store.run_dir import RunDir


@dataclass(frozen=True, slots=True)
class Met:
    """One model as the process that leads has found it."""

    url: str
    served: str | None
    """Its name on the server."""
    schema_field: SchemaField | None
    top_logprobs: int
    format: Format
    has_slots: bool
    secret: str = ""
    """What a server of gra's own wants to hear. Keys of other servers are in the environment, here as there."""
    scoring: Scoring | None = None
    scoring_url: str = ""
    """Of a server of gra's own that has another address for it."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a process needs to know before it can make samples; all else is in the run's folder."""

    config: str
    """As JSON."""
    run: Path
    others: tuple[Path, ...]
    """Runs whose answers count too."""
    identities: Mapping[str, str]
    models: Mapping[str, Met]
    """Those that are not here are answered for by the process that leads."""
    spent: str
    """Why nothing more may be asked; empty if it may."""


class LentServer:
    """An `Access` to the server of a model."""

    def __init__(self, channel: Channel, model: str) -> None:
        self._channel = channel
        self._model = model

    @asynccontextmanager
    async def place(self, urgency: int = 0) -> AsyncIterator[Place]:
        """Wait for a place among all processes, and hold it."""
        async with self._channel.hold("place", self._model, urgency) as place:
            yield place

    def answered(self, generation: int) -> None:
        """A request has its answer."""
        self._channel.tell("answered", self._model, generation)

    def greeted(self) -> None:
        """A greeting has its answer."""
        self._channel.tell("greeted", self._model)

    def retried(self) -> None:
        """A try is going to follow on a failed one."""
        self._channel.tell("retried", self._model)

    async def report(self, fault: Fault, generation: int) -> Condition:
        """A try met a fault; how the server fares after it."""
        condition: Condition = await self._channel.call("report", self._model, fault, generation)
        return condition

    async def to_blame(self) -> bool:
        """Whether so many requests in a row have failed for good that it must be the server."""
        blamed: bool = await self._channel.call("to_blame", self._model)
        return blamed

    async def revive(self, answered: int) -> str:
        """Make sure that a server of gra's own runs; its base URL."""
        url: str = await self._channel.call("revive", self._model, answered)
        return url


class LentScorer(LentServer):
    """The same server, at the address where it says how probable a reply is."""

    async def revive(self, answered: int) -> str:
        """Make sure that it runs; its base URL there."""
        url: str = await self._channel.call("revive_scoring", self._model, answered)
        return url


class LentSlots:
    """The lanes of a model, and the slots of its server, if it has any to pin."""

    def __init__(self, channel: Channel, model: str) -> None:
        self._channel = channel
        self._model = model

    def one(self, prompt: str) -> AbstractAsyncContextManager[int]:
        """Wait for a slot and have it to oneself."""
        return self._channel.hold("slot", self._model, prompt)

    def lane(self, prompt: str) -> AbstractAsyncContextManager[int | None]:
        """Wait for a lane, and keep it for all questions about one matter."""
        return self._channel.hold("lane", self._model, prompt)


class LentModel:
    """A model that the user's own code answers for, or the sandbox, in the process that leads."""

    def __init__(self, channel: Channel, model: str) -> None:
        self._channel = channel
        self._model = model
        self.url = f"the backend of `{model}`"

    async def complete(self, request: Request, *, urgency: int = 0) -> Reply:
        """Its answer."""
        reply: Reply = await self._channel.call("complete", self._model, request, urgency)
        return reply

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """Its vectors."""
        vectors: list[list[float]] = await self._channel.call("embed", self._model, texts)
        return vectors


class LentPurse:
    """The run's budget: what is used is told, and that it is spent is heard. One that is beside it is never spent."""

    def __init__(self, channel: Channel, beside: bool = False, spent: str = "") -> None:
        self._channel = channel
        self._beside = beside
        self.spent = spent

    def check(self) -> None:
        """Raise a `BudgetSpent` if nothing more may be asked."""
        if self.spent:
            raise BudgetSpent(self.spent)

    def count(self, model: str, answer: Reply | Refused) -> None:
        """Add one call of a model."""
        usage = None if isinstance(answer, Refused) else answer.usage
        self._channel.tell("count", model, usage, self._beside)


class LentHand:
    """What writes for the ledger. Rows are made here, so that the one process that writes has less to do."""

    def __init__(self, channel: Channel, run: RunDir) -> None:
        self.run = run
        self._channel = channel

    async def commit_call(self, call: CallId, digest: str, request: Request, answer: Answer) -> Answer:
        """Store what a server said, and return what counts when it is on disk."""
        known: Reply | None = await self._channel.call("commit", call_row(call, digest, request, answer, now()))
        return known or answer

    async def put_vectors(self, model: str, vectors: Mapping[str, ArrayLike]) -> None:
        """Store embeddings."""
        found: dict[str, Any] = {digest: np.asarray(vector, dtype="<f4") for digest, vector in vectors.items()}
        await self._channel.call("vectors", model, found)
