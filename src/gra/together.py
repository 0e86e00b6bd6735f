"""Several pieces of work at once, all of which are needed. Standard library only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results, in order. When one fails the others are called off, and its error is raised when they have ended.

    Unlike `asyncio.gather`, which leaves them running, and `asyncio.TaskGroup`, which wraps the error in a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def called_off_gently(work: Coroutine[Any, Any, T], finish: Callable[[], Awaitable[None]]) -> T:
    """The result of `work`. When this is cancelled, `finish` is done first, and `work` cancelled only then.

    Cancelled once more, it waits no longer.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await finish()
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
