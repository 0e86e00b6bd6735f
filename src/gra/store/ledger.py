"""Answers that were given before: calls by their key, embeddings by their text. Knows no server.

Look-ups go through an index on a reading connection of their own, in the caller's thread: a few tens of
microseconds, and memory does not grow with the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gra.calls import CallId, Reply, Request
from gra.errors import Refused
from gra.store.database import connect_reader, sqlite_boundary
from gra.store.rows import Answer, find_call, find_refusal, is_known
from gra.store.run_dir import RunDir

Vector = NDArray[np.float32]
LONGEST = 1000
"""Characters that are embedded: about the 256 word-pieces that all-MiniLM-L6-v2 was trained on."""


def embedded(text: str) -> str:
    """What of a text is embedded."""
    return text[:LONGEST]


def text_digest(text: str) -> str:
    """The name under which a text's embedding is stored."""
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def vector_of(column: bytes) -> Vector:
    """An embedding, from the column that it is stored in."""
    return np.frombuffer(column, dtype="<f4")


class Hand(Protocol):
    """What writes for a ledger: the run's `Writer`, or what passes on to it from another process."""

    @property
    def run(self) -> RunDir:
        """The run."""
        ...

    async def commit_call(self, call: CallId, digest: str, request: Request, answer: Answer) -> Answer:
        """See `Writer`."""
        ...

    async def put_vectors(self, model: str, vectors: Mapping[str, ArrayLike]) -> None:
        """See `Writer`."""
        ...


class Ledger:
    """Every answer of the run: `with Ledger(writer) as ledger`, inside the writer's own `async with`.

    Args:
        writer: of the run.
        others: runs whose answers count too, where they were given to the same call. They are only read.
    """

    def __init__(self, writer: Hand, others: Sequence[RunDir] = ()) -> None:
        self._writer = writer
        self.others = tuple(others)
        self._database = writer.run.database
        with ExitStack() as opening:
            self._connection = opening.enter_context(closing(connect_reader(self._database)))
            self._others = [(o.database, opening.enter_context(closing(connect_reader(o.database)))) for o in others]
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def folder(self) -> Path:
        """The run's."""
        return self._database.parent

    def asking(self, call: CallId) -> None:
        """Hear for whom a text is about to be embedded; only a replay wants to know."""

    def find(self, call: CallId, digest: str) -> Reply | None:
        """The reply to a call, None if it was never put with this digest, or only refused.

        Raises:
            StoreError: the ledger cannot be read.
        """
        with sqlite_boundary(self._database):
            return find_call(self._connection, call, digest)

    def find_refusal(self, call: CallId, digest: str) -> Refused | None:
        """The refusal that a call got, None if none is on record."""
        with sqlite_boundary(self._database):
            return find_refusal(self._connection, call, digest)

    def knows(self, call: CallId) -> bool:
        """Whether a call of this name was answered, be it with another digest."""
        with sqlite_boundary(self._database):
            return is_known(self._connection, call)

    def find_elsewhere(self, call: CallId, digest: str) -> Reply | None:
        """The reply that another run has to this very call. It is the caller's to commit.

        Raises:
            StoreError: a ledger cannot be read.
        """
        for database, connection in self._others:
            with sqlite_boundary(database):
                if (reply := find_call(connection, call, digest)) is not None:
                    return reply
        return None

    async def commit(self, call: CallId, digest: str, request: Request, answer: Answer) -> Reply:
        """Store an answer, then give it as `find` would. Where the call has a reply already, that counts.

        Raises:
            Refused: that was the answer.
            StoreError: it could not be written; the run is over.
        """
        counts = await self._writer.commit_call(call, digest, request, answer)
        if isinstance(counts, Refused):
            raise counts
        return counts

    def find_vectors(self, model: str, digests: Iterable[str]) -> dict[str, Vector]:
        """The embeddings that are known, of these texts by this model."""
        found: dict[str, Vector] = {}
        query = "SELECT vector FROM vectors WHERE model = ? AND digest = ?"
        with sqlite_boundary(self._database):
            for digest in digests:
                row = self._connection.execute(query, (model, digest)).fetchone()
                if row is not None:
                    found[digest] = vector_of(row[0])
        return found

    async def commit_vectors(self, model: str, vectors: Mapping[str, list[float]]) -> dict[str, Vector]:
        """Store embeddings and give them as `find_vectors` would: a run that replays must see the same floats."""
        await self._writer.put_vectors(model, vectors)
        return self.find_vectors(model, vectors)


def shared_calls(run: RunDir, others: Sequence[RunDir]) -> int:
    """How many of a run's calls other runs had answered before: for one that was given their ledgers, those it took.

    Raises:
        StoreError: a ledger cannot be read.
    """
    mine = "SELECT sample, step, attempt, digest, outcome, finished_at FROM calls WHERE outcome = 'reply'"
    theirs = (
        "SELECT 1 FROM calls WHERE sample = ? AND step = ? AND attempt = ? AND digest = ? AND outcome = ? "
        "AND finished_at < ?"
    )
    with ExitStack() as opening, sqlite_boundary(run.database):
        own, *rest = (opening.enter_context(closing(connect_reader(r.database))) for r in (run, *others))
        return sum(any(other.execute(theirs, row).fetchone() for other in rest) for row in own.execute(mine))
