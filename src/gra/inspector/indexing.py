"""Keeps the index of a run up to date, in a thread of its own.

What is new or has changed is read from the run's database, and the digests are made again. Knows no pages.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, permutations
from pathlib import Path
from statistics import pstdev
from typing import Any

from gra.display.safe import one_line
from gra.inspector.digests import make_digests
from gra.inspector.index import make_index
from gra.records import Opinion, Sample, Status, Verdict
from gra.store.codec import label
from gra.store.counting import counted
from gra.store.following import Following
from gra.store.ledger import embedded, text_digest
from gra.store.reader import Reader
from gra.store.run_dir import RunDir
from gra.store.verdicts import digest_of
from gra.synthesis.figures import alike, rating, said_by_models

BATCH = 250
"""Samples indexed in one transaction."""
POLL_S = 1.0
"""Time between two looks at a run."""
SHARE = 10
"""Digests take at most one part in so many of the time."""
TITLE = 200
"""Characters of an instruction that a list shows."""
KEYWORD = 60
"""Characters of a keyword that is counted."""
SEARCHED = 20_000
"""Characters of a text that can be found."""
log = logging.getLogger(__name__)


class Indexer:
    """Follows a run: `with Indexer(run, file) as indexer`, and the index is filled in the background meanwhile."""

    def __init__(self, run: RunDir, file: Path) -> None:
        self.run = run
        self.file = file
        self.problem = ""
        """Why the index is not kept up any more, in words."""
        stat = run.database.stat()
        self._connection = make_index(file, f"{run.fingerprint} {stat.st_dev} {stat.st_ino}")
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="gra-index", daemon=True)

    def __enter__(self) -> Indexer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Let go of the index."""
        self._connection.close()

    def _work(self) -> None:
        try:
            with closing(Reader(self.run)) as reader:
                self._follow(reader, Following(reader))
        except Exception as error:
            self.problem = str(error) or type(error).__name__
            log.warning("the index is not kept up any more: %s", error, exc_info=True)

    def _follow(self, reader: Reader, following: Following) -> None:
        seen, due = -1, 0.0
        while not self._ending.is_set():
            version = following.version()
            if version != seen and time.monotonic() >= due:
                began = time.monotonic()
                if not self.refresh(reader, following):
                    return
                seen, due = version, time.monotonic() + SHARE * min(6.0, time.monotonic() - began)
            self._ending.wait(POLL_S)

    def refresh(self, reader: Reader, following: Following) -> bool:
        """Bring index and digests up to date; False if it was called off."""
        for _ in self.sync(following):
            if self._ending.is_set():
                return False
        self._note(following)
        fresh = self._connection.execute("SELECT 1 FROM digests WHERE name = 'fresh'").fetchone()
        make_digests(self._connection, reader, following, everything=not fresh)
        return True

    def sync(self, following: Following) -> Iterator[int]:
        """Index what is new or has changed, a batch at a time; yields how many samples that was."""
        last = self._one("SELECT coalesce(max(source), 0) FROM samples")
        while page := following.after(last, BATCH):
            self._put(page)
            last = page[-1][0]
            self._note(following)
            yield len(page)
        changed = sorted(self._changed(following))
        for begin in range(0, len(changed), BATCH):
            self._put(following.again(changed[begin : begin + BATCH]))
            yield BATCH
        if self._one("SELECT count(*) FROM samples") != following.count():
            self._forget()  # rows were renumbered, or taken away: no program of ours does either
            yield 0
            yield from self.sync(following)

    def _changed(self, following: Following) -> set[int]:
        """Rows whose status is another one than here, and failed ones, which may have failed in another way."""
        there = following.by_round()
        here: dict[int, dict[str, int]] = {}
        for number, status, count in self._connection.execute(
            "SELECT round, status, count(*) FROM samples GROUP BY round, status"
        ):
            here.setdefault(number, {})[status] = count
        changed: set[int] = set()
        for number in [n for n in here if here[n] != there.get(n)]:
            known = dict(self._connection.execute("SELECT source, status FROM samples WHERE round = ?", (number,)))
            now = following.statuses(number)
            changed |= {row for row, s in now.items() if row in known and (known[row] != s or s == Status.FAILED)}
        return changed

    def _put(self, rows: Iterable[tuple[int, Sample]]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for source, sample in rows:
                _put(connection, source, sample)
            connection.execute("DELETE FROM digests WHERE name = 'fresh'")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # of a full disk SQLite has rolled back itself
                connection.execute("ROLLBACK")
            raise

    def _note(self, following: Following) -> None:
        progress = {"indexed": self._one("SELECT count(*) FROM samples"), "of": following.count()}
        self._connection.execute("REPLACE INTO digests VALUES ('progress', ?)", (json.dumps(progress),))

    def _forget(self) -> None:
        self._connection.executescript(
            "BEGIN IMMEDIATE; DELETE FROM samples; DELETE FROM opinions; DELETE FROM disagreements; "
            "DELETE FROM digests WHERE name = 'fresh'; "
            "INSERT INTO texts (texts) VALUES ('delete-all'); COMMIT"
        )

    def _one(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])


def _put(connection: sqlite3.Connection, source: int, sample: Sample) -> None:
    n = (sample.round << 32) | sample.index
    old = connection.execute("SELECT doc, same FROM samples WHERE n = ?", (n,)).fetchone()
    texts = _texts(sample)
    same = _short("\0".join(texts))
    if old and old[1] == same:
        doc = old[0]
    else:  # the words of an older text stay in the index of words, where nothing leads to them any more
        (doc,) = connection.execute("SELECT coalesce(max(rowid), 0) + 1 FROM texts").fetchone()
        connection.execute(
            "INSERT INTO texts (rowid, instruction, response, reviews) VALUES (?, ?, ?, ?)", (doc, *texts)
        )
    row = {"n": n, "source": source, **_row(sample), "same": same, "doc": doc}
    names = ", ".join(row)
    connection.execute(f"REPLACE INTO samples ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))  # noqa: S608
    connection.execute("DELETE FROM opinions WHERE n = ?", (n,))
    connection.execute("DELETE FROM disagreements WHERE n = ?", (n,))
    connection.executemany(
        "INSERT OR REPLACE INTO opinions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(n, *opinion) for opinion in _opinions(sample)],
    )
    connection.executemany("INSERT OR IGNORE INTO disagreements VALUES (?, ?, ?, ?)", _disagreements(sample, n))


def _short(text: str) -> str:
    """Names a text; two that differ have two names, as good as always."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _texts(sample: Sample) -> tuple[str, str, str]:
    """What can be searched for: instruction with keywords, all responses, and what was said of them."""
    responses = "\n".join(version.response[:SEARCHED] for version in sample.versions)
    opinions = chain(sample.opinions, *(version.opinions for version in sample.versions))
    said = "\n".join([sample.reason, *(opinion.comment for opinion in opinions)])
    asked = "\n".join([sample.instruction[:SEARCHED], *sample.keywords])
    return label(asked), label(responses), label(said[:SEARCHED])


def _row(sample: Sample) -> dict[str, Any]:
    verdicts = [v for v in (sample.verdict, *(version.verdict for version in sample.versions)) if v]
    committees = [sample.opinions, *(version.opinions for version in sample.versions)]
    known = counted(sample)
    return {
        "id": sample.id,
        "round": sample.round,
        "status": sample.status.value,
        "domain": one_line(sample.domain, TITLE),
        "generator": one_line(sample.best.cast.generator if sample.best else sample.cast.generator, TITLE),
        "reason": one_line(known.pattern, TITLE),
        "score": sample.score if sample.score == sample.score else 0.0,
        "disagreement": max(map(disagreement, committees), default=0.0),
        "split": any(len(set(verdict.votes.values())) > 1 for verdict in verdicts),
        "disputed": any(verdict.outcome == "dispute" for verdict in verdicts),
        "ruled": any(version.ruling for version in sample.versions),
        "revisions": max(0, len(sample.versions) - 1),
        "depth": known.depth,
        "instruction_length": len(sample.instruction),
        "response_length": len(sample.response),
        "similarity": sample.similarity,
        "duplicate_of": label(sample.duplicate_of),
        "keywords": "\n".join(one_line(word.casefold(), KEYWORD) for word in sample.keywords),
        "title": label(" ".join(sample.instruction[: 4 * TITLE].split())[:TITLE]),
        "asked": int(_short(" ".join(sample.instruction.split()).casefold())[:15], 16),
        "judged": digest_of(sample),
        "embedded": text_digest(embedded(sample.instruction)),
    }


def disagreement(opinions: Iterable[Opinion]) -> float:
    """Population standard deviation of the reviewers' mean scores of what all were asked, on a scale of 0 to 10."""
    means = [rating(opinion) for opinion in alike(said_by_models(opinions))]
    return pstdev(means) if len(means) > 1 else 0.0


def _opinions(sample: Sample) -> Iterator[tuple[Any, ...]]:
    """The rows of all opinions, without the sample's number."""
    best = sample.best.number if sample.best else -1
    author = sample.cast.generator
    yield from (_opinion(o, -1, "reviewer", author, not sample.versions, sample.verdict) for o in sample.opinions)
    for version in sample.versions:
        author, counts = version.cast.generator, version.number == best
        yield from (_opinion(o, version.number, "reviewer", author, counts, version.verdict) for o in version.opinions)
        if version.ruling:
            ruled = version.ruling.verdict.outcome == "accept"
            opinion = version.ruling.opinion
            yield _opinion(opinion, version.number, "adjudicator", author, counts, None, ruled)


def _opinion(
    opinion: Opinion,
    version: int,
    role: str,
    author: str,
    counts: bool,
    verdict: Verdict | None,
    ruled: bool | None = None,
) -> tuple[Any, ...]:
    state = "failed" if opinion.failure else "unasked" if opinion.unasked else "read"
    vote = verdict.votes.get(opinion.model) if verdict else ruled
    mean = rating(opinion) if opinion.usable and opinion.scores else None
    names = label(opinion.model), opinion.stage, label(author)
    return version, role, *names, counts, state, opinion.reading, vote, mean, opinion.outside


def _disagreements(sample: Sample, n: int) -> Iterator[tuple[str, str, str, int]]:
    verdicts = [("instruction", sample.verdict), *(("response", version.verdict) for version in sample.versions)]
    for stage, verdict in verdicts:
        if verdict:
            for a, b in permutations(verdict.votes, 2):
                if verdict.votes[a] and not verdict.votes[b]:
                    yield stage, label(a), label(b), n
