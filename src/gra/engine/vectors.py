"""Embeddings that stay what they were: computed once, stored, and read back for ever after.

A server's floats differ a little with what else it computes; a de-duplication that is decided again after a crash
must see the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from itertools import islice

import numpy as np

from gra.calls import CallId
from gra.errors import StoreError
from gra.llm import Model
from gra.postprocess.dedup import Known
from gra.postprocess.matrix import Matrix, Vectors
from gra.records import Entry
from gra.store.ledger import Ledger, embedded, text_digest

PAGE = 1024
"""Entries of the pool that are embedded, or looked up, at once."""


class Embedder:
    """Unit vectors of instructions."""

    def __init__(self, ledger: Ledger, endpoint: Model, identity: str) -> None:
        self._ledger = ledger
        self._endpoint = endpoint
        self._identity = identity
        self._length = 0
        """Of every vector of the run, once one is known."""

    async def vectors(self, texts: list[str]) -> Vectors:
        """One row for each text, shape (len(texts), dimensions).

        Raises:
            EndpointError: the embedding endpoint gave up.
            StoreError: it gives vectors of another length than before; none of those are stored.
        """
        shortened = [embedded(text) for text in texts]
        digests = [text_digest(text) for text in shortened]
        found = self._ledger.find_vectors(self._identity, digests)
        missing = {d: t for d, t in zip(digests, shortened, strict=True) if d not in found}
        fresh = await self._endpoint.embed(list(missing.values()))
        self._require_one_length([*found.values(), *fresh])
        if missing:
            found |= await self._ledger.commit_vectors(self._identity, dict(zip(missing, fresh, strict=True)))
        return np.stack([_unit(found[d]) for d in digests]) if digests else np.zeros((0, 1), np.float32)

    async def of_call(self, call: CallId, texts: list[str]) -> list[list[float]]:
        """The same for somebody in the middle of a sample, as lists."""
        self._ledger.asking(call)
        found: list[list[float]] = (await self.vectors(texts)).tolist()
        return found

    def _require_one_length(self, vectors: Sequence[Sized]) -> None:
        for length in map(len, vectors):
            self._length = self._length or length
            if length != self._length:
                raise StoreError(
                    f"The embeddings at {self._endpoint.url} have {length} numbers, this run's have {self._length}: "
                    "another model is served there now. Start the server as it was, or begin a new run with another "
                    "--out."
                )

    async def known(self, entries: Iterable[Entry]) -> Known:
        """The pool as de-duplication sees it; most of its vectors lie on the run's disk."""
        ids, rows, remaining = list[str](), Matrix(self._ledger.folder), iter(entries)
        while page := list(islice(remaining, PAGE)):
            ids += (entry.id for entry in page)
            for vector in await self.vectors([entry.instruction for entry in page]):
                rows.append(vector)
        return Known(ids, rows)


def _unit(vector: Vectors) -> Vectors:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
