"""What can be said of a run as a whole, worked out over the index and kept in it, so that no page has to.

Each digest is plain JSON by a name; the functions here say what is in it.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from gra.engine.forecast import still_to_come
from gra.inspector.projection import project
from gra.records import Status
from gra.report.survey import Report, report_on
from gra.store.counting import STAGES
from gra.store.following import Following
from gra.store.reader import Reader
from gra.synthesis.agreement import Pair, alpha

MAPPED = 20_000
"""Accepted samples that the map is made of; of more, evenly spread ones."""
WORDS = 60
"""Keywords told."""
CLUSTERS = 40
REASONS = 40
BINS = 24
"""Bars of a histogram."""
PACE_S = 600.0
"""The time over which a run's pace is taken."""


def make_digests(connection: sqlite3.Connection, reader: Reader, following: Following, everything: bool) -> None:
    """Work out digests, and replace the old ones in one transaction.

    Args:
        connection: to the index, writing.
        reader: of the run.
        following: the same run.
        everything: also what depends on samples alone, of which there are new ones.
    """
    report = report_on(reader)
    digests: dict[str, Any] = {"report": report.plain(), "live": live(report, following)}
    digests["rounds"] = rounds(connection, reader)
    points = None
    if everything:
        points, digests["map"] = positions(connection, following)
        digests |= {**of_samples(connection), "fresh": True}
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("REPLACE INTO digests VALUES (?, ?)", ((k, json.dumps(v)) for k, v in digests.items()))
        if points is not None:
            connection.execute("DELETE FROM points")
            connection.executemany("INSERT INTO points VALUES (?, ?, ?)", points)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # of a full disk SQLite has rolled back itself
            connection.execute("ROLLBACK")
        raise


def of_samples(connection: sqlite3.Connection) -> dict[str, Any]:
    """The digests that depend on samples alone."""
    return {
        "facets": facets(connection),
        "reviewers": reviewers(connection),
        "lengths": lengths(connection),
        "scores": scores(connection),
        "keywords": keywords(connection),
        "clusters": clusters(connection),
    }


def live(report: Report, following: Following) -> dict[str, Any]:
    """How much longer a run at work will take, at the pace of the last minutes; nothing of one that is at rest."""
    if report.state != "working":
        return {}
    counts = {ended.status: ended.count for ended in report.ended}
    waiting = counts.get(Status.PASSED, 0)
    passed = report.accepted + waiting + counts.get(Status.DUPLICATE, 0)
    missing = max(0, report.target - report.accepted - waiting)
    ended = sum(counts.values())
    told: dict[str, Any] = {"waiting": waiting, "missing": missing}
    pace = following.pace(PACE_S)
    if ended and pace.seconds > 0:
        calls_each = report.totals.all.calls / ended
        seconds_each = calls_each * pace.seconds / pace.calls
        candidates = still_to_come(missing, passed, ended)
        told["calls_per_minute"] = 60 * pace.calls / pace.seconds
        told["seconds_left"] = [
            None if math.isinf(n) else n * seconds_each for n in (candidates.low, candidates.likely, candidates.high)
        ]
    return told


def rounds(connection: sqlite3.Connection, reader: Reader) -> list[dict[str, Any]]:
    """Each round with how its candidates ended and how far they came."""
    by_round: dict[int, dict[str, Any]] = {}
    for number, status, depth, count in connection.execute(
        "SELECT round, status, depth, count(*) FROM samples GROUP BY round, status, depth"
    ):
        told = by_round.setdefault(number, {"statuses": Counter(), "reached": [0] * len(STAGES)})
        told["statuses"][status] += count
        for stage in range(depth + 1):
            told["reached"][stage] += count
    blank: dict[str, Any] = {"statuses": {}, "reached": [0] * len(STAGES)}
    return [{**asdict(this), **by_round.get(this.number, blank)} for this in reader.rounds()]


def facets(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, int]]]:
    """What samples can be chosen by, with how many there are of each, the commonest first."""
    found = {}
    for name in ("status", "domain", "round", "generator", "reason"):
        query = f"SELECT {name}, count(*) FROM samples GROUP BY {name} ORDER BY 2 DESC, 1 LIMIT ?"  # noqa: S608
        found[name] = connection.execute(query, (REASONS if name == "reason" else 200,)).fetchall()
    found["round"].sort()
    return found


def reviewers(connection: sqlite3.Connection) -> dict[str, Any]:
    """Who said what of whom, and who agreed with whom."""
    rows = connection.execute(
        "SELECT role, stage, reviewer, count(*), sum(state = 'read'), sum(state = 'failed'), sum(state = 'unasked'), "
        "count(vote), sum(vote), avg(mean), avg(mean * mean) FROM opinions GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3"
    )
    names = ("role", "stage", "model", "cast", "read", "failed", "unasked", "votes", "yes", "mean", "square")
    table = [dict(zip(names, row, strict=True)) for row in rows]
    for row in table:
        mean, square = row["mean"], row.pop("square")
        row["spread"] = None if mean is None else math.sqrt(max(0.0, square - mean * mean))
    matrix = connection.execute(
        "SELECT generator, reviewer, count(vote), sum(vote), avg(mean) FROM opinions "
        "WHERE role = 'reviewer' AND stage = 'response' AND state = 'read' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return {
        "table": table,
        "matrix": [dict(zip(("generator", "reviewer", "votes", "yes", "mean"), row, strict=True)) for row in matrix],
        "pairs": [{"stage": stage, **asdict(pair)} for stage, pair in pairs(connection)],
        "alpha": {stage: alpha(units(connection, stage)) for stage in ("instruction", "response")},
        "alpha_by_domain": alphas(connection, "domain"),
        "alpha_by_round": alphas(connection, "round"),
    }


def pairs(connection: sqlite3.Connection) -> Iterator[tuple[str, Pair]]:
    """Reviewers that have voted on the same things, by stage."""
    rows = connection.execute(
        "SELECT a.stage, a.reviewer, b.reviewer, sum(a.vote AND b.vote), sum(a.vote AND NOT b.vote), "
        "sum(NOT a.vote AND b.vote), sum(NOT a.vote AND NOT b.vote) FROM opinions a JOIN opinions b "
        "ON b.n = a.n AND b.version = a.version AND b.role = 'reviewer' AND b.reviewer > a.reviewer "
        "WHERE a.role = 'reviewer' AND a.vote IS NOT NULL AND b.vote IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    return ((stage, Pair(*rest)) for stage, *rest in rows)


def units(connection: sqlite3.Connection, stage: str) -> list[tuple[int, int, int]]:
    """How many voted yes and no on a thing, and how often that happened."""
    return connection.execute(
        "SELECT yes, votes - yes, count(*) FROM (SELECT sum(vote) AS yes, count(vote) AS votes FROM opinions "
        "WHERE role = 'reviewer' AND stage = ? AND vote IS NOT NULL GROUP BY n, version) GROUP BY 1, 2",
        (stage,),
    ).fetchall()


def alphas(connection: sqlite3.Connection, by: str) -> list[tuple[Any, float | None, int]]:
    """Krippendorff's alpha of the votes on responses, domain by domain or round by round, and of how many that is."""
    query = (
        f"SELECT {by}, yes, votes - yes, count(*) FROM (SELECT s.{by} AS {by}, sum(vote) AS yes, count(vote) AS votes "  # noqa: S608
        "FROM opinions o JOIN samples s USING (n) WHERE role = 'reviewer' AND stage = 'response' AND vote IS NOT NULL "
        "GROUP BY o.n, o.version) GROUP BY 1, 2, 3"
    )
    found: dict[Any, list[tuple[int, int, int]]] = {}
    for key, *unit in connection.execute(query):
        found.setdefault(key, []).append((unit[0], unit[1], unit[2]))
    return [(key, alpha(of), sum(n for a, b, n in of if a + b > 1)) for key, of in sorted(found.items())]


def lengths(connection: sqlite3.Connection) -> dict[str, Any]:
    """Histograms of the accepted samples' lengths in characters."""
    found = {}
    for name in ("instruction", "response"):
        query = f"SELECT {name}_length FROM samples WHERE status = 'accepted'"  # noqa: S608
        values = np.array([length for (length,) in connection.execute(query)], dtype=np.float64)
        found[name] = histogram(values, float(np.percentile(values, 99)) if len(values) else 1.0)
    return found


def scores(connection: sqlite3.Connection) -> dict[str, Any]:
    """Histograms of scores, of what is accepted and of what else was reviewed."""
    found = {}
    for name, which in (("accepted", "="), ("others", "!=")):
        query = f"SELECT score FROM samples WHERE status {which} 'accepted' AND response_length > 0"  # noqa: S608
        found[name] = histogram(np.array([score for (score,) in connection.execute(query)], dtype=np.float64), 10.0)
    return found


def histogram(values: np.ndarray[Any, Any], high: float) -> dict[str, Any]:
    """Counts in `BINS` bins from 0; what lies above `high` is in the last."""
    high = max(high, 1.0)
    counts, edges = np.histogram(values.clip(0, high), bins=BINS, range=(0, high))
    middle = float(np.median(values)) if len(values) else None
    largest = float(values.max()) if len(values) else None
    return {"counts": counts.tolist(), "edges": edges.tolist(), "median": middle, "largest": largest}


def keywords(connection: sqlite3.Connection) -> dict[str, Any]:
    """The accepted samples' keywords, the commonest first."""
    counts = Counter[str]()
    for (words,) in connection.execute("SELECT keywords FROM samples WHERE status = 'accepted'"):
        counts.update(set(words.split("\n")) - {""})
    return {"different": len(counts), "commonest": counts.most_common(WORDS)}


def clusters(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """What most duplicates were turned down for, with the nearest of them."""
    rows = connection.execute(
        "SELECT duplicate_of, count(*), max(similarity), min(similarity) FROM samples "
        "WHERE status = 'duplicate' AND duplicate_of != '' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        (CLUSTERS,),
    ).fetchall()
    found = []
    for original, count, most, least in rows:
        members = connection.execute(
            "SELECT id, title, similarity FROM samples WHERE duplicate_of = ? AND status = 'duplicate' "
            "ORDER BY similarity DESC LIMIT 5",
            (original,),
        ).fetchall()
        title = connection.execute("SELECT title FROM samples WHERE id = ?", (original,)).fetchone()
        found.append(
            {
                "of": original,
                "title": title[0] if title else "",
                "count": count,
                "nearest": most,
                "farthest": least,
                "members": [dict(zip(("id", "title", "similarity"), member, strict=True)) for member in members],
            }
        )
    return found


def positions(connection: sqlite3.Connection, following: Following) -> tuple[list[tuple[int, float, float]], Any]:
    """Where the accepted samples lie on a map, and what there is to say of it."""
    rows = connection.execute("SELECT n, embedded FROM samples WHERE status = 'accepted' ORDER BY n").fetchall()
    rows = rows[:: max(1, math.ceil(len(rows) / MAPPED))]
    found = following.vectors(digest for _, digest in rows)
    placed = [(n, found[digest]) for n, digest in rows if digest in found]
    if not placed:
        return [], {"points": 0, "explained": 0.0}
    shown = project(np.stack([vector for _, vector in placed]))
    points = [(n, float(x), float(y)) for (n, _), (x, y) in zip(placed, shown.places, strict=True)]
    return points, {"points": len(points), "explained": shown.explained}
