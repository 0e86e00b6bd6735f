"""Answers to exam questions that outlive a run, by the hash of the whole request and of the model's file.

A question that was put to the very same file before is not put again by the next run or `gra exam`. Only answers of
model files are kept: what stands behind a name on a server may be another model tomorrow. Several processes may use it.
It is a cache: where it cannot be used it is done without, and what is in it is checked before it is believed.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from gra.calls import Reply
from gra.store.codec import checksum, from_json, readable, text_of, to_json

EXAM = "exam-"
"""Calls under such a name are an exam's."""
BUSY_S = 5.0
"""How long another process's transaction is waited for."""
_TABLE = "CREATE TABLE IF NOT EXISTS answers (digest TEXT PRIMARY KEY, reply NOT NULL, checksum TEXT NOT NULL)"


class KeptAnswers:
    """The cache: `with KeptAnswers(path) as kept`. Never raises; `problem` says why it is not used, if it is not."""

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def find(self, sample: str, identity: str, digest: str) -> Reply | None:
        """The answer to an exam's question, None if there is none that is whole."""
        if not _lasting(sample, identity) or (connection := self._open()) is None:
            return None
        try:
            row = connection.execute("SELECT reply, checksum FROM answers WHERE digest = ?", (digest,)).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        try:
            text = text_of(row[0]) if row else ""
            return from_json(Reply, text) if row and row[1] == checksum((digest,), text) else None
        except ValueError:  # damaged, or of another version of gra
            return None

    def keep(self, sample: str, identity: str, digest: str, reply: Reply) -> None:
        """Store the answer to an exam's question; anything else is passed over."""
        if not _lasting(sample, identity) or (connection := self._open()) is None:
            return
        text = to_json(reply)
        try:
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (digest, readable(text), checksum((digest,), text))
            )
        except sqlite3.Error as error:
            self._give_up(error)

    def _open(self) -> sqlite3.Connection | None:
        """Made when first needed: a run without a model file leaves nothing on the disk."""
        if self._connection is not None or self.problem:
            return self._connection
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")  # a crash may lose the last answers, no more
            self._connection.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)
        return self._connection

    def _give_up(self, error: Exception) -> None:
        self.problem = (
            f"answers to exam questions are not kept for other runs: {self._path} cannot be used ({error}). "
            "If it is broken, delete it"
        )
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _lasting(sample: str, identity: str) -> bool:
    return sample.startswith(EXAM) and identity.startswith("file:")
