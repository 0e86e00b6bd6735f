"""The tables of `run.sqlite`, as numbered steps from nothing to now.

A step that has been released is never edited; a change is a new step at the end of `MIGRATIONS`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from gra.errors import StoreError
from gra.records import Sample
from gra.store.codec import from_json, text_of
from gra.store.counting import counted

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


def _count_samples(connection: sqlite3.Connection) -> None:
    """Fill the new columns of the samples that are there."""
    last, query = "", "SELECT id, body FROM samples WHERE id > ? ORDER BY id LIMIT 500"
    while page := connection.execute(query, (last,)).fetchall():
        values = ((*counted(from_json(Sample, text_of(body))).columns, id) for id, body in page)
        connection.executemany("UPDATE samples SET depth = ?, how = ?, pattern = ?, outside = ? WHERE id = ?", values)
        last = page[-1][0]


def _tally(row: str, sign: str) -> str:
    """Add what is counted of a row to what there is, or take it back."""
    return f"""
        INSERT INTO tally VALUES ({row}.round, {row}.status, {row}.domain, {row}.depth, {row}.how, {sign}1)
        ON CONFLICT (round, status, domain, depth, how) DO UPDATE SET count = count + excluded.count;
        INSERT INTO reasons VALUES ({row}.status, {row}.pattern, {sign}1)
        ON CONFLICT (status, pattern) DO UPDATE SET count = count + excluded.count;
        INSERT INTO outside
            SELECT key, {sign}json_extract(value, '$[0]'), {sign}json_extract(value, '$[1]')
            FROM json_each({row}.outside) WHERE true
        ON CONFLICT (model) DO UPDATE SET total = total + excluded.total, count = count + excluded.count;
    """  # noqa: S608


_M3 = (
    # What `gra status` tells of all samples is added up as they are stored: it must not read them all.
    "ALTER TABLE samples ADD COLUMN depth INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE samples ADD COLUMN how TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE samples ADD COLUMN pattern TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE samples ADD COLUMN outside TEXT NOT NULL DEFAULT '{}'",
    _count_samples,
    """
    CREATE TABLE tally (
        round INTEGER NOT NULL,
        status TEXT NOT NULL,
        domain TEXT NOT NULL,
        depth INTEGER NOT NULL,
        how TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (round, status, domain, depth, how)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE reasons (
        status TEXT NOT NULL,
        pattern TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (status, pattern)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX reasons_by_count ON reasons (status, count DESC, pattern)",
    "CREATE TABLE outside (model TEXT PRIMARY KEY, total REAL NOT NULL, count INTEGER NOT NULL) WITHOUT ROWID",
    """
    INSERT INTO tally SELECT round, status, domain, depth, how, count(*) FROM samples
    GROUP BY round, status, domain, depth, how
    """,
    "INSERT INTO reasons SELECT status, pattern, count(*) FROM samples GROUP BY status, pattern",
    """
    INSERT INTO outside
        SELECT key, sum(json_extract(value, '$[0]')), sum(json_extract(value, '$[1]'))
        FROM samples, json_each(samples.outside) GROUP BY key
    """,
    f"CREATE TRIGGER count_new AFTER INSERT ON samples BEGIN {_tally('new', '')} END",
    f"CREATE TRIGGER count_changed AFTER UPDATE ON samples BEGIN {_tally('old', '-')} {_tally('new', '')} END",
    f"CREATE TRIGGER count_gone AFTER DELETE ON samples BEGIN {_tally('old', '-')} END",
    "CREATE INDEX pool_by_round ON pool (round)",
)

MIGRATIONS: tuple[tuple[str | Callable[[sqlite3.Connection], None], ...], ...] = (_M1, _M2, _M3)
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
            for step in MIGRATIONS[number - 1]:
                if callable(step):
                    step(connection)
                else:
                    connection.execute(step)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # of a full disk SQLite has rolled back itself
                connection.execute("ROLLBACK")
            raise
