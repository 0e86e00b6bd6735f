"""Judges that read pairs of their exam again: those that stay as they were, and one that does not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config

from gra.engine.honeypots import FACT
from gra.engine.run import synthesise
from gra.events import Event, Notice, RoundClosed
from gra.records import Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer


class Changing:
    """A judge that turns round once it is told to."""

    def __init__(self, model: FakeModel) -> None:
        self.model, self.turned = model, False

    def __call__(self, body: dict[str, Any]) -> float:
        assert self.model.judge
        p = float(self.model.judge(body) or 0.0)
        return 1 - p if self.turned else p


async def run_of(
    folder: Path, gate: dict[str, Any], turn: bool
) -> tuple[dict[str, dict[str, dict[str, float] | None]], list[str], int]:
    """What was found at the honeypots, what was told, and how many calls of them there were; three rounds."""
    models = fake_models()
    changing = Changing(models[0])
    pool = [FakeModel(models[0].name, judge=changing, respond=models[0].respond), *models[1:]]
    told: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Notice):
            told.append(event.text)
        if isinstance(event, RoundClosed) and turn:
            changing.turned = True

    async with FakeServer(pool) as server:
        config = make_config(folder, server.base_url, target=9, rounds=3, gate=gate)
        await asyncio.wait_for(synthesise(config, folder / "run", listen), 120)
    assert verify(open_run(folder / "run")) == []
    with Reader(open_run(folder / "run")) as reader:
        assert reader.funnel().by_status[Status.ACCEPTED] == 9
        found = reader.fact(FACT) or {}
        asked = sum(len(reader.calls_of(f"honeypot-{r:02d}-{place:03d}")) for r in range(2, 4) for place in range(8))
    return found, told, asked


async def test_judges_that_stay_as_they_were_differ_by_nothing_and_nobody_is_told(tmp_path: Path) -> None:
    found, told, asked = await run_of(tmp_path, {"type": "calibrated", "exam": 8}, turn=False)
    assert set(found) == {"2", "3"}
    assert {x for round in found.values() for move in round.values() if move for x in move.values()} == {0.0}
    assert asked and not [text for text in told if "as in its exam" in text]


async def test_a_judge_that_answers_otherwise_than_in_its_exam_is_named(tmp_path: Path) -> None:
    found, told, _ = await run_of(tmp_path, {"type": "seeds", "exam": 8, "honeypots": 2}, turn=True)
    named = [text for text in told if "does not answer as in its exam" in text]
    name = fake_models()[0].name
    assert named and all(f"`{name}`" in text for text in named)
    move = found["2"][name]
    assert move is not None and move["apart"] > 0.5 and move["broken"] > move["good"]
    assert {m["apart"] for other, m in found["2"].items() if m and other != name} == {0.0}


@pytest.mark.parametrize("gate", [{"type": "seeds", "exam": 8}, {"type": "paper", "tau": 5.0}])
async def test_nobody_is_asked_again_unless_it_is_wanted(tmp_path: Path, gate: dict[str, Any]) -> None:
    found, _, asked = await run_of(tmp_path, gate, turn=False)
    assert (found, asked) == ({}, 0)
