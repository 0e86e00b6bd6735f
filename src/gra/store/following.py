"""Following a run as it grows: what has been stored, or has changed, since one last looked. Writes nothing.

Samples are named here by SQLite's row numbers, which grow in the order in which samples are first stored, and stay
when a sample is stored again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from gra.records import Sample
from gra.store.database import sqlite_boundary
from gra.store.reader import Reader
from gra.store.rows import read_sample

_AT_ONCE = 500
"""Values in one query."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a run has asked of its models lately."""

    calls: int
    seconds: float
    """From the first of these calls to the last; the time that passed, not the sum of their times."""


class Following:
    """Looks at a run again and again, through a reader that stays open.

    Raises:
        StoreError: from every method, if the database cannot be read.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def version(self) -> int:
        """A number that is another one whenever somebody has written to the run."""
        return int(self._reader._rows("PRAGMA data_version")[0][0])

    def count(self) -> int:
        """Samples that are stored."""
        return int(self._reader._rows("SELECT count(*) FROM samples")[0][0])

    def after(self, row: int, limit: int) -> list[tuple[int, Sample]]:
        """The next samples behind a row number, with theirs."""
        query = "SELECT rowid, body FROM samples WHERE rowid > ? ORDER BY rowid LIMIT ?"
        return self._read(query, (row, limit))

    def again(self, rows: Iterable[int]) -> Iterator[tuple[int, Sample]]:
        """These samples as they are now."""
        waiting = sorted(rows)
        for begin in range(0, len(waiting), _AT_ONCE):
            some = tuple(waiting[begin : begin + _AT_ONCE])
            places = ", ".join("?" * len(some))
            yield from self._read(f"SELECT rowid, body FROM samples WHERE rowid IN ({places}) ORDER BY rowid", some)  # noqa: S608

    def by_round(self) -> dict[int, dict[str, int]]:
        """Samples by round and status."""
        by_round = self._reader.funnel().by_round
        return {number: {status.value: n for status, n in counts.items()} for number, counts in by_round.items()}

    def statuses(self, round: int) -> dict[int, str]:
        """How the samples of a round have ended, without reading them."""
        return dict(self._reader._rows("SELECT rowid, status FROM samples WHERE round = ?", (round,)))

    def vectors(self, digests: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Embeddings of the run's model of embeddings, of the texts that have one."""
        model = self._reader.embedding_model()
        found, wanted = dict[str, NDArray[np.float32]](), sorted(set(digests))
        for begin in range(0, len(wanted), _AT_ONCE):
            some = wanted[begin : begin + _AT_ONCE]
            places = ", ".join("?" * len(some))
            query = f"SELECT digest, vector FROM vectors WHERE model = ? AND digest IN ({places})"  # noqa: S608
            for digest, blob in self._reader._rows(query, (model, *some)):
                found[digest] = np.frombuffer(blob, "<f4")
        return found

    def pace(self, seconds: float) -> Pace:
        """The calls of the last so many seconds before the last one."""
        last = self._reader._rows("SELECT max(id) FROM calls")[0][0]
        if not last:
            return Pace(0, 0.0)
        end = self._time(last)
        low, high = 0, int(last)  # the first call within the window lies in (low, high]
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if end - self._time(middle) <= seconds else (middle, high)
        return Pace(int(last) - high + 1, end - self._time(high))

    def _time(self, call: int) -> float:
        rows = self._reader._rows("SELECT finished_at FROM calls WHERE id >= ? ORDER BY id LIMIT 1", (call,))
        with sqlite_boundary(self._reader.run.database):
            return datetime.fromisoformat(rows[0][0]).timestamp()

    def _read(self, query: str, values: tuple[object, ...]) -> list[tuple[int, Sample]]:
        rows = self._reader._rows(query, values)
        with sqlite_boundary(self._reader.run.database):
            return [(row, read_sample(body)) for row, body in rows]
