"""What is added up of samples as they are stored is what one would find by reading them all."""

import math
import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_builders import new_run, sample

from gra.errors import StoreError
from gra.records import Opinion, Sample, Status
from gra.store import migrations, rows
from gra.store.codec import label, readable, to_json
from gra.store.counting import counted
from gra.store.migrations import migrate
from gra.store.reader import Reader
from gra.store.run_dir import RunDir, open_run
from gra.store.verify import verify
from gra.store.writer import Writer


def drawn(number: int, draw: random.Random) -> Sample:
    opinions = tuple(
        Opinion(draw.choice(("one", "two")), "instruction", "probability", {"clarity": 0.5}, outside=draw.random())
        for _ in range(draw.randrange(3))
    )
    reason = draw.choice(
        (f"score {draw.random():.2f}", f"cosine 0.{draw.randrange(99)} to r01-{draw.randrange(99):05d}")
    )
    status = draw.choice(list(Status))
    made = replace(sample(number, status, draw.randint(1, 2)), reason=reason, opinions=opinions)
    return replace(made, domain=draw.choice(("Math", "Coding", "\ud800")))


def expected(samples: list[Sample]) -> tuple[Counter[Any], Counter[Any], dict[str, float]]:
    found = [(s, counted(s)) for s in samples]
    tally = Counter[Any]((s.round, s.status, label(s.domain), c.depth, c.how) for s, c in found)
    reasons = Counter[Any]((s.status, c.pattern) for s, c in found)
    sums: dict[str, list[float]] = {}
    for _, c in found:
        for model, (total, n) in c.outside.items():
            before = sums.setdefault(model, [0.0, 0])
            sums[model] = [before[0] + total, before[1] + n]
    return tally, reasons, {model: total / n for model, (total, n) in sums.items()}


def kept(run: RunDir) -> tuple[Counter[Any], Counter[Any], dict[str, float]]:
    with Reader(run) as reader:
        tally = Counter[Any]({(t.round, t.status, t.domain, t.depth, t.how): t.count for t in reader.tallies()})
        reasons = Counter[Any]({(s, p): n for s in Status for p, n in reader.reasons(s, 1000)})
        return tally, reasons, reader.outside()


def same(run: RunDir, samples: list[Sample]) -> bool:
    (*counts, outside), (*told, said) = expected(samples), kept(run)
    close = outside.keys() == said.keys() and all(math.isclose(outside[m], said[m], abs_tol=1e-9) for m in said)
    return counts == told and close


async def test_samples_that_come_change_and_go_are_counted_as_they_are(tmp_path: Path) -> None:
    draw, now = random.Random(1), dict[str, Sample]()
    async with Writer(new_run(tmp_path)) as writer:
        for _ in range(400):
            made = drawn(draw.randrange(60), draw)
            made = replace(made, id=f"r{made.round:02d}-{made.index:05d}")
            await writer.put_sample(made)
            now[made.id] = made
        assert same(writer.run, list(now.values()))
        gone = draw.choice(list(now))
        await writer._working().commit(lambda c: c.execute("DELETE FROM samples WHERE id = ?", (gone,)))
        del now[gone]
        assert same(writer.run, list(now.values()))
    assert not [f for f in verify(writer.run) if f.table in ("tally", "reasons")]
    with closing(sqlite3.connect(writer.run.database, isolation_level=None)) as connection:
        connection.execute("UPDATE tally SET count = 9")
    assert {f.table for f in verify(writer.run)} >= {"tally"}


async def test_a_run_of_an_older_gra_is_counted_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(2)
    samples = [replace(drawn(n, draw), id=f"r01-{n:05d}", round=1) for n in range(700)]
    with monkeypatch.context() as older:
        older.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:2])
        older.setattr(migrations, "VERSION", 2)
        run = new_run(tmp_path)
        with closing(sqlite3.connect(run.database, isolation_level=None)) as connection:
            columns = "id, round, idx, status, domain, reason, score, generator, body"
            for s in samples:
                small = (s.id, s.round, s.index, s.status.value, label(s.domain), s.reason, s.score, "writer")
                row = (*small, readable(to_json(s)))
                connection.execute(f"INSERT INTO samples ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    with pytest.raises(StoreError, match="gra resume"):
        Reader(run)
    async with Writer(open_run(run.path)):
        pass
    assert same(run, samples)


@given(st.text(max_size=400))
def test_a_reason_is_counted_without_its_numbers(text: str) -> None:
    pattern = counted(replace(sample(0), reason=f"cosine 0.93 to r01-00007: {text}")).pattern
    assert pattern.startswith("cosine # to #: ") and len(pattern) <= 300


def test_the_columns_are_made_by_every_step_in_turn() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        rows.put_sample(connection, sample(1))
        assert connection.execute("SELECT depth, how, pattern, outside FROM samples").fetchone() == (
            *counted(sample(1)).columns,
        )
