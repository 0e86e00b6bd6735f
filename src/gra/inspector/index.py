"""The inspector's own index of a run: what pages need to find samples fast. A file that can be deleted at any time.

It lies in the cache folder (`GRA_HOME`, or ~/.cache/gra), never in the run, whose database belongs to others. It is
filled by `indexing` and condensed by `digests`; here it is made, opened and read.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from gra.catalogue.shelf import models_home
from gra.errors import StoreError
from gra.store.run_dir import RunDir

VERSION = 7
"""Of the tables; an index of another one is made anew."""
KEPT_S = 30 * 86400.0
"""Time after which an index that nobody has opened is deleted."""
_PATIENCE_S = 30.0
_TABLES = """
CREATE TABLE samples (
    n INTEGER PRIMARY KEY,
    source INTEGER NOT NULL UNIQUE,
    id TEXT NOT NULL UNIQUE,
    round INTEGER NOT NULL,
    status TEXT NOT NULL,
    domain TEXT NOT NULL,
    generator TEXT NOT NULL,
    reason TEXT NOT NULL,
    score REAL NOT NULL,
    disagreement REAL NOT NULL,
    split INTEGER NOT NULL,
    disputed INTEGER NOT NULL,
    ruled INTEGER NOT NULL,
    revisions INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    instruction_length INTEGER NOT NULL,
    response_length INTEGER NOT NULL,
    similarity REAL,
    duplicate_of TEXT NOT NULL,
    keywords TEXT NOT NULL,
    title TEXT NOT NULL,
    same TEXT NOT NULL,
    asked INTEGER NOT NULL,
    judged TEXT NOT NULL,
    embedded TEXT NOT NULL,
    doc INTEGER NOT NULL
);
CREATE INDEX samples_by_score ON samples (score, n);
CREATE INDEX samples_by_disagreement ON samples (disagreement, n);
CREATE INDEX samples_by_length ON samples (response_length, n);
CREATE INDEX samples_by_status ON samples (status, n);
CREATE INDEX samples_by_original ON samples (duplicate_of, n);
CREATE INDEX accepted_by_instruction ON samples (asked) WHERE status = 'accepted';
CREATE UNIQUE INDEX samples_by_doc ON samples (doc);
CREATE TABLE opinions (
    n INTEGER NOT NULL,
    version INTEGER NOT NULL,
    role TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    stage TEXT NOT NULL,
    generator TEXT NOT NULL,
    counts INTEGER NOT NULL,
    state TEXT NOT NULL,
    reading TEXT NOT NULL,
    vote INTEGER,
    mean REAL,
    outside REAL NOT NULL,
    PRIMARY KEY (n, version, role, reviewer)
) WITHOUT ROWID;
CREATE TABLE disagreements (
    stage TEXT NOT NULL,
    yes TEXT NOT NULL,
    no TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (yes, no, stage, n)
) WITHOUT ROWID;
CREATE INDEX disagreements_of ON disagreements (n);
CREATE TABLE digests (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE points (n INTEGER PRIMARY KEY, x REAL NOT NULL, y REAL NOT NULL);
CREATE VIRTUAL TABLE texts USING fts5(
    instruction, response, reviews, content = '', tokenize = "unicode61 remove_diacritics 2"
);
"""


def index_file(run: RunDir) -> Path:
    """Where the index of a run lies; in a folder for temporary files if the cache cannot be written."""
    name = hashlib.sha256(f"{run.path.resolve()}\n{run.fingerprint}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
    folder = models_home() / "inspector"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
        _clear(folder)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="gra-inspector-"))
    return folder / f"{name}.sqlite"


def _clear(folder: Path) -> None:
    """Take away indexes of runs that nobody has looked at for long."""
    for path in folder.iterdir():
        with suppress(OSError):  # somebody else was faster
            if path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink()


def make_index(file: Path, of: str) -> sqlite3.Connection:
    """The connection that writes; what is there is kept if it is an index of the same thing, else made anew.

    Args:
        file: the index.
        of: what the index must be of; two that are equal are indexes of the same run's database.

    Raises:
        StoreError: the file cannot be written.
    """
    identity = f"{VERSION} {of}"
    try:
        if file.exists():
            file.touch()
        if _identity(file) != identity:
            for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
                path.unlink(missing_ok=True)
        connection = _connect(file)
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}")
            connection.execute("INSERT INTO digests VALUES ('identity', ?)", (json.dumps(identity),))
            connection.execute("COMMIT")
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"cannot write the inspector's index {file}: {error}. Name a folder that can be written with GRA_HOME"
        ) from error
    return connection


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")  # what is lost is made again
    return connection


def _identity(file: Path) -> str:
    try:
        with reading_index(file) as index:
            return str(index.digest("identity"))
    except (sqlite3.Error, ValueError, TypeError):
        return ""


class Index:
    """Reads an index: `with reading_index(file) as index`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return self._connection.execute(query, tuple(values)).fetchall()

    def search(self, match: str) -> int:
        """Find the texts that match, once for all that is asked of them: their `doc` is in the table `hits`.

        Returns:
            How many there are.
        """
        self._connection.execute("DROP TABLE IF EXISTS temp.hits")
        self._connection.execute("CREATE TEMP TABLE hits (doc INTEGER PRIMARY KEY)")
        query = "INSERT INTO hits SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rowid"
        return self._connection.execute(query, (match,)).rowcount

    def digest(self, name: str) -> Any:
        """What `digests` made of all samples, None if it has not yet."""
        rows = self.rows("SELECT value FROM digests WHERE name = ?", (name,))
        return json.loads(rows[0][0]) if rows else None


@contextmanager
def reading_index(file: Path) -> Iterator[Index]:
    """An index to read from, as it is at this moment; one that is written to meanwhile stays as it was."""
    address = file.resolve().as_uri() + "?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE_S, check_same_thread=False)) as connection:
        connection.execute("BEGIN")
        yield Index(connection)
