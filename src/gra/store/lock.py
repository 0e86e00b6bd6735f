"""One process at a time works on a run. Readers do not ask and are never in the way."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gra.errors import StoreError


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file of a run folder; the kernel lets go of it however the process ends.

    The file stays behind: removing it would let two processes lock two different files of the same name.

    Raises:
        StoreError: another process holds it, or the folder cannot be written.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"cannot write in the run folder {path.parent}: {error.strerror}. Make it writable, or use another --out"
        ) from error
    try:
        _take(handle, path)
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n".encode())
    except BlockingIOError as error:
        holder = os.pread(handle, 64, 0).decode("ascii", "replace").strip() or "unknown"
        raise StoreError(
            f"another process (pid {holder}) is working on this run: {path.parent}. "
            "Wait until it ends or stop it, or use another --out"
        ) from error
    except OSError as error:
        raise StoreError(f"cannot lock {path}: {error.strerror}. The run folder needs a disk with room") from error
