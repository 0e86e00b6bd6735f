"""Runs a coroutine to its end from code that is not asynchronous, wherever that code runs. Knows no gra."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
TICK_S = 0.5


def to_the_end(work: Coroutine[Any, Any, T], tick: Callable[[], None]) -> T:
    """The result of `work`, by an event loop in a thread of its own, as a notebook's own loop is busy with the cell.

    Args:
        work: what to run.
        tick: called here, in the caller's thread, every half second until it has ended.

    Raises:
        KeyboardInterrupt: Ctrl-C. `work` was cancelled first and has stopped in good order; a second one does not wait.
    """
    stop: Future[Callable[[], object]] = Future()
    outcome: Future[T] = Future()

    async def stoppable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        stop.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        return await work

    def in_thread() -> None:
        try:
            outcome.set_result(asyncio.run(stoppable()))
        except BaseException as error:  # noqa: BLE001 (raised again where it is waited for)
            outcome.set_exception(error)

    Thread(target=in_thread, name="gra", daemon=True).start()
    try:
        while not wait([outcome], TICK_S).done:
            tick()
    except KeyboardInterrupt:
        with suppress(RuntimeError):  # it ended by itself meanwhile
            stop.result()()
        wait([outcome])
        raise
    return outcome.result()
