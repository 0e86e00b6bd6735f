"""Does a run's database hold what was written, and does it add up? Names rows; mends nothing."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from gra.records import Sample
from gra.store.codec import checksum, label, text_of
from gra.store.database import connect_reader, sqlite_boundary
from gra.store.rows import CALL_FIELDS, attempt_columns, read_attempt, read_call, read_entry, read_sample
from gra.store.run_dir import RunDir

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written."""

    table: str
    row: str
    """The row's key, empty where the whole table is meant."""
    problem: str


def verify(run: RunDir) -> list[Finding]:
    """Read everything and say what cannot be trusted; an empty list is a clean bill.

    Raises:
        StoreError: the database is too damaged to be read at all.
    """
    checks = (_file, _calls, _totals, _samples, _tallies, _rounds, _pool, _energy)
    with closing(connect_reader(run.database)) as connection, sqlite_boundary(run.database):
        # One transaction: a run at work must not move on between two counts.
        connection.execute("BEGIN")
        return [finding for check in checks for finding in check(connection)]


def _file(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield Finding("(file)", "", line)


def _calls(connection: sqlite3.Connection) -> Iterator[Finding]:
    query = f"SELECT {CALL_FIELDS}, request, reply, checksum FROM calls ORDER BY id"  # noqa: S608
    for row in connection.execute(query):
        *fields, request, reply, stored = row
        sample, step, attempt, digest = fields[:4]
        name = f"{sample} {step} {attempt} {digest}"
        if problem := _problem(read_call, row[:15]):
            yield Finding("calls", name, problem)
        elif checksum(fields, text_of(request), text_of(reply)) != stored:
            yield Finding("calls", name, "was edited: its content does not match its checksum")


def _totals(connection: sqlite3.Connection) -> Iterator[Finding]:
    sums = (
        "count(*), sum(outcome = 'refused'), sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens), "
        "sum(seconds)"
    )
    counted = _by_key(connection, f"SELECT model, task, {sums} FROM calls GROUP BY model, task")  # noqa: S608
    kept = _by_key(
        connection,
        "SELECT model, task, calls, refused, prompt_tokens, cached_tokens, completion_tokens, seconds FROM totals",
    )
    for key in sorted({*counted, *kept}):
        here, there = counted.get(key), kept.get(key)
        # Seconds were added one by one in another order, which moves the last digits.
        if here is None or there is None or here[:5] != there[:5] or not math.isclose(here[5], there[5], rel_tol=1e-6):
            yield Finding("totals", " ".join(key), f"says {there}, the calls add up to {here}")


def _by_key(connection: sqlite3.Connection, query: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {row[:2]: row[2:] for row in connection.execute(query)}


def _samples(connection: sqlite3.Connection) -> Iterator[Finding]:
    query = "SELECT body, id, round, idx, status, domain, reason, score, generator FROM samples ORDER BY round, idx"
    for body, *columns in connection.execute(query):
        if problem := _problem(read_sample, body):
            yield Finding("samples", str(columns[0]), problem)
        elif columns != (expected := _columns(read_sample(body))):
            differ = [name for name, a, b in zip(_COLUMNS, columns, expected, strict=True) if a != b]
            yield Finding("samples", str(columns[0]), f"was edited: body and columns differ in {', '.join(differ)}")


_COLUMNS = ("id", "round", "index", "status", "domain", "reason", "score", "generator")


def _columns(sample: Sample) -> list[object]:
    return [
        sample.id,
        sample.round,
        sample.index,
        sample.status.value,
        label(sample.domain),
        label(sample.reason),
        None if math.isnan(sample.score) else sample.score,
        label(sample.cast.generator),
    ]


def _tallies(connection: sqlite3.Connection) -> Iterator[Finding]:
    """What is kept of all samples together, against their rows."""
    for table, keys in (("tally", "round, status, domain, depth, how"), ("reasons", "status, pattern")):
        kept = connection.execute(f"SELECT {keys}, count FROM {table} WHERE count != 0")  # noqa: S608
        rows = connection.execute(f"SELECT {keys}, count(*) FROM samples GROUP BY {keys}")  # noqa: S608
        for key, *_ in sorted({(row[:-1],) for row in set(kept) ^ set(rows)}):
            yield Finding(table, " ".join(map(str, key)), "does not say how many such samples there are")


def _rounds(connection: sqlite3.Connection) -> Iterator[Finding]:
    query = """
        SELECT number, accepted, candidates,
            (SELECT count(*) FROM samples WHERE round = number AND status = 'accepted'),
            (SELECT count(*) FROM samples WHERE round = number),
            (SELECT count(*) FROM pool WHERE round = number)
        FROM rounds WHERE state = 'closed' ORDER BY number
    """
    for number, accepted, candidates, *counted in connection.execute(query):
        if [accepted, candidates, accepted] != counted:
            yield Finding(
                "rounds",
                str(number),
                f"says {accepted} accepted of {candidates}; there are {counted[0]} accepted of {counted[1]} samples, "
                f"and {counted[2]} joined the pool",
            )


def _pool(connection: sqlite3.Connection) -> Iterator[Finding]:
    query = """
        SELECT pool.id, pool.round, pool.body, samples.status FROM pool
        LEFT JOIN samples ON samples.id = pool.id AND samples.round = pool.round
        ORDER BY position
    """
    for id, number, body, status in connection.execute(query):
        if problem := _problem(read_entry, body):
            yield Finding("pool", id, problem)
        elif number > 0 and status != "accepted":
            yield Finding("pool", id, f"is not an accepted sample of round {number} ({status or 'there is none'})")


def _energy(connection: sqlite3.Connection) -> Iterator[Finding]:
    query = "SELECT body, attempt, begun_at, seconds, measured, estimated FROM energy ORDER BY attempt"
    for body, *columns in connection.execute(query):
        if problem := _problem(read_attempt, body):
            yield Finding("energy", str(columns[0]), problem)
        elif tuple(columns) != attempt_columns(read_attempt(body)):
            yield Finding("energy", str(columns[0]), "was edited: body and columns differ")


def _problem(read: Callable[[T], object], stored: T) -> str:
    try:
        read(stored)
    except (ValueError, TypeError) as error:
        return f"cannot be read: {str(error).splitlines()[0]}"
    return ""
