"""The one hand that writes a run's database. Knows what belongs in one transaction; not what any of it means.

Everything that is handed over is an immutable value; encoding, deflating and hashing happen in the writer's thread,
off the event loop. When an `await` returns, what it stored survives the loss of power.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from gra.calls import CallId, Reply, Request
from gra.errors import StoreError
from gra.records import Entry, Sample
from gra.store import rows
from gra.store.codec import readable, to_json
from gra.store.committer import Committer
from gra.store.database import connect_writer
from gra.store.lock import exclusive
from gra.store.rows import Answer, Attempt, CallRow
from gra.store.run_dir import RunDir

_CLOSE_ROUND = """
    UPDATE rounds SET
        accepted = (SELECT coalesce(sum(count), 0) FROM tally WHERE round = :number AND status = 'accepted'),
        candidates = (SELECT coalesce(sum(count), 0) FROM tally WHERE round = :number),
        state = 'closed', detail = :detail
    WHERE number = :number AND state = 'open'
"""


class Writer:
    """Writes a run: `async with Writer(run) as writer`. Holds the run's lock as long.

    Every method returns after its transaction is on disk. After a failed write they all raise: the run is over.

    Raises:
        StoreError: on entering, if another process works on the run, or the database cannot be used.
    """

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self._open = ExitStack()
        self._committer: Committer | None = None

    async def __aenter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(exclusive(self.run.lock))
            self._committer = Committer(connect_writer(self.run.database), self._explain)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        committer, self._committer = self._working(), None  # whoever comes now is told, not queued behind the end
        with self._open:
            await committer.stop()
        if error is None:
            committer.check()

    async def commit_call(self, call: CallId, digest: str, request: Request, answer: Answer) -> Answer:
        """Store what a server said. Returns what counts: if the call was answered before, that answer."""
        finished_at = rows.now()
        return await self._working().commit(
            lambda connection: rows.insert_call(connection, call, digest, request, answer, finished_at)
        )

    def submit_call(self, row: CallRow) -> asyncio.Future[Reply | None]:
        """Store a call whose row was made elsewhere (`rows.call_row`); queued at once, awaited or not.

        The result is the reply that counts, if the call was answered before, else None.
        """
        return self._working().submit(lambda connection: rows.insert_row(connection, row))

    async def put_sample(self, sample: Sample) -> None:
        """Store a sample that has ended, in place of what was known of it."""
        await self._working().commit(lambda connection: rows.put_sample(connection, sample))

    async def put_pool(self, entries: Iterable[Entry]) -> None:
        """Append to the pool, in this order; an entry that is there keeps its place."""
        handed_over = tuple(entries)
        await self._working().commit(lambda connection: rows.append_entries(connection, handed_over))

    async def open_round(self, number: int, target: int) -> None:
        """Note that a round has begun; a round that is known stays as it is."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR IGNORE INTO rounds (number, target) VALUES (?, ?)", (number, target))

        await self._working().commit(work)

    async def close_round(
        self, number: int, samples: Iterable[Sample], entries: Iterable[Entry], detail: Mapping[str, Any]
    ) -> None:
        """End a round in one transaction: last word on its samples, its additions to the pool, its numbers.

        `accepted` and `candidates` are counted from the samples that are stored, these included. What is handed over
        is gone through in the writer's thread, one after the other, so that it may be read as it is needed.
        """
        values = {"number": number, "detail": readable(to_json(detail))}

        def work(connection: sqlite3.Connection) -> None:
            for sample in samples:
                rows.put_sample(connection, sample)
            rows.append_entries(connection, entries)
            if not connection.execute(_CLOSE_ROUND, values).rowcount:
                raise ValueError(f"round {number} is not open")

        await self._working().commit(work)

    async def reopen_round(self, number: int, samples: Iterable[Sample]) -> None:
        """Take back the end of a round that stayed short of its target: its samples as given, its entries gone.

        Only the last round that was closed may be reopened: later rounds learned from its entries. The samples are
        gone through as in `close_round`.
        """

        def work(connection: sqlite3.Connection) -> None:
            for sample in samples:
                rows.put_sample(connection, sample)
            connection.execute("DELETE FROM pool WHERE round = ?", (number,))
            connection.execute("UPDATE rounds SET state = 'open' WHERE number = ?", (number,))

        await self._working().commit(work)

    async def put_fact(self, key: str, value: object) -> None:
        """Store plain JSON data under a name, in place of what was there."""
        column = readable(to_json(value))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)", (key, column))

        await self._working().commit(work)

    async def put_attempt(self, attempt: Attempt) -> None:
        """Store the energy that an attempt has taken so far, in place of what was known of it."""
        await self._working().commit(lambda connection: rows.put_attempt(connection, attempt))

    async def put_vectors(self, model: str, vectors: Mapping[str, ArrayLike]) -> None:
        """Store embeddings as float32, by the digest of their text. What is known stays as it is.

        Args:
            model: identity of the embedding model, one build apart from another.
            vectors: digest of a text to its vector.
        """
        found = [(model, digest, np.asarray(vector, dtype="<f4").tobytes()) for digest, vector in vectors.items()]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR IGNORE INTO vectors (model, digest, vector) VALUES (?, ?, ?)", found)

        await self._working().commit(work)

    def _working(self) -> Committer:
        if self._committer is None:
            raise StoreError(f"{self.run.path} is not open for writing: use `async with Writer(run)`")
        return self._committer

    def _explain(self, cause: Exception) -> StoreError:
        return StoreError(
            f"cannot write {self.run.database}: {cause}. Nothing that was committed is lost; mend the cause "
            f"(free space, make the folder writable) and go on with: gra resume {self.run.path}"
        )
