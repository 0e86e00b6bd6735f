"""Two processes of this machine that call each other: over a socket that only they have, in the order of sending.

What is sent in one turn of the event loop goes out together. Knows nothing of runs. Both ends are the same program, so
what comes in is trusted, as with `multiprocessing`.
"""

from __future__ import annotations

import asyncio
import itertools
import pickle
import struct
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from gra.errors import GraError

_LENGTH = struct.Struct("!Q")


class Closed(Exception):  # a state of the other process, not an error of this one
    """The other process is gone, or was told to go."""


class Channel(asyncio.Protocol):
    """One end.

    Args:
        service: Its public methods are what the other end may call. One that gives an awaitable has it awaited; it may
            be cancelled if whoever called is.
        closed: Called once, when the other end is gone.
    """

    def __init__(self, service: object, closed: Callable[[], None]) -> None:
        self._service = service
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._serving: dict[int, asyncio.Future[Any]] = {}
        self._out: list[tuple[Any, ...]] = []
        self._in = bytearray()
        self._is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """For asyncio."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """For asyncio."""
        self._is_closed = True
        for future in [*self._waiting.values()]:
            if not future.done():
                future.set_exception(Closed())
        for work in [*self._serving.values()]:
            work.cancel()
        self._closed()

    def data_received(self, data: bytes) -> None:
        """For asyncio."""
        self._in += data
        while len(self._in) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._in)[0]
            if len(self._in) < end:
                return
            messages = pickle.loads(memoryview(self._in)[_LENGTH.size : end])  # noqa: S301 (our own child, or parent)
            del self._in[:end]
            for kind, *rest in messages:
                getattr(self, kind)(*rest)

    @property
    def is_closed(self) -> bool:
        """True once the other end is gone."""
        return self._is_closed

    async def call(self, name: str, *given: object) -> Any:
        """What the method of this name gives at the other end.

        Raises:
            Closed: the other end is gone.
            Exception: whatever it raised there.
        """
        if self._is_closed:
            raise Closed
        number, future = next(self._numbers), self._loop.create_future()
        self._waiting[number] = future
        self._send("_called", number, name, given)
        try:
            return await future
        except asyncio.CancelledError:
            self._send("_called_off", number)
            raise
        finally:
            del self._waiting[number]

    def tell(self, name: str, *given: object) -> None:
        """Call a method whose result nobody waits for. It comes before whatever is sent later."""
        self._send("_told", name, given)

    @asynccontextmanager
    async def hold(self, name: str, *given: object) -> AsyncIterator[Any]:
        """Enter a context at the other end, whose service has `enter(ticket, ...)` and `leave(ticket)`."""
        ticket = next(self._numbers)
        try:
            yield await self.call("enter", ticket, name, *given)
        finally:
            self.tell("leave", ticket)

    async def settled(self) -> None:
        """Wait until all that the other end has asked for is done, but for what waits here."""
        while others := [work for work in self._serving.values() if work is not asyncio.current_task()]:
            await asyncio.wait(others)

    def close(self) -> None:
        """Say no more; the other end learns of it."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    # --- what comes in ---

    def _called(self, number: int, name: str, given: tuple[object, ...]) -> None:
        try:
            result = getattr(self._service, name)(*given)
        except BaseException as error:  # noqa: BLE001 (whoever called is told)
            self._send("_failed", number, _portable(error))
            return
        if asyncio.isfuture(result) or asyncio.iscoroutine(result):
            self._serving[number] = work = asyncio.ensure_future(result)
            work.add_done_callback(lambda work: self._served(number, work))
        else:
            self._send("_gave", number, result)

    def _served(self, number: int, work: asyncio.Future[Any]) -> None:
        self._serving.pop(number, None)
        # If it was called off by us, whoever called does not wait any more, and does not heed it.
        error = RuntimeError("called off from within") if work.cancelled() else work.exception()
        if error is None:
            self._send("_gave", number, work.result())
        else:
            self._send("_failed", number, _portable(error))

    def _called_off(self, number: int) -> None:
        if number in self._serving:
            self._serving[number].cancel()

    def _told(self, name: str, given: tuple[object, ...]) -> None:
        getattr(self._service, name)(*given)

    def _gave(self, number: int, value: object) -> None:
        if (future := self._waiting.get(number)) is not None and not future.done():
            future.set_result(value)

    def _failed(self, number: int, error: BaseException) -> None:
        if (future := self._waiting.get(number)) is not None and not future.done():
            future.set_exception(error)

    # --- what goes out ---

    def _send(self, *message: object) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(message)

    def _flush(self) -> None:
        messages, self._out = self._out, []
        if messages and self._transport is not None and not self._is_closed:
            body = pickle.dumps(messages, pickle.HIGHEST_PROTOCOL)
            self._transport.write(_LENGTH.pack(len(body)) + body)


def _portable(error: BaseException) -> BaseException:
    """The error as the other process can have it; what only a traceback explains brings its own as a note."""
    if not isinstance(error, GraError):
        error.add_note("in another process of the run:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (made here)
    except Exception:  # noqa: BLE001 (an error of somebody's own code may refuse in any way)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
