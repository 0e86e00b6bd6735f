"""Fake models that answer a program under test."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cli_builders import NAMES

from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer


@contextmanager
def serving(fake: FakeServer) -> Iterator[FakeServer]:
    """A server that answers from a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(10)
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        with warnings.catch_warnings():  # a connection that came as the server went is nobody's
            warnings.simplefilter("ignore", ResourceWarning)
            loop.close()
            del loop
            gc.collect()


def kind_models(**options: Any) -> list[FakeModel]:
    """Models that find everything good."""
    return [FakeModel(name, judge=lambda body: 0.9, **options) for name in NAMES]
