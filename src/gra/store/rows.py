"""How records lie in the tables: one function to write a row and one to read it, side by side.

All of them run inside someone else's transaction. Nothing here decides what is written, or when.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gra.calls import CallId, Reply, Request
from gra.errors import Refused
from gra.records import Entry, Sample
from gra.store.codec import checksum, compact, from_json, label, readable, text_of, to_json
from gra.store.counting import counted

Answer = Reply | Refused
"""What a model server said to a request: a reply, or that it will not answer it as things are."""

CallRow = tuple[Any, ...]
"""The columns of a call, as they are stored."""

CALL_FIELDS = (
    "sample, step, attempt, digest, task, model, prompt, outcome, "
    "prompt_tokens, cached_tokens, completion_tokens, seconds, finished_at"
)
"""The small columns of a call, in the order in which its checksum takes them; `request` and `reply` follow."""
_INSERT_CALL = f"INSERT OR IGNORE INTO calls ({CALL_FIELDS}, request, reply, checksum) VALUES ({', '.join('?' * 16)})"  # noqa: S608
_FIND_CALL = """
    SELECT reply FROM calls
    WHERE sample = ? AND step = ? AND attempt = ? AND digest = ? AND outcome = 'reply'
"""
_FIND_REFUSAL = _FIND_CALL.replace("'reply'", "'refused'")
_PUT_SAMPLE = """
    INSERT INTO samples
        (id, round, idx, status, domain, reason, score, generator, body, depth, how, pattern, outside)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET
        round = excluded.round, idx = excluded.idx, status = excluded.status, domain = excluded.domain,
        reason = excluded.reason, score = excluded.score, generator = excluded.generator, body = excluded.body,
        depth = excluded.depth, how = excluded.how, pattern = excluded.pattern, outside = excluded.outside
"""
_APPEND_ENTRY = """
    INSERT INTO pool (position, id, round, body)
    VALUES ((SELECT coalesce(max(position) + 1, 0) FROM pool), ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET round = excluded.round, body = excluded.body
"""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One line of the ledger."""

    call: CallId
    digest: str
    task: str
    prompt: str
    request: Request
    answer: Answer
    finished_at: str
    """UTC, ISO 8601."""


def task_of(step: str) -> str:
    """What kind of work a step is: its first component that is not the number of a version."""
    return next((part for part in step.split(".") if not re.fullmatch(r"v\d+", part)), step)


def now() -> str:
    """The time, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def call_row(call: CallId, digest: str, request: Request, answer: Answer, finished_at: str) -> CallRow:
    """A call as it is stored."""
    refused = isinstance(answer, Refused)
    reply = Reply("") if isinstance(answer, Refused) else answer  # a refusal took no tokens
    asked, said = to_json(request), to_json(str(answer) if refused else answer)
    fields = (
        *_key(call, digest),
        label(task_of(call.step)),
        label(request.model),
        label(request.prompt),
        "refused" if refused else "reply",
        reply.usage.prompt_tokens,
        reply.usage.cached_tokens,
        reply.usage.completion_tokens,
        float(reply.seconds),
        finished_at,
    )
    return (*fields, compact(asked), compact(said), checksum(fields, asked, said))


def insert_row(connection: sqlite3.Connection, row: CallRow) -> Reply | None:
    """Store a call. Returns the reply that was stored for it before, which counts; None if this one does."""
    if connection.execute(_INSERT_CALL, row).rowcount or row[7] == "refused":
        return None
    found = connection.execute(_FIND_CALL, row[:4]).fetchone()
    if found is None:  # then a constraint other than the key turned the row away
        raise ValueError(f"a call cannot be stored: {row[:13]}")
    return from_json(Reply, text_of(found[0]))


def insert_call(
    connection: sqlite3.Connection, call: CallId, digest: str, request: Request, answer: Answer, finished_at: str
) -> Answer:
    """Store a call and return the answer that counts: the first reply that was stored for it, else this one."""
    return insert_row(connection, call_row(call, digest, request, answer, finished_at)) or answer


def find_call(connection: sqlite3.Connection, call: CallId, digest: str) -> Reply | None:
    """The stored reply to a call. A refusal is on record but is no reply: what caused it may have been mended."""
    row = connection.execute(_FIND_CALL, _key(call, digest)).fetchone()
    return None if row is None else from_json(Reply, text_of(row[0]))


def find_refusal(connection: sqlite3.Connection, call: CallId, digest: str) -> Refused | None:
    """What a server said when it would not answer a call; there may be a reply all the same, from a later attempt."""
    row = connection.execute(_FIND_REFUSAL, _key(call, digest)).fetchone()
    return None if row is None else Refused(from_json(str, text_of(row[0])))


def is_known(connection: sqlite3.Connection, call: CallId) -> bool:
    """Whether there is any answer to a call by this name, whatever was asked."""
    query = "SELECT 1 FROM calls WHERE sample = ? AND step = ? AND attempt = ?"
    return connection.execute(query, _key(call, "")[:3]).fetchone() is not None


def read_call(row: tuple[Any, ...]) -> StoredCall:
    """A row of `CALL_FIELDS, request, reply`."""
    sample, step, attempt, digest, task, _, prompt, outcome = row[:8]
    return StoredCall(
        CallId(sample, step, attempt),
        digest,
        task,
        prompt,
        from_json(Request, text_of(row[13])),
        _answer(outcome, row[14]),
        row[12],
    )


def put_sample(connection: sqlite3.Connection, sample: Sample) -> None:
    """Store a sample, in place of what was known of it."""
    row = (
        sample.id,
        sample.round,
        sample.index,
        sample.status.value,
        label(sample.domain),
        label(sample.reason),
        sample.score,
        label(sample.cast.generator),
        readable(to_json(sample)),
        *counted(sample).columns,
    )
    connection.execute(_PUT_SAMPLE, row)


def read_sample(body: str | bytes) -> Sample:
    """The sample of a `body` column."""
    return from_json(Sample, text_of(body))


def append_entries(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Put entries at the end of the pool; one that is there keeps its place."""
    rows = ((entry.id, entry.round, readable(to_json(entry))) for entry in entries)
    connection.executemany(_APPEND_ENTRY, rows)


def read_entry(body: str | bytes) -> Entry:
    """The pool entry of a `body` column."""
    return from_json(Entry, text_of(body))


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt at a run has taken, in joules, as far as it was read or reckoned."""

    number: int
    """From 1."""
    begun_at: str
    """UTC."""
    seconds: float
    measured: Mapping[str, float] = field(default_factory=dict)
    """By part of the machine, for example `package-0` or `GPU 0`."""
    estimated: Mapping[str, float] = field(default_factory=dict)
    """By model, of those that no meter of this machine covers."""
    unknown: tuple[str, ...] = ()
    """Models that are neither covered nor of known size."""


def put_attempt(connection: sqlite3.Connection, attempt: Attempt) -> None:
    """Store what an attempt has taken, in place of what was known of it."""
    row = (*attempt_columns(attempt), readable(to_json(attempt)))
    connection.execute("INSERT OR REPLACE INTO energy VALUES (?, ?, ?, ?, ?, ?)", row)


def attempt_columns(attempt: Attempt) -> tuple[int, str, float, float, float]:
    """The columns of its row before `body`."""
    measured, estimated = sum(attempt.measured.values()), sum(attempt.estimated.values())
    return attempt.number, attempt.begun_at, attempt.seconds, measured, estimated


def read_attempt(body: str | bytes) -> Attempt:
    """The attempt of a `body` column."""
    return from_json(Attempt, text_of(body))


def _key(call: CallId, digest: str) -> tuple[str, str, int, str]:
    return label(call.sample), label(call.step), call.attempt, digest


def _answer(outcome: str, reply: str | bytes) -> Answer:
    text = text_of(reply)
    return Refused(from_json(str, text)) if outcome == "refused" else from_json(Reply, text)
