"""The index holds what the run holds, however that came about."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_builders import build_run, one_of_each, sample, verdict, version
from inspector_builders import indexed, refresh, sight_of

from gra.inspector.index import index_file, reading_index
from gra.inspector.indexing import Indexer
from gra.inspector.listing import Wanted, page_of
from gra.inspector.pages import looking
from gra.records import Sample, Status
from gra.report.survey import report_on
from gra.store.following import Following
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.writer import Writer


def put(folder: Path, *samples: Sample) -> None:
    async def work() -> None:
        async with Writer(open_run(folder)) as writer:
            for each in samples:
                await writer.put_sample(each)

    asyncio.run(work())


def contents(indexer: Indexer) -> dict[str, str]:
    with reading_index(indexer.file) as index:
        return {id: f"{status}: {title}" for id, status, title in index.rows("SELECT id, status, title FROM samples")}


def without_order_of_equals(report: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(report))
    plain["statuses"].sort(key=lambda ended: ended["status"])
    for ended in plain["statuses"]:
        ended["reasons"].sort()
    return plain


def test_the_report_is_the_one_that_reads_every_sample(tmp_path: Path) -> None:
    samples = [replace(each, reason=each.reason[:40] if each.reason.isascii() else "odd") for each in one_of_each()]
    with sight_of(tmp_path, samples) as sight:
        told = sight.index.digest("report")
        assert without_order_of_equals(told) == without_order_of_equals(report_on(sight.reader).plain())


def test_what_is_new_and_what_has_changed_is_found(tmp_path: Path) -> None:
    waiting = [sample(n, Status.PASSED) for n in range(3)]
    failed = sample(3, Status.FAILED, versions=(), reason="HTTP 500")
    folder = build_run(tmp_path, [*waiting, failed], closed=False)
    with indexed(folder, tmp_path / "index.sqlite") as indexer:
        assert contents(indexer)["r01-00000"] == "passed: What is 0 plus two?"
        put(folder, replace(waiting[0], status=Status.ACCEPTED), replace(waiting[1], status=Status.DUPLICATE))
        put(folder, sample(3, instruction="Another one."), sample(4))
        refresh(indexer)
        assert contents(indexer) == {
            "r01-00000": "accepted: What is 0 plus two?",
            "r01-00001": "duplicate: What is 1 plus two?",
            "r01-00002": "passed: What is 2 plus two?",
            "r01-00003": "accepted: Another one.",
            "r01-00004": "accepted: What is 4 plus two?",
        }
        with looking(indexer) as sight:
            assert [row["id"] for row in page_of(sight.index, Wanted(q="another")).rows] == ["r01-00003"]
            assert [row["id"] for row in page_of(sight.index, Wanted(q='"3 plus"')).rows] == []
            assert sight.index.digest("report")["accepted"] == 3


def test_what_has_gone_is_gone(tmp_path: Path) -> None:
    folder = build_run(tmp_path, one_of_each())
    with indexed(folder, tmp_path / "index.sqlite") as indexer:
        with closing(sqlite3.connect(folder / "run.sqlite")) as connection:
            connection.execute("DELETE FROM samples WHERE idx < 3")
            connection.commit()
        refresh(indexer)
        assert len(contents(indexer)) == 9


def test_an_index_is_kept_and_one_of_something_else_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    with indexed(build_run(tmp_path / "a", one_of_each()), file):
        pass
    again = Indexer(open_run(tmp_path / "a" / "run"), file)
    assert len(contents(again)) == 12
    again.close()
    with indexed(build_run(tmp_path / "b", [sample(0)]), file) as indexer:
        assert list(contents(indexer)) == ["r01-00000"]
    file.write_bytes(b"something else altogether")
    with indexed(tmp_path / "a" / "run", file) as indexer:
        assert len(contents(indexer)) == 12


def test_the_run_is_only_read(tmp_path: Path) -> None:
    folder = build_run(tmp_path, one_of_each())
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "-shm" not in path.name}
    with indexed(folder, tmp_path / "index.sqlite"):
        pass
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "-shm" not in path.name}
    assert {path.name: content for path, content in after.items() if content} == {
        path.name: content for path, content in before.items() if content
    }


def test_a_cache_that_cannot_be_written_is_gone_without(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("GRA_HOME", str(tmp_path / "home"))
    file = index_file(open_run(build_run(tmp_path, [sample(0)])))
    assert file.parent.is_dir()
    assert not file.is_relative_to(tmp_path / "home")
    file.parent.rmdir()


def test_it_follows_a_run_in_the_background(tmp_path: Path) -> None:
    folder = build_run(tmp_path, [sample(0)], closed=False)
    with Indexer(open_run(folder), tmp_path / "index.sqlite") as indexer:
        wait_for(indexer, 1)
        put(folder, sample(1))
        wait_for(indexer, 2)
        assert not indexer.problem


def wait_for(indexer: Indexer, samples: int) -> None:
    """Ends with the test's own time limit."""
    import time

    while not indexer.problem:
        with reading_index(indexer.file) as index:
            report = index.digest("report")
        if report and report["funnel"][0]["count"] == samples:
            return
        time.sleep(0.05)


def test_a_run_that_is_lost_is_said(tmp_path: Path) -> None:
    folder = build_run(tmp_path, [sample(0)])
    indexer = Indexer(open_run(folder), tmp_path / "index.sqlite")
    (folder / "run.sqlite").write_bytes(b"")
    with indexer:
        while not indexer.problem:
            pass
    assert "run.sqlite" in indexer.problem


def test_votes_disagreements_and_revisions_are_told(tmp_path: Path) -> None:
    torn = replace(verdict("dispute"), votes={"one": True, "two": False})
    apart = sample(1, versions=(replace(version(), verdict=torn), version(1)))
    with sight_of(tmp_path, [sample(0), apart]) as sight:
        rows = {row["id"]: row for row in page_of(sight.index, Wanted()).rows}
        assert (rows["r01-00001"]["split"], rows["r01-00001"]["disputed"], rows["r01-00001"]["revisions"]) == (1, 1, 1)
        assert (rows["r01-00000"]["split"], rows["r01-00000"]["disputed"], rows["r01-00000"]["revisions"]) == (0, 0, 0)
        chosen = page_of(sight.index, Wanted(yes="one", no="two", stage="response"))
        assert [row["id"] for row in chosen.rows] == ["r01-00001"]
        assert page_of(sight.index, Wanted(yes="two", no="one")).rows == []


def test_lone_surrogates_stop_nothing(tmp_path: Path) -> None:
    odd = sample(0, instruction="\ud800 odd \x00 text", domain="\udfff", keywords=("\ud800",), reason="\ud800")
    with sight_of(tmp_path, [odd]) as sight:
        assert page_of(sight.index, Wanted(q="odd text")).count == 1
        assert with_reader(sight.reader, "r01-00000") == odd.instruction


def with_reader(reader: Reader, id: str) -> str:
    found = reader.sample(id)
    assert found
    return found.instruction


def test_what_was_indexed_and_not_summed_up_is_summed_up_the_next_time(tmp_path: Path) -> None:
    folder, file = build_run(tmp_path, [sample(0)], closed=False), tmp_path / "index.sqlite"
    with indexed(folder, file):
        pass
    put(folder, sample(1, domain="Coding"))
    killed = Indexer(open_run(folder), file)
    with closing(Reader(killed.run)) as reader:
        assert sum(killed.sync(Following(reader))) == 1
    killed.close()
    with indexed(folder, file) as indexer, looking(indexer) as sight:
        assert sight.index.digest("facets")["domain"] == [["Coding", 1], ["Math", 1]]


def test_an_index_that_nobody_opens_is_deleted_after_a_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRA_HOME", str(tmp_path / "home"))
    runs = [open_run(build_run(tmp_path / name, [sample(0)])) for name in "ab"]
    files = [index_file(run) for run in runs]
    assert files[0] != files[1]
    for run, file in zip(runs, files, strict=True):
        Indexer(run, file).close()
        os.utime(file, (1, 1))
    Indexer(runs[0], files[0]).close()
    index_file(runs[0])
    assert [file.exists() for file in files] == [True, False]
