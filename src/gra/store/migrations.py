"""The tables of `run.sqlite`, as numbered steps from nothing to now. Knows no records.

A step that has been released is never edited; a change is a new step at the end of `MIGRATIONS`.
"""

from __future__ import annotations

import sqlite3

from gra.errors import StoreError

_M1 = (
    # The ledger. The totals of all calls are kept by a trigger: `gra status` must not read gigabytes to add up.
    """
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY,
        sample TEXT NOT NULL,
        step TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        digest TEXT NOT NULL,
        task TEXT NOT NULL,
        model TEXT NOT NULL,
        prompt TEXT NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('reply', 'refused')),
        request NOT NULL,
        reply NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        seconds REAL NOT NULL,
        finished_at TEXT NOT NULL,
        checksum TEXT NOT NULL,
        UNIQUE (sample, step, attempt, digest, outcome)
    )
    """,
    """
    CREATE TABLE totals (
        model TEXT NOT NULL,
        task TEXT NOT NULL,
        calls INTEGER NOT NULL,
        refused INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (model, task)
    )
    """,
    """
    CREATE TRIGGER add_up AFTER INSERT ON calls BEGIN
        INSERT INTO totals VALUES (
            new.model, new.task, 1, new.outcome = 'refused',
            new.prompt_tokens, new.cached_tokens, new.completion_tokens, new.seconds
        )
        ON CONFLICT (model, task) DO UPDATE SET
            calls = calls + excluded.calls,
            refused = refused + excluded.refused,
            prompt_tokens = prompt_tokens + excluded.prompt_tokens,
            cached_tokens = cached_tokens + excluded.cached_tokens,
            completion_tokens = completion_tokens + excluded.completion_tokens,
            seconds = seconds + excluded.seconds;
    END
    """,
    """
    CREATE TABLE vectors (
        id INTEGER PRIMARY KEY,
        model TEXT NOT NULL,
        digest TEXT NOT NULL,
        vector BLOB NOT NULL,
        UNIQUE (model, digest)
    )
    """,
    """
    CREATE TABLE samples (
        id TEXT PRIMARY KEY,
        round INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        status TEXT NOT NULL,
        domain TEXT NOT NULL,
        reason TEXT NOT NULL,
        score REAL,
        generator TEXT NOT NULL,
        body NOT NULL,
        UNIQUE (round, idx)
    )
    """,
    "CREATE INDEX samples_by_status ON samples (status, round, idx)",
    "CREATE INDEX samples_by_round ON samples (round, status)",
    """
    CREATE TABLE pool (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        round INTEGER NOT NULL,
        body NOT NULL
    )
    """,
    """
    CREATE TABLE rounds (
        number INTEGER PRIMARY KEY,
        target INTEGER NOT NULL,
        accepted INTEGER NOT NULL DEFAULT 0,
        candidates INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
        detail NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE TABLE facts (key TEXT PRIMARY KEY, value NOT NULL)",
)

_M2 = (
    """
    CREATE TABLE energy (
        attempt INTEGER PRIMARY KEY,
        begun_at TEXT NOT NULL,
        seconds REAL NOT NULL,
        measured REAL NOT NULL,
        estimated REAL NOT NULL,
        body NOT NULL
    )
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_M1, _M2)
"""Step n, counted from 1, takes a database from version n-1 to n."""
VERSION = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    """How many steps a database has taken; 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def refuse_newer(connection: sqlite3.Connection) -> None:
    """Raise a StoreError if a later `gra` wrote this database."""
    version = version_of(connection)
    if version > VERSION:
        raise StoreError(
            f"the run was written by a newer gra: its database has version {version}, this gra knows {VERSION}. "
            "Upgrade gra-synth to work with it"
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Take a database to the present version, each step in a transaction of its own.

    The connection must be in autocommit mode (`isolation_level=None`).
    """
    refuse_newer(connection)
    for number in range(version_of(connection) + 1, VERSION + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[number - 1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
