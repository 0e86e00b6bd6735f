"""How the program is asked to end: by Ctrl-C, by a system (SIGTERM), by a terminal that closes (SIGHUP).

The first signal calls off the run, which begins no new calls, waits a while for those under way (`engine.finish_s`),
and ends in good order; the second ends the process where it stands. Neither loses what was answered, which is on disk,
and embedded servers end with the process (`gra.llm.serve`).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn, TypeVar

from gra.errors import GraError

T = TypeVar("T")
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CURSOR = b"\x1b[?25h"
"""Shows the cursor, which a live display hides."""


class Stop(KeyboardInterrupt):
    """The program was asked to end; its text, if any, says how to go on."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _Signals:
    """What has been asked so far, and what the first signal does."""

    def __init__(self) -> None:
        self.received = 0
        self.first: Callable[[], object] = self.stop

    def stop(self) -> None:
        raise Stop(self.received)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received = number
            self.first()
        elif number != signal.SIGHUP:  # a shell passes on the one that it got itself: that is no second thought
            _leave(number)


_signals = _Signals()


def heed_signals() -> None:
    """From here on the first signal raises `Stop`, or calls off what `until_stopped` runs; the second ends it all."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup`, or a job in the background of a script
            signal.signal(number, _signals)


def until_stopped(work: Coroutine[Any, Any, T], told: Callable[[], object]) -> T:
    """Run `work` in an event loop; a signal cancels it, after calling `told`.

    Raises:
        Stop: it was called off, and everything that it had opened is closed.
    """
    import asyncio

    async def watched() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def call_off() -> None:
            told()
            task.cancel()

        _signals.first = lambda: loop.call_soon_threadsafe(call_off)
        try:
            return await work
        finally:
            _signals.first = _signals.stop

    try:
        return asyncio.run(watched())
    except (asyncio.CancelledError, GraError):
        if _signals.received:  # what broke while everything was being closed is no news
            raise Stop(_signals.received) from None
        raise


def _leave(number: int) -> NoReturn:
    with suppress(OSError):
        os.write(2, (_CURSOR if os.isatty(2) else b"") + b"\ngra: stopped at once\n")
    os._exit(128 + number)
