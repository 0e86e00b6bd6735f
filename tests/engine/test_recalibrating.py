"""Gates set anew between rounds, in whole runs: the same however a run is carried out, stricter where it should be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config

from gra.engine.opening import known_gate
from gra.engine.recalibrating import FACT, gate_of, read_learned
from gra.engine.replay import replay
from gra.engine.run import synthesise
from gra.events import Event, Notice, RoundClosed
from gra.report.bench import reviewers_of
from gra.report.opening import config_of
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.synthesis.calibrated import CalibratedRule
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

GATE: dict[str, Any] = {"type": "calibrated", "exam": 8, "recalibrate": True, "honeypots": 2}


async def run(folder: Path, *budgets: dict[str, Any], turn: bool = False, **changes: Any) -> list[str]:
    """A run in two rounds, broken off by each budget in turn; with `turn` the first judge turns round meanwhile."""
    folder.mkdir(exist_ok=True)
    models, told, turned = fake_models(), list[str](), False
    first = models[0]

    def judge(body: dict[str, Any]) -> float:
        assert first.judge
        p = float(first.judge(body) or 0.0)
        return 1 - p if turned else p

    def listen(event: Event) -> None:
        nonlocal turned
        if isinstance(event, Notice):
            told.append(event.text)
        turned |= turn and isinstance(event, RoundClosed)

    pool: list[FakeModel] = [replace(first, judge=judge), *models[1:]]
    async with FakeServer(pool) as server:
        for budget in (*budgets, {}):
            settings = {"gate": GATE, "rounds": 2, "target": 64, **changes, **({"budget": budget} if budget else {})}
            config = make_config(folder, server.base_url, **settings)
            await asyncio.wait_for(synthesise(config, folder / "run", listen), 900)
    return told


def made(folder: Path) -> tuple[Mapping[str, Any], list[tuple[Any, ...]]]:
    """What was learned, and what became of every sample that counts."""
    with Reader(open_run(folder)) as reader:
        kept = [s for s in reader.iter_samples() if s.status.value in ("accepted", "duplicate")]
        return reader.fact(FACT), [(s.id, s.response, s.score, s.reason) for s in kept]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned")
    asyncio.run(run(folder))
    return folder


def test_each_round_after_the_first_is_judged_by_what_those_before_have_shown(plain: Path) -> None:
    facts, _ = made(plain / "run")
    assert list(facts) == ["2"]
    second = read_learned(facts["2"])
    assert second.candidates >= 30 and all(shown.read for shown in second.members.values())
    assert second.low < second.good_share < second.high
    with Reader(open_run(plain / "run")) as reader:
        gate = known_gate(config_of(reader.run).synthesis, reader.fact("exam"), reader.fact("exam_rulings") or ())
        assert isinstance(gate, CalibratedRule) and gate_of(gate, 1, reader) is gate
        anew = gate_of(gate, 2, reader)
        assert isinstance(anew, CalibratedRule) and anew.config.good_share == min(0.5, second.good_share)
        for sample in reader.iter_samples(round=2):
            for version in sample.versions:
                if version.verdict is not None:
                    assert anew.judge("response", version.opinions) == version.verdict
        found = reviewers_of(reader)
    assert (found.removal_unlike, found.learned) == (0, facts)


async def test_a_run_in_two_processes_that_is_broken_off_learns_the_same(plain: Path, tmp_path: Path) -> None:
    whole = made(plain / "run")
    with Reader(open_run(plain / "run")) as reader:
        calls = reader.totals().all.calls
    await run(tmp_path, {"calls": calls // 2}, engine={"processes": 2})
    assert made(tmp_path / "run") == whole


async def test_a_replay_learns_the_same(plain: Path, tmp_path: Path) -> None:
    original = open_run(plain / "run")
    await replay(original, config_of(original), tmp_path / "again")
    assert made(tmp_path / "again") == made(plain / "run")
    assert verify(open_run(tmp_path / "again")) == []


async def test_a_judge_that_turns_round_is_told_and_loses_its_say(tmp_path: Path) -> None:
    told = await run(tmp_path, turn=True, target=6)
    name = fake_models()[0].name
    assert [text for text in told if f"`{name}` does not answer as in its exam" in text and "counted in" in text]
    with Reader(open_run(tmp_path / "run")) as reader:
        exam = known_gate(config_of(reader.run).synthesis, reader.fact("exam"), reader.fact("exam_rulings") or ())
        now = gate_of(exam, 2, reader)
    assert isinstance(exam, CalibratedRule) and isinstance(now, CalibratedRule)
    before, after = exam.standings[name, "response"], now.standings[name, "response"]
    assert after.weight < before.weight / 2


async def test_what_was_learned_is_on_record_and_changes_nothing_where_that_is_not_wanted(
    plain: Path, tmp_path: Path
) -> None:
    await run(tmp_path, gate={**GATE, "recalibrate": False})
    facts, _ = made(tmp_path / "run")
    assert facts["2"] == made(plain / "run")[0]["2"]  # round 1 is the same with either
    with Reader(open_run(tmp_path / "run")) as reader:
        gate = known_gate(config_of(reader.run).synthesis, reader.fact("exam"))
        assert gate_of(gate, 2, reader) is gate
