"""Group commit: a thread that owns the one writing connection. Knows no tables and no records.

While one transaction is being synced to disk, more work queues up; all of it goes into the next transaction. So the
cost of a sync is shared by as many as wait for it, and nobody waits for a timer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar, cast

from gra.errors import StoreError

T = TypeVar("T")
_Work = Callable[[sqlite3.Connection], object]
_Item = tuple[_Work, "asyncio.Future[object]"]


class Committer:
    """Runs work in transactions. The first failure is final: nothing is written after it."""

    def __init__(self, connection: sqlite3.Connection, explain: Callable[[Exception], StoreError]) -> None:
        """Take over a connection in autocommit mode; `explain` words a failure for a person."""
        self._connection = connection
        self._explain = explain
        self._failure: Exception | None = None
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        # A daemon: an interpreter that ends without `stop` must not hang, and what was acknowledged is on disk.
        self._thread = threading.Thread(target=self._run, name="gra-store-writer", daemon=True)
        self._thread.start()

    async def commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in a transaction and return what it returned, once that transaction is on disk.

        Cancelling the awaiting task does not take the work back.

        Raises:
            StoreError: it, or anything before it, could not be written.
        """
        return await self.submit(work)

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """The same, queued at once, whether or not anybody awaits the result.

        Raises:
            StoreError: something before it could not be written.
        """
        self.check()
        future: asyncio.Future[object] = self._loop.create_future()
        self._queue.put((work, future))
        return cast("asyncio.Future[T]", future)

    def check(self) -> None:
        """Raise the StoreError of the failure, if there was one."""
        if self._failure is not None:
            raise self._explain(self._failure) from self._failure

    async def stop(self) -> None:
        """Commit what is queued, fold the log into the main file and close the connection. Raises nothing."""
        self._queue.put(None)
        try:
            await asyncio.to_thread(self._thread.join)
        finally:
            # Also when cancelled: whoever goes on may take it that the file is closed.
            self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._next_group()
            results = self._write(group) if group and self._failure is None else []
            # The loop is closed only if it was torn down over our heads; then nobody is left to be told.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._settle, group, results)
        self._close()

    def _next_group(self) -> tuple[list[_Item], bool]:
        """All that is queued, at least one item, and whether the end was asked for."""
        group: list[_Item] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            try:
                item = self._queue.get_nowait()
            except Empty:
                return group, False
        return group, True

    def _write(self, group: list[_Item]) -> list[object]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [work(self._connection) for work, _ in group]
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 (kept, and raised to everyone who waits or comes later)
            self._failure = error
            with suppress(sqlite3.Error):  # the first error is the one to tell
                self._connection.execute("ROLLBACK")
            return []
        return results

    def _settle(self, group: list[_Item], results: list[object]) -> None:
        """In the loop's thread: tell those who still wait."""
        for number, (_, future) in enumerate(group):
            if future.done():
                continue
            if self._failure is not None and not results:
                error = self._explain(self._failure)
                error.__cause__ = self._failure
                future.set_exception(error)
            else:
                future.set_result(results[number])

    def _close(self) -> None:
        try:
            if self._failure is None:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            self._failure = error
        finally:
            self._connection.close()
