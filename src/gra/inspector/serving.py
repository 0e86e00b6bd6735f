"""The inspector as a server on this machine, from its start to Ctrl-C. Knows no pages."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aiohttp import web

from gra.errors import GraError
from gra.inspector.app import Inspector, templates
from gra.inspector.guard import Guard
from gra.inspector.index import index_file
from gra.inspector.indexing import Indexer
from gra.store.reader import Reader
from gra.store.run_dir import open_run

HOST = "127.0.0.1"
"""No other machine can reach this."""


class PortTaken(GraError):
    """Another program has the port that was asked for."""


@contextmanager
def followed(folders: Sequence[Path]) -> Iterator[list[Indexer]]:
    """Runs with their indexes, which are kept up to date while the block lasts.

    Raises:
        StoreError: one of the folders is no run, or cannot be read.
    """
    with ExitStack() as opened:
        indexers = []
        for folder in folders:
            run = open_run(folder)
            Reader(run).close()  # one that cannot be read is said at once
            indexers.append(opened.enter_context(Indexer(run, index_file(run))))
        yield indexers


async def serve(folders: Sequence[Path], port: int, told: Callable[[str], object]) -> None:
    """Serve runs until cancelled; `told` is given the address, with the secret in it, when it can be opened.

    Raises:
        PortTaken: another program has the port.
        MissingExtra: Jinja2 is not installed.
        StoreError: one of the folders is no run, or cannot be read.
    """
    templates()  # a missing extra is said before anything is begun
    with followed(folders) as indexers, listening(port) as door:
        guard = Guard(door.getsockname()[1])
        runner = web.AppRunner(Inspector(indexers, guard).app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, door).start()
            told(f"http://{HOST}:{guard.port}/?token={guard.token}")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


def listening(port: int) -> socket.socket:
    """A port of this machine; 0 takes any that is free.

    Raises:
        PortTaken: it cannot be had.
    """
    door = socket.socket()
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was let go of a moment ago is free
        door.bind((HOST, port))
    except OSError as error:
        door.close()
        raise PortTaken(
            f"port {port} of this machine cannot be had: {error.strerror}. Name another with --port, or leave it away"
        ) from None
    return door
