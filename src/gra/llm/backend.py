"""A model that the user's own code answers for, or reaches in a way of its own.

It takes a place at its limit like any other model. Whether a fault is worth another try only that code knows: nothing
is repeated here. Knows neither configuration files nor the ledger.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from gra.calls import Reply, Request
from gra.errors import EndpointError, GraError
from gra.llm.client import Abilities
from gra.llm.limits import Limit


class Backend(Protocol):
    """What answers for a model of the pool. Safe to call from any number of tasks of one event loop.

    One that can give the probabilities of one-token answers has `label_probabilities = True`; its replies to requests
    with `labels` then hold them.
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

    def __init__(self, name: str, backend: Any, use: str, limit: Limit) -> None:
        self.name = name
        self.url = f"the backend `{use}`"
        self.limit = limit
        self._backend = backend

    @property
    def abilities(self) -> Abilities:
        """What the code says that it can do."""
        able = bool(getattr(self._backend, "label_probabilities", False))
        return Abilities(served=self.name, json_schema=False, label_probabilities=able, context=None)

    async def complete(self, request: Request, *, urgency: int = 0) -> Reply:
        """Its answer.

        Raises:
            EndpointError: it failed, or what it gave is no answer.
        """
        async with self.limit.place(urgency):
            started = time.monotonic()
            reply = await self._called("complete", request)
        if not isinstance(reply, Reply) or not isinstance(reply.text, str):
            raise EndpointError(f"Model `{self.name}`: {self.url} gave no `Reply` but a {type(reply).__name__}.")
        if request.labels and not set(request.labels) <= set(reply.labels):
            raise EndpointError(f"Model `{self.name}`: {self.url} gave no probability for each of the `labels`.")
        return replace(reply, seconds=reply.seconds or time.monotonic() - started)

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors, one per text, in order.

        Raises:
            EndpointError: it failed, or what it gave are no vectors.
        """
        if not texts:
            return []
        async with self.limit.place():
            vectors = await self._called("embed", texts)
        try:
            if len(vectors) != len(texts):
                raise ValueError(f"{len(vectors)} vectors for {len(texts)} texts")
            return [_unit(vector) for vector in vectors]
        except (TypeError, ValueError) as error:
            raise EndpointError(f"Model `{self.name}`: {self.url} gave no embeddings ({error}).") from None

    async def _called(self, method: str, given: object) -> Any:
        try:
            return await getattr(self._backend, method)(given)
        except GraError:
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raise EndpointError(f"Model `{self.name}`: {self.url} failed: {said}. Mend its code.") from error


def _unit(vector: Sequence[float]) -> list[float]:
    numbers = [float(v) for v in vector]
    norm = math.hypot(*numbers)
    if not numbers or not math.isfinite(norm) or norm == 0.0:
        raise ValueError("a vector has no direction")
    return [v / norm for v in numbers]
