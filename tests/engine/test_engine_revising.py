"""Revisions in whole runs: judges are examined in pairs, and what revisions gained decides what is revised."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config

from gra.engine.plan import plan
from gra.engine.replay import replay
from gra.engine.run import synthesise
from gra.records import Status
from gra.report.opening import config_of
from gra.report.survey import report_on
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.synthesis.mending import BOUNDS, band_of
from gra.testing.fake_server import FakeServer

CALIBRATED: dict[str, Any] = {"gate": {"type": "calibrated", "exam": 12, "honeypots": 0}, "rounds": 3, "target": 15}


async def run(folder: Path, *budgets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A run, broken off by each of these budgets in turn; gives what is to be the same however it is made."""
    folder.mkdir(exist_ok=True)
    async with FakeServer(fake_models()) as server:
        for budget in (*budgets, {}):
            settings = {**CALIBRATED, **changes, **({"budget": budget} if budget else {})}
            await asyncio.wait_for(synthesise(make_config(folder, server.base_url, **settings), folder / "run"), 300)
    return made(folder / "run")


def made(folder: Path) -> dict[str, Any]:
    with Reader(open_run(folder)) as reader:
        kept = [s for s in reader.iter_samples() if s.status.value in ("accepted", "duplicate")]
        texts = [(s.id, [v.response for v in s.versions]) for s in kept]
        return {"worth": reader.fact("revising"), "pairs": reader.fact("exam_pairs"), "texts": texts}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("revising")
    return folder, asyncio.run(run(folder))


def test_what_was_learned_is_what_the_rounds_before_brought(plain: tuple[Path, dict[str, Any]]) -> None:
    folder, found = plain
    worth = found["worth"]
    assert list(worth) == ["1", "2", "3"] and worth["1"]["bands"] == [], "nothing is known at first"
    tried, gained = [0] * len(BOUNDS), [0] * len(BOUNDS)
    with Reader(open_run(folder / "run")) as reader:
        decided = {r.number: r.detail["decided"] for r in reader.rounds()}
        samples = [
            s
            for s in reader.iter_samples()
            if s.round < 3 and s.index < decided[s.round] and s.status not in (Status.SURPLUS, Status.FAILED)
        ]
        told = report_on(reader)
    for sample in samples:
        for old, new in zip(sample.versions, sample.versions[1:], strict=False):
            assert old.final
            tried[band_of(old.final.score)] += 1
            gained[band_of(old.final.score)] += sample.status is Status.ACCEPTED and sample.best is new
    assert sum(tried) > 0, "no revision was tried: the pool of this test is too good"
    assert [t["tried"] for t in worth["3"]["tallies"]] == tried
    assert [t["gained"] for t in worth["3"]["tallies"]] == gained
    assert all((t["cost"] > 0) == (t["tried"] > 0) for t in worth["3"]["tallies"])
    assert worth["3"]["accepted"] == sum(s.status is Status.ACCEPTED for s in samples)
    assert worth["3"]["cost"] > sum(t["cost"] for t in worth["3"]["tallies"])
    assert told.revising == worth and {row["stage"] for row in told.exam} >= {"response", "pairs"}


def test_who_compares_has_sat_an_exam_in_pairs_and_no_more_of_it_than_needed(
    plain: tuple[Path, dict[str, Any]],
) -> None:
    folder, found = plain
    pairs = {row["model"]: row for row in found["pairs"]}
    with Reader(open_run(folder / "run")) as reader:
        able = {r["model"] for r in reader.fact("exam") if r["stage"] == "response" and r["weight"]}
        compared = [v.comparison for s in reader.iter_samples() for v in s.versions if v.comparison]
        calls = [c.call for n in range(12) for c in reader.calls_of(f"exam-{n:03d}") if ".compare." in c.call.step]
    assert pairs.keys() == able
    assert all(row["auc"] == sum((q > 0) + 0.5 * (q == 0) for q in row["good"]) / row["n"] for row in found["pairs"])
    assert all(p.weight == pairs[p.model]["weight"] > 0 for c in compared for p in c.preferences)
    assert 0 < len(calls) == sum(2 * row["n"] for row in found["pairs"]) <= 2 * 12 * len(pairs)


async def test_it_is_the_same_however_the_run_is_carried_out(
    plain: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """One sample at a time; by two processes; and broken off in the exam, and between."""
    assert await run(tmp_path / "one", engine={"concurrency": 1}) == plain[1]
    assert await run(tmp_path / "two", engine={"processes": 2}) == plain[1]
    assert await run(tmp_path / "off", {"calls": 700}, {"calls": 1200}, {"calls": 2000}) == plain[1]


async def test_a_replay_learns_the_same(plain: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    original = open_run(plain[0] / "run")
    await replay(original, config_of(original), tmp_path / "again")
    assert made(tmp_path / "again") == plain[1]


async def test_what_is_not_to_be_learned_is_not(tmp_path: Path) -> None:
    found = await run(tmp_path, rounds=1, target=2, revision={"when": "mendable", "accept": "verdict"})
    assert found["worth"] is None and found["pairs"] is None


def test_the_plan_counts_the_exam_in_pairs(tmp_path: Path) -> None:
    def calls(**changes: Any) -> float:
        config = make_config(tmp_path, "http://localhost:1/v1", **CALIBRATED, **changes).synthesis
        return sum(c.calls for c in plan(config, ()).scenarios[0].costs if c.step == "exam in pairs")

    assert calls() > 0
    assert calls(revision={"accept": "verdict"}) == calls(max_revisions=0) == 0
