"""A model that the user's own code answers for, or reaches in a way of its own.

It takes a place at its limit like any other model. Whether a fault is worth another try only that code knows: nothing
is repeated here. Knows neither configuration files nor the ledger.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from gra.calls import SCORED, Reply, Request, Usage
from gra.errors import ConfigError, EndpointError, GraError, OutOfService, Refused
from gra.llm.client import Abilities
from gra.llm.server import Server

T = TypeVar("T")


class Backend(Protocol):
    """What answers for a model of the pool. Safe to call from any number of tasks of one event loop.

    One that can give the probabilities of one-token answers has `label_probabilities = True`; its replies to requests
    with `labels` then hold them. One that can tell how probable a given reply is has `prompt_logprobs = True`; its
    replies to requests with `scored` hold that as the label `gra.calls.SCORED`.
    """

    async def complete(self, request: Request) -> Reply:
        """The answer.

        Raises:
            Refused: it will not answer this request; the sample fails, others go on.
            EndpointError: it gave up; the sample is owed. Any other exception counts as this one.
        """
        ...


class EmbeddingBackend(Protocol):
    """What answers for the embedding model."""

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text, in order, all of one length; the same text always has the same vector."""
        ...


class BackedModel:
    """A model of the user's own code, used like an `Endpoint`."""

    def __init__(self, name: str, backend: Any, use: str, server: Server) -> None:
        self.name = name
        self.url = f"the backend `{use}`"
        self.server = server
        self._backend = backend

    @property
    def abilities(self) -> Abilities:
        """What the code says that it can do."""
        able = bool(getattr(self._backend, "label_probabilities", False))
        scores = bool(getattr(self._backend, "prompt_logprobs", False))
        return Abilities(self.name, json_schema=False, label_probabilities=able, context=None, prompt_logprobs=scores)

    async def complete(self, request: Request, *, urgency: int = 0) -> Reply:
        """Its answer.

        Raises:
            Refused: it will not answer this request.
            OutOfService: it failed too often in a row.
            EndpointError: it failed, or what it gave is no answer.
        """
        return await self._called("complete", request, partial(_checked_reply, request), urgency)

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors, one per text, in order.

        Raises:
            OutOfService, EndpointError: as for `complete`.
        """
        if not texts:
            return []
        return await self._called("embed", texts, partial(_checked_vectors, texts))

    async def _called(self, method: str, given: object, check: Callable[[Any, float], T], urgency: int = 0) -> T:
        try:
            async with self.server.limit.place(urgency) as generation:
                started = time.monotonic()  # how long it waited for its place is not the backend's doing
                answer = check(await getattr(self._backend, method)(given), time.monotonic() - started)
        except (OutOfService, ConfigError):
            raise
        except Refused:
            self.server.answered(generation)
            raise
        except (Exception, asyncio.CancelledError) as error:  # anything can go wrong in somebody's own code
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise  # it is we who are called off, not something within that code
            self.server.account.faults["failed code"] += 1
            kind = OutOfService if self.server.gave_up() else EndpointError
            said = str(error) if isinstance(error, GraError) else f"{type(error).__name__}: {error}"
            said = " ".join(said.split())[:300].rstrip(".")
            raise kind(f"Model `{self.name}`: {self.url} failed: {said}. Mend its code.") from error
        self.server.answered(generation)
        return answer


def _checked_reply(request: Request, reply: object, seconds: float) -> Reply:
    if not isinstance(reply, Reply) or not isinstance(reply.text, str):
        raise TypeError(f"it gave no `Reply` but a {type(reply).__name__}")
    if not isinstance(reply.usage, Usage):
        raise TypeError(f"its `usage` is a {type(reply.usage).__name__}")
    wanted = (*request.labels, *((SCORED,) if request.scored else ()))
    shares = [reply.labels.get(label) for label in wanted]
    if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares):
        raise TypeError("it gave no probability for each of the `labels`, from 0 to 1")
    return replace(reply, seconds=reply.seconds or seconds)


def _checked_vectors(texts: Sequence[str], vectors: Any, _: float) -> list[list[float]]:
    if len(vectors) != len(texts):
        raise ValueError(f"it gave {len(vectors)} vectors for {len(texts)} texts")
    return [_unit(vector) for vector in vectors]


def _unit(vector: Sequence[float]) -> list[float]:
    numbers = [float(v) for v in vector]
    norm = math.hypot(*numbers)
    if not numbers or not math.isfinite(norm) or norm == 0.0:
        raise ValueError("a vector has no direction")
    return [v / norm for v in numbers]
