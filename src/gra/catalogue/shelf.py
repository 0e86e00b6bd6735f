"""Model files on this machine: where they lie, whether one is complete, and how one is put there at once.

Does not know where files come from. Layout below the home folder:

    models/FILE          a complete, checked model
    models/FILE.json     its size, time stamp and digest, so that it need not be hashed at every start
    models/.parts/NAME/  what an interrupted pull left behind, for the next one
    models/.locks/NAME   held by the process that is pulling NAME
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gra.catalogue.cards import ModelCard
from gra.catalogue.fetching import POLL_S, digest_of
from gra.errors import CatalogueError


def models_home() -> Path:
    """The folder that holds `models/`: GRA_HOME, or ~/.cache/gra."""
    named = os.environ.get("GRA_HOME")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "gra"


def place_of(card: ModelCard, home: Path | None) -> Path:
    """Where the file of `card` belongs; `CatalogueError` if it is a model that has no file."""
    if card.file is None:
        raise CatalogueError(card.serving_advice())
    return (home or models_home()) / "models" / card.file


def parts_of(card: ModelCard, home: Path | None) -> Path:
    """Where a pull of `card` keeps what it has so far."""
    return place_of(card, home).parent / ".parts" / card.name


def local_file(card: ModelCard, *, home: Path | None = None) -> Path | None:
    """The file of `card` if it is here and complete; hashed only if it changed since it was last checked."""
    if card.file is None:
        return None
    path = place_of(card, home)
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    noted = _noted(path)
    if noted.get("origin") == card.origin and noted.get("bytes") == stat.st_size:
        if noted.get("mtime_ns") == stat.st_mtime_ns or digest_of(path) == noted.get("sha256"):
            return path
        return None
    # A file without its note was put here by hand: good if it is the very file that the catalogue names.
    if card.sha256 is None or stat.st_size != card.bytes or digest_of(path) != card.sha256:
        return None
    with suppress(OSError):  # the folder may be shared and not ours to write; then it is hashed again next time
        note(card, path, card.sha256)
    return path


def verify(card: ModelCard, *, home: Path | None = None) -> Path:
    """Hash the file of `card` again; `CatalogueError` if it is not here or not what it was when pulled."""
    path = place_of(card, home)
    again = f"Fetch it again with `gra models pull {card.name}`."
    if not path.is_file():
        raise CatalogueError(f"{card.name} is not on this machine ({path}). {again}")
    expected = card.sha256 or _noted(path).get("sha256")
    found = digest_of(path)
    if found != expected:
        raise CatalogueError(
            f"{path} is not {card.name} as it was published: expected sha256 {expected}, found {found}. "
            f"Delete it. {again}"
        )
    return path


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _noted(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(_note_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def note(card: ModelCard, path: Path, digest: str) -> None:
    """Record that `path` was checked."""
    stat = path.stat()
    noted = {
        "model": card.name,
        "origin": card.origin,
        "bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "sha256": digest,
    }
    fresh = path.with_name(f"{path.name}.json.{os.getpid()}.part")
    fresh.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
    fresh.replace(_note_path(path))


def put(card: ModelCard, ready: Path, home: Path | None, digest: str) -> Path:
    """Move a checked file to its place, so that it is there whole or not at all, and note its digest."""
    place = place_of(card, home)
    with ready.open("rb") as stream:
        os.fsync(stream.fileno())
    _note_path(place).unlink(missing_ok=True)  # else the old note would vouch for a file it never saw
    ready.replace(place)
    note(card, place, digest)
    return place


def require_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CatalogueError(
            f"not enough space in {folder}: {needed / 1e6:,.0f} MB are needed while pulling, {free / 1e6:,.0f} MB "
            "are free. Free some, or set GRA_HOME to a folder on a larger disk."
        )


@contextmanager
def pulling(card: ModelCard, home: Path | None, waiting: Callable[[str], None]) -> Iterator[None]:
    """Be the only process that pulls `card`; until then `waiting` is told, now and then, whom we wait for."""
    path = place_of(card, home).parent / ".locks" / card.name
    path.parent.mkdir(parents=True, exist_ok=True)
    # The lock file stays: removing it would let two processes each lock a file of that name.
    with path.open("a+", encoding="utf-8") as lock:
        while not _locked(lock.fileno()):
            lock.seek(0)
            holder = lock.read().strip()
            waiting(f"another process ({holder or 'unknown'}) is pulling {card.name}; waiting for it")
            time.sleep(POLL_S)
        lock.truncate(0)
        lock.write(f"pid {os.getpid()}")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
