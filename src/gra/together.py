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


async def a_few_at_once(work: Iterable[Coroutine[Any, Any, T]], most: int) -> list[T]:
    """As `together`, but no more than `most` at a time; the next one is taken from `work` when one has ended."""
    waiting = enumerate(work)
    results: dict[int, T] = {}

    async def one_after_another() -> None:
        for place, one in waiting:
            results[place] = await one

    await together(one_after_another() for _ in range(most))
    return [results[place] for place in range(len(results))]


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
