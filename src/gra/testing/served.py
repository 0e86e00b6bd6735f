"""The fake server for code that is not asynchronous: tests of the command line, notebooks, examples in the docs.

with served(["writer", "one", "two", "judge"]) as server:
... server.base_url ...
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Any

from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

PATIENCE_S = 10.0


@contextmanager
def served(models: Sequence[str | FakeModel], **options: Any) -> Iterator[FakeServer]:
    """A fake server in a thread of its own; `options` as `FakeServer` takes them."""
    fake, loop = FakeServer(models, **options), asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="fake server", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(PATIENCE_S)
        try:
            yield fake
        finally:
            asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()
