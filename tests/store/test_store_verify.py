"""`verify` names every row that was touched, and no other."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_builders import call, entry, new_run, reply, request, sample

from gra.errors import Refused, StoreError
from gra.records import Status
from gra.store.rows import Attempt
from gra.store.run_dir import RunDir
from gra.store.verify import verify
from gra.store.writer import Writer

CALL_1 = "r01-00001 v0.review.response.one 0 sha256:1"


async def filled(folder: Path) -> RunDir:
    run = new_run(folder)
    async with Writer(run) as writer:
        await writer.put_pool([entry("seed-0")])
        await writer.open_round(1, target=2)
        for n in range(3):
            await writer.commit_call(call(n), f"sha256:{n}", request("long " * 1000 * n), reply(seconds=0.1 * n))
        await writer.commit_call(call(3), "sha256:3", request(), Refused("no"))
        samples = [sample(0), sample(1), sample(2, Status.FAILED)]
        await writer.put_attempt(Attempt(1, "2026-01-01", 2.0, {"package-0": 1.0}, {}))
        await writer.put_attempt(
            Attempt(1, "2026-01-01", 4.0, {"package-0": 2.5, "GPU 0": 0.1}, {"one": 3.0}, ("two",))
        )
        await writer.close_round(1, samples, [entry("r01-00000", 1), entry("r01-00001", 1)], {})
    return run


async def test_a_run_that_nobody_touched(tmp_path: Path) -> None:
    assert verify(await filled(tmp_path)) == []


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        ("UPDATE calls SET reply = replace(reply, '4', '5') WHERE id = 2", [("calls", CALL_1, "was edited")]),
        ("UPDATE calls SET reply = x'00' WHERE id = 2", [("calls", CALL_1, "cannot be read")]),
        ("UPDATE calls SET request = 7 WHERE id = 2", [("calls", CALL_1, "cannot be read")]),
        ("UPDATE calls SET finished_at = 'yesterday' WHERE id = 2", [("calls", CALL_1, "was edited")]),
        ("UPDATE calls SET checksum = 'sha256:' WHERE id = 2", [("calls", CALL_1, "was edited")]),
        ("DELETE FROM calls WHERE id = 2", [("totals", "one review", "the calls add up to (3, 1, 20")]),
        ("DELETE FROM totals", [("totals", "one review", "says None")]),
        ("UPDATE samples SET body = '{}' WHERE idx = 2", [("samples", "r01-00002", "cannot be read")]),
        ("UPDATE samples SET score = 9 WHERE idx = 2", [("samples", "r01-00002", "differ in score")]),
        (
            "UPDATE samples SET status = 'surplus' WHERE idx = 1",
            [
                ("samples", "r01-00001", "differ in status"),
                ("rounds", "1", "says 2 accepted of 3; there are 1 accepted of 3 samples, and 2 joined"),
                ("pool", "r01-00001", "is not an accepted sample of round 1 (surplus)"),
            ],
        ),
        (
            "DELETE FROM samples WHERE idx = 0",
            [("rounds", "1", "there are 1 accepted of 2"), ("pool", "r01-00000", "(there is none)")],
        ),
        ("UPDATE energy SET measured = 0", [("energy", "1", "was edited")]),
        ("UPDATE energy SET body = replace(body, '2.5', '0.5')", [("energy", "1", "was edited")]),
        ("UPDATE energy SET body = '{}'", [("energy", "1", "cannot be read")]),
        ("DELETE FROM pool WHERE id = 'r01-00000'", [("rounds", "1", "and 1 joined the pool")]),
        ("UPDATE pool SET body = '[' WHERE id = 'seed-0'", [("pool", "seed-0", "cannot be read")]),
    ],
)
async def test_every_edit_is_named(tmp_path: Path, edit: str, found: list[tuple[str, str, str]]) -> None:
    run = await filled(tmp_path)
    with closing(sqlite3.connect(run.database, isolation_level=None)) as vandal:
        assert vandal.execute(edit).rowcount == 1
    findings = verify(run)
    assert [(finding.table, finding.row) for finding in findings] == [(table, row) for table, row, _ in found]
    for finding, (_, _, problem) in zip(findings, found, strict=True):
        assert problem in finding.problem


async def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    run = await filled(tmp_path)
    with closing(sqlite3.connect(run.database, isolation_level=None)) as vandal:
        vandal.execute("PRAGMA writable_schema = ON")
        vandal.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'pool') "
            "WHERE name = 'samples_by_status'"
        )
    try:
        findings = verify(run)
    except StoreError:
        return  # too damaged to be read at all: also said
    assert findings[0].table == "(file)"
