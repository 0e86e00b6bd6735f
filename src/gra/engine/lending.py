"""What the process that leads a run lends to one that makes samples: the other side of `lent`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from numpy.typing import ArrayLike

from gra.calls import Reply, Request, Usage
from gra.engine.models import OpenModels
from gra.events import Listener
from gra.llm import Condition
from gra.llm.retry import Fault
from gra.store.rows import CallRow
from gra.store.writer import Writer
from gra.synthesis.reading import Lanes


class Lender:
    """What one process may call, and what it has of what there is one of, to be given back when it ends.

    Args:
        models: with their servers.
        lanes: by model.
        writer: the one hand.
        count: adds a call to what is spent, or beside it; without tokens if it was refused.
        hear: is told what happens there.
    """

    def __init__(
        self,
        models: OpenModels,
        lanes: Mapping[str, Lanes],
        writer: Writer,
        count: Callable[[str, Usage | None, bool], None],
        hear: Listener,
    ) -> None:
        self._models = models
        self._lanes = lanes
        self._writer = writer
        self.count = count
        self.event = hear
        self._held: dict[int, AbstractAsyncContextManager[object]] = {}
        self._leaving: set[asyncio.Task[object]] = set()

    def gone(self) -> None:
        """The process has ended: what it had is free."""
        for ticket in [*self._held]:
            self.leave(ticket)

    async def enter(self, ticket: int, name: str, model: str, *given: Any) -> object:
        """A context of this process that it is in from now on: a place, a slot or a lane."""
        models, lanes = self._models, self._lanes
        enter: dict[str, Callable[[], AbstractAsyncContextManager[object]]] = {
            "place": lambda: models.servers[model].place(*given),
            "slot": lambda: models.slots[model].one(*given),
            "lane": lambda: lanes[model].lane(*given),
        }
        context: AbstractAsyncContextManager[object] = enter[name]()
        found = await context.__aenter__()
        self._held[ticket] = context
        return found

    def leave(self, ticket: int) -> None:
        """It leaves a context, if it came to be in it."""
        if (context := self._held.pop(ticket, None)) is not None:
            task = asyncio.ensure_future(context.__aexit__(None, None, None))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def answered(self, model: str, generation: int) -> None:
        """See `Server`; so with those that follow."""
        self._models.servers[model].answered(generation)

    def greeted(self, model: str) -> None:
        """A greeting."""
        self._models.servers[model].greeted()

    def retried(self, model: str) -> None:
        """A further try."""
        self._models.servers[model].retried()

    async def report(self, model: str, fault: Fault, generation: int) -> Condition:
        """A fault."""
        return await self._models.servers[model].report(fault, generation)

    async def to_blame(self, model: str) -> bool:
        """Whether the server is."""
        return await self._models.servers[model].to_blame()

    async def revive(self, model: str, answered: int) -> str:
        """A server of gra's own."""
        return await self._models.local[model].revive(answered)

    async def revive_scoring(self, model: str, answered: int) -> str:
        """The same, at its other address."""
        return await self._models.local[model].revive_scoring(answered)

    async def complete(self, model: str, request: Request, urgency: int) -> Reply:
        """Of code of the user's own."""
        return await self._models.endpoints[model].complete(request, urgency=urgency)

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        """Of code of the user's own."""
        return await self._models.endpoints[model].embed(texts)

    def commit(self, row: CallRow) -> asyncio.Future[Reply | None]:
        """A call for the ledger. It is queued at once: what has arrived is stored, even if nobody waits any more."""
        return self._writer.submit_call(row)

    async def vectors(self, model: str, vectors: Mapping[str, ArrayLike]) -> None:
        """Embeddings for the ledger."""
        await self._writer.put_vectors(model, vectors)
