"""Databases of every version: none, this, a later one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from store_builders import new_run

from gra.errors import StoreError
from gra.store import migrations
from gra.store.migrations import VERSION, migrate, version_of
from gra.store.reader import Reader
from gra.store.run_dir import create_run
from gra.store.writer import Writer


@pytest.fixture
def empty() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_from_nothing_to_now_and_no_further(empty: sqlite3.Connection) -> None:
    migrate(empty)
    assert version_of(empty) == VERSION
    kept = {"totals", "tally", "reasons", "outside", "energy"}
    assert tables(empty) == {"calls", "vectors", "samples", "pool", "rounds", "facts", *kept}
    migrate(empty)
    assert version_of(empty) == VERSION


def test_a_step_that_fails_leaves_no_half_step(empty: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (*migrations.MIGRATIONS, ("CREATE TABLE later (a)", "CREATE TABLE later (a)"))
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(migrations, "VERSION", VERSION + 1)
    with pytest.raises(sqlite3.OperationalError):
        migrate(empty)
    assert version_of(empty) == VERSION
    assert "later" not in tables(empty)


def test_a_full_disk_is_said_as_such(empty: sqlite3.Connection) -> None:
    empty.execute("PRAGMA max_page_count = 4")  # SQLite ends the transaction itself
    with pytest.raises(sqlite3.OperationalError, match="full"):
        migrate(empty)
    assert version_of(empty) < VERSION


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    set_version(run.database, VERSION + 1)
    with pytest.raises(StoreError, match=r"written by a newer gra.*Upgrade"):
        Reader(run)


async def test_a_newer_database_is_not_written(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    set_version(run.database, VERSION + 1)
    with pytest.raises(StoreError, match=r"written by a newer gra.*Upgrade"):
        async with Writer(run):
            pass


def test_a_start_interrupted_between_steps_goes_on(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    (run.path / "run.json").unlink()
    run.database.unlink()
    run.database.touch()
    create_run(run.path, run.document)
    with Reader(run) as reader:
        assert reader.rounds() == []


async def test_an_older_database_is_brought_up_to_date_by_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("CREATE TABLE later (a)",)))
    monkeypatch.setattr(migrations, "VERSION", VERSION + 1)
    async with Writer(run):
        pass
    with closing(sqlite3.connect(run.database)) as connection:
        assert version_of(connection) == VERSION + 1
        assert "later" in tables(connection)


def set_version(database: Path, version: int) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
