"""A catalogue model's file, from this machine or pulled. Knows nothing of servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gra.catalogue import ModelCard, PullProgress, local_file, pull
from gra.events import Listener, Notice


async def fetched(card: ModelCard, listen: Listener) -> Path:
    """The model's file, pulled if it is not here; `listen` hears of the progress.

    Raises:
        CatalogueError: it cannot be had.
    """
    present = local_file(card)
    if present is not None:
        return present
    size = f"{card.bytes / 1e6:.0f} MB, " if card.bytes else ""
    listen(Notice(f"pulling {card.name} ({size}{card.licence}: {card.licence_url})"))
    told: set[str] = set()

    def report(progress: PullProgress) -> None:
        tenths = 10 * progress.done // progress.total if progress.total else 0
        text = progress.note or (f"{progress.stage} {10 * tenths} %" if tenths else progress.stage)
        if text not in told:
            told.add(text)
            listen(Notice(f"{card.name}: {text}"))

    return await _in_thread(lambda: pull(card, on_progress=report))


async def _in_thread(work: Callable[[], Path]) -> Path:
    """Like `asyncio.to_thread`, but Ctrl-C need not wait for the end of a download: what is fetched is kept."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Path] = loop.create_future()

    def settle(value: Path | Exception) -> None:
        if result.cancelled():
            return
        if isinstance(value, Exception):
            result.set_exception(value)
        else:
            result.set_result(value)

    def run() -> None:
        try:
            value: Path | Exception = work()
        except Exception as error:  # noqa: BLE001 (raised again where it is awaited)
            value = error
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(settle, value)

    threading.Thread(target=run, daemon=True, name="pull").start()
    return await result
