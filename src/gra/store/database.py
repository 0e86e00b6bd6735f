"""Connections to `run.sqlite`, and what its errors mean to a person. Knows no tables."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from gra.errors import StoreError
from gra.store.migrations import VERSION, migrate, refuse_newer, version_of

_PATIENCE_S = 30.0
"""How long to wait for another connection's lock. Only a foreign tool could hold one that long."""
_ROOM_TO_READ = 2**16
"""Bytes on the disk that a reader may want for its shared memory: twice what SQLite begins with."""
_PAGE_BYTES = 8192
"""A call takes 2-3 kB, of which a page of SQLite's usual 4096 bytes holds one and wastes the rest."""
_WAL_PAGES = 2000
"""Fold the write-ahead log back at 16 MB: four times fewer syncs of the main file than by default."""


@contextmanager
def sqlite_boundary(database: Path) -> Iterator[None]:
    """Turn what SQLite or a row's content has to complain about into a StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        if _disk_is_full(database, error):
            raise StoreError(
                f"cannot read {database}: its disk, or that of temporary files, is full ({error}), and reading takes a "
                "little room beside it. Nothing is damaged: free some space, and try again"
            ) from error
        raise StoreError(
            f"cannot read {database}: {error}. If the file was cut or overwritten, restore it from a copy; "
            "if another program has it open, close that"
        ) from error
    except ValueError as error:
        raise StoreError(f"a row of {database} is damaged: {error}. `gra verify` names all such rows") from error


def create_database(database: Path) -> None:
    """Make the tables, or go on where an interrupted start stopped."""
    with sqlite_boundary(database), closing(_connect(database)) as connection:
        _set_up(connection)
        migrate(connection)


def connect_writer(database: Path) -> sqlite3.Connection:
    """The one connection that writes; autocommit mode, every commit synced to disk, present version.

    Raises:
        StoreError: the file is missing, empty, damaged, locked, read-only or from a newer `gra`.
    """
    _require(database)
    with sqlite_boundary(database), ExitStack() as opening:
        connection = opening.enter_context(closing(_connect(database)))
        _refuse_empty(connection, database)
        refuse_newer(connection)
        _set_up(connection)
        migrate(connection)
        opening.pop_all()
    return connection


def connect_reader(database: Path) -> sqlite3.Connection:
    """A connection that cannot write, to a run at work or at rest, also in a folder that is read-only.

    Raises:
        StoreError: the file is missing, empty, damaged or of another version.
    """
    _require(database)
    with sqlite_boundary(database), ExitStack() as opening:
        connection = opening.enter_context(closing(_open_readable(database)))
        _refuse_empty(connection, database)
        refuse_newer(connection)
        if version_of(connection) < VERSION:
            raise StoreError(f"{database} was written by an older gra. `gra resume` brings it up to date")
        opening.pop_all()
    return connection


def _connect(address: str | Path, uri: bool = False) -> sqlite3.Connection:
    # One thread after the other uses a connection: who opens the writer's hands it to the writer's thread.
    return sqlite3.connect(address, uri=uri, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # heeded by a new file only
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {4 * _WAL_PAGES * _PAGE_BYTES}")


def _open_readable(database: Path) -> sqlite3.Connection:
    address = database.resolve().as_uri()
    try:
        return _probe(address + "?mode=ro")
    except sqlite3.OperationalError as error:
        # Reading a WAL database takes a shared-memory file next to it, which a read-only folder or a full disk does not
        # allow. If all is folded into the main file, that alone tells the whole truth; else it would show an older
        # state.
        full = _disk_is_full(database, error)
        if not full and "unable to open" not in str(error) and "readonly" not in str(error):
            raise
        log = database.with_name(database.name + "-wal")
        if log.exists() and log.stat().st_size:
            if full:
                raise
            raise StoreError(
                f"{database} was not closed in good order, and its folder is read-only. "
                "Copy the whole folder to a place that can be written, and read it there"
            ) from error
        return _probe(address + "?mode=ro&immutable=1")


def _disk_is_full(database: Path, error: sqlite3.Error) -> bool:
    """Whether there is no room: SQLite says so, or cannot make or use a file where there is none left."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return True
    try:
        room = shutil.disk_usage(database.parent).free
    except OSError:
        return False
    return code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and room < _ROOM_TO_READ


def _probe(address: str) -> sqlite3.Connection:
    """Connect and read something: SQLite opens a file no sooner."""
    with ExitStack() as opening:
        connection = opening.enter_context(closing(_connect(address, uri=True)))
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        opening.pop_all()
    return connection


def _require(database: Path) -> None:
    if not database.is_file():
        raise StoreError(f"{database} is missing. Restore it from a copy, or begin again with another --out")


def _refuse_empty(connection: sqlite3.Connection, database: Path) -> None:
    # SQLite takes a file of no bytes for a new database. A run's database has its tables before its run.json.
    if version_of(connection) == 0:
        raise StoreError(
            f"{database} is empty: it was cut or overwritten. Restore it from a copy, or begin again with another --out"
        )
