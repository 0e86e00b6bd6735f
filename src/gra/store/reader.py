"""Looking at a run without touching it, while it works or after. Changes nothing and decides nothing."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from gra.programs import SANDBOX
from gra.records import Entry, Sample, Status
from gra.store.codec import label, text_of
from gra.store.database import connect_reader, sqlite_boundary
from gra.store.rows import CALL_FIELDS, Attempt, StoredCall, read_attempt, read_call, read_entry, read_sample
from gra.store.run_dir import RunDir

if TYPE_CHECKING:
    from gra.store.ledger import Vector

_LAST = "\U0010ffff"
"""Comes after every character of an id."""
_PAGE = 200
"""Samples read at once. No read lasts longer than a page, so the writer's log can be folded in meanwhile."""


@dataclass(frozen=True, slots=True)
class Total:
    """What calls took together."""

    calls: int = 0
    refused: int = 0
    """Of the calls, those that the server would not answer."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    """Sum of the calls' wall times; calls overlap."""

    @property
    def computed_tokens(self) -> int:
        """Tokens that a model had to read or write: those of prompts that were not cached, and those of replies."""
        return self.prompt_tokens - self.cached_tokens + self.completion_tokens

    @property
    def hit_rate(self) -> float | None:
        """Share of the prompts' tokens that a server had in its cache; None without prompts."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None

    def __add__(self, other: Total) -> Total:
        """Both together."""
        return Total(
            self.calls + other.calls,
            self.refused + other.refused,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """What all calls took, by model and by task."""

    cells: dict[tuple[str, str], Total]
    """By (model, task)."""

    @property
    def all(self) -> Total:
        """Everything together."""
        return sum(self.cells.values(), Total())

    def untold(self) -> tuple[str, ...]:
        """Models whose server told of no cached token in any call: it has no cache, or keeps it to itself."""
        return tuple(name for name, t in sorted(self.by_model().items()) if t.prompt_tokens and not t.cached_tokens)

    def by_model(self) -> dict[str, Total]:
        """Per model, over all tasks; the sandbox is none."""
        return _grouped((model, total) for (model, _), total in self.cells.items() if model != SANDBOX)

    def by_task(self) -> dict[str, Total]:
        """Per task, over all models."""
        return _grouped((task, total) for (_, task), total in self.cells.items())


@dataclass(frozen=True, slots=True)
class Ended:
    """A candidate that has ended."""

    index: int
    status: Status
    passed: Sample | None
    """The sample, if it passed."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of one call of a candidate, or of all questions to one model about one text."""

    index: int
    model: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many samples ended how."""

    by_round: dict[int, dict[Status, int]]

    @property
    def by_status(self) -> dict[Status, int]:
        """Over all rounds."""
        return dict(sum((Counter(counts) for counts in self.by_round.values()), Counter[Status]()))


@dataclass(frozen=True, slots=True)
class Tally:
    """Samples that are counted together; see `store.counting`."""

    round: int
    status: Status
    domain: str
    depth: int
    how: str
    count: int


@dataclass(frozen=True, slots=True)
class Round:
    """One round, as stored."""

    number: int
    target: int
    accepted: int
    candidates: int
    state: Literal["open", "closed"]
    detail: dict[str, Any]


class Reader:
    """Reads a run: `with Reader(run) as reader`. Sees what is committed at the moment of each call.

    Raises:
        StoreError: from every method, if the database is damaged or cannot be opened.
    """

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self._connection = connect_reader(run.database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def funnel(self) -> Funnel:
        """Samples by round and status."""
        by_round: dict[int, dict[Status, int]] = {}
        with sqlite_boundary(self.run.database):
            query = "SELECT round, status, sum(count) FROM tally GROUP BY round, status HAVING sum(count) > 0"
            for number, status, count in self._connection.execute(query):
                by_round.setdefault(number, {})[Status(status)] = count
        return Funnel(by_round)

    def tallies(self) -> list[Tally]:
        """Samples by all that they are counted by; takes the same time in a run of any size."""
        query = "SELECT round, status, domain, depth, how, count FROM tally WHERE count > 0"
        with sqlite_boundary(self.run.database):
            return [Tally(round, Status(status), *rest) for round, status, *rest in self._rows(query)]

    def reasons(self, status: Status, most: int) -> list[tuple[str, int]]:
        """The commonest reasons why samples ended in a status, with `#` for numbers and ids, and how often each is."""
        query = """
            SELECT pattern, count FROM reasons WHERE status = ? AND count > 0 ORDER BY count DESC, pattern LIMIT ?
        """
        return [(pattern, count) for pattern, count in self._rows(query, (status.value, most))]

    def outside(self) -> dict[str, float]:
        """By model, the mean probability that went to neither answer where its opinion was read."""
        query = "SELECT model, total / count FROM outside WHERE count > 0 ORDER BY model"
        return {model: max(0.0, mean) for model, mean in self._rows(query)}

    def totals(self) -> Totals:
        """Calls, tokens and seconds by model and task; takes the same time in a run of any size."""
        query = (
            "SELECT model, task, calls, refused, prompt_tokens, cached_tokens, completion_tokens, seconds "
            "FROM totals ORDER BY model, task"
        )
        return Totals({(model, task): Total(*numbers) for model, task, *numbers in self._rows(query)})

    def iter_samples(
        self, status: Status | None = None, round: int | None = None, page: int = _PAGE, after: int = -1
    ) -> Iterator[Sample]:
        """Samples in the order of (round, index), read so many at a time; of one round, those above an index."""
        query, values = _samples_query(status, round, page)
        last = (-1, after)
        while True:
            rows = self._rows(query, {**values, "round_after": last[0], "index_after": last[1]})
            with sqlite_boundary(self.run.database):
                samples = [read_sample(body) for *_, body in rows]
            yield from samples
            if len(rows) < page:
                return
            last = rows[-1][:2]

    def iter_ended(self, round: int) -> Iterator[Ended]:
        """What has ended in an open round, in order. Failed ones are left out: they are owed."""
        query = """
            SELECT idx, status, CASE status WHEN 'passed' THEN body END FROM samples
            WHERE round = ? AND idx > ? AND status != 'failed' ORDER BY idx LIMIT ?
        """
        last, full = -1, True
        while full:
            page = self._rows(query, (round, last, _PAGE))
            for last, status, body in page:
                with sqlite_boundary(self.run.database):
                    sample = None if body is None else read_sample(body)
                yield Ended(last, Status(status), sample)
            full = len(page) == _PAGE

    def ids(self, beginning: str, most: int) -> list[str]:
        """The first ids of samples that begin so, in the order of text."""
        query = "SELECT id FROM samples WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
        return [id for (id,) in self._rows(query, (label(beginning), label(beginning) + _LAST, most))]

    def ends(self, round: int, before: int) -> Iterator[tuple[int, Status, str, str]]:
        """Number, status, domain and Generator of a round's candidates below a number, in order."""
        query = "SELECT idx, status, domain, generator FROM samples WHERE round = ? AND idx < ? ORDER BY idx"
        for index, status, domain, generator in self._rows(query, (round, before)):
            yield index, Status(status), domain, generator

    def spent(self, round: int, before: int, together: Sequence[str]) -> Iterator[Spent]:
        """Tokens of a round's candidates below a number, in order; summaries are left out.

        Of tasks in `together` the calls to one model about one text count as one, with the longest prompt: their steps
        differ in the last part only.
        """
        names = ", ".join("?" * len(together))
        # A step without its last part: `rtrim` takes off whatever is no dot.
        query = f"""
            SELECT idx, model, max(prompt_tokens), sum(completion_tokens)
            FROM samples JOIN calls ON calls.sample = samples.id
            WHERE round = ? AND idx < ? AND outcome = 'reply' AND task != 'summary'
            GROUP BY idx, model, CASE WHEN task IN ({names}) THEN rtrim(step, replace(step, '.', '')) ELSE calls.id END
            ORDER BY idx
        """  # noqa: S608
        for row in self._rows(query, (round, before, *together)):
            yield Spent(*row)

    def spent_on(self, sample: Sample, together: Sequence[str]) -> list[tuple[str, Spent]]:
        """Tokens of a sample's calls with their steps, in the order of these.

        Counted as `spent` does, but for comments, each of which stands for itself.
        """
        names = ", ".join("?" * len(together))
        often = f"task IN ({names}) AND step NOT LIKE '%.comment'"
        query = f"""
            SELECT step, model, max(prompt_tokens), sum(completion_tokens) FROM calls
            WHERE sample = ? AND outcome = 'reply' AND task != 'summary'
            GROUP BY model, CASE WHEN {often} THEN rtrim(step, replace(step, '.', '')) ELSE calls.id END
            ORDER BY step, model, 3, 4
        """  # noqa: S608
        rows = self._rows(query, (sample.id, *together))
        return [(step, Spent(sample.index, *spent)) for step, *spent in rows]

    def tokens_by_step(self, sample: str) -> dict[str, int]:
        """Tokens of a sample's calls, read and written, by step."""
        query = """
            SELECT step, sum(prompt_tokens + completion_tokens) FROM calls
            WHERE sample = ? AND outcome = 'reply' GROUP BY step
        """
        return dict(self._rows(query, (sample,)))

    def sample(self, id: str) -> Sample | None:
        """One sample, None if it has not ended yet."""
        rows = self._rows("SELECT body FROM samples WHERE id = ?", (id,))
        with sqlite_boundary(self.run.database):
            return read_sample(rows[0][0]) if rows else None

    def calls_of(self, sample: str) -> list[StoredCall]:
        """A sample's calls, in the order in which they were answered."""
        query = f"SELECT {CALL_FIELDS}, request, reply FROM calls WHERE sample = ? ORDER BY id"  # noqa: S608
        rows = self._rows(query, (sample,))
        with sqlite_boundary(self.run.database):
            return [read_call(row) for row in rows]

    def pool(self) -> list[Entry]:
        """The pool, in its order."""
        return list(self.entries())

    def entries(self) -> Entries:
        """The pool as it stands now, read entry by entry when it is asked for."""
        return Entries(self)

    def vectors(self, texts: Sequence[str]) -> list[Vector | None]:
        """The stored embeddings of these texts as they are, None where a text has none. A run has one such model."""
        from gra.store.ledger import embedded, text_digest, vector_of  # NumPy: not for those who only look at a run

        model = self.embedding_model()
        query = "SELECT vector FROM vectors WHERE model = ? AND digest = ?"
        found = (self._rows(query, (model, text_digest(embedded(text)))) for text in texts)
        return [vector_of(rows[0][0]) if rows else None for rows in found]

    def embedding_model(self) -> str:
        """Identity of the model that its vectors are from; empty if it has none."""
        return str(self._rows("SELECT min(model) FROM vectors")[0][0] or "")

    def entry(self, id: str) -> Entry | None:
        """One entry of the pool, None if it has no such."""
        rows = self._rows("SELECT body FROM pool WHERE id = ?", (id,))
        with sqlite_boundary(self.run.database):
            return read_entry(rows[0][0]) if rows else None

    def fact(self, key: str) -> Any:
        """What is stored under a name, None if nothing is."""
        rows = self._rows("SELECT value FROM facts WHERE key = ?", (key,))
        with sqlite_boundary(self.run.database):
            return json.loads(text_of(rows[0][0])) if rows else None

    def rounds(self) -> list[Round]:
        """The rounds that have begun, in order."""
        query = "SELECT number, target, accepted, candidates, state, detail FROM rounds ORDER BY number"
        rows = self._rows(query)
        with sqlite_boundary(self.run.database):
            return [
                Round(n, target, accepted, count, state, json.loads(text_of(x)))
                for n, target, accepted, count, state, x in rows
            ]

    def attempts(self) -> list[Attempt]:
        """What each attempt has taken in energy, in order; none of a run of an older gra."""
        rows = self._rows("SELECT body FROM energy ORDER BY attempt")
        with sqlite_boundary(self.run.database):
            return [read_attempt(body) for (body,) in rows]

    def used_up(self) -> bool:
        """Whether a refinement has tried every seed, so that there is nothing to go on with."""
        return any(round.state == "closed" and round.detail.get("used_up") for round in self.rounds())

    def _rows(self, query: str, values: tuple[object, ...] | dict[str, object] = ()) -> list[tuple[Any, ...]]:
        with sqlite_boundary(self.run.database):
            cursor: sqlite3.Cursor = self._connection.execute(query, values)
            return cursor.fetchall()


class Entries(Sequence[Entry]):
    """The pool in its order, on disk. A pool only grows while it is in use, and this is as long as it was."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        # Places are numbered without a gap, and to count them would be to read the pool.
        self._length: int = reader._rows("SELECT coalesce(max(position) + 1, 0) FROM pool")[0][0]

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        if isinstance(place, slice):
            return [self[n] for n in range(*place.indices(self._length))]
        if not 0 <= place < self._length:
            raise IndexError(f"the pool has no entry {place}")
        rows = self._reader._rows("SELECT body FROM pool WHERE position = ?", (place,))
        with sqlite_boundary(self._reader.run.database):
            return read_entry(rows[0][0])


def _samples_query(status: Status | None, round: int | None, page: int) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {"status": status, "round": round}
    # With a round given, comparing pairs would keep SQLite from walking its index in order.
    where = [
        "(round, idx) > (:round_after, :index_after)" if round is None else "round = :round AND idx > :index_after"
    ]
    if status is not None:
        where.append("status = :status")
    query = f"SELECT round, idx, body FROM samples WHERE {' AND '.join(where)} ORDER BY round, idx LIMIT {page}"  # noqa: S608
    return query, values


def _grouped(pairs: Iterable[tuple[str, Total]]) -> dict[str, Total]:
    groups: dict[str, Total] = {}
    for name, total in pairs:
        groups[name] = groups.get(name, Total()) + total
    return groups
