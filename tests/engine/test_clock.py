"""A clock that jumps changes time stamps and nothing else; a budget of minutes goes by a clock that cannot jump."""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_pool import fake_models, make_config
from test_engine_crash import SMALL, dataset

from gra.config.synthesis import Budget
from gra.engine.desk import BudgetSpent, Spending
from gra.engine.run import synthesise
from gra.store import rows
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_server import FakeServer


async def test_a_clock_that_jumps_changes_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(1)

    def jumping() -> float:
        return draw.uniform(-1e9, 4e9)

    def stamp() -> str:
        return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=draw.randint(-9000, 9000))).isoformat()

    async with FakeServer(fake_models(leniency=6.0)) as server:
        config = make_config(tmp_path, server.base_url, **{**SMALL, "target": 4})
        await asyncio.wait_for(synthesise(config, tmp_path / "calm"), 120)
        monkeypatch.setattr(time, "time", jumping)
        monkeypatch.setattr(rows, "now", stamp)
        await asyncio.wait_for(synthesise(config, tmp_path / "run"), 120)
    assert dataset(tmp_path / "run") == dataset(tmp_path / "calm") != []
    assert verify(open_run(tmp_path / "run")) == []


def test_minutes_are_those_of_a_clock_that_cannot_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    spending, begun = Spending(Budget(minutes=1.0)), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: 1e12)
    spending.check()
    monkeypatch.setattr(time, "monotonic", lambda: begun + 61.0)
    with pytest.raises(BudgetSpent, match="1 minutes"):
        spending.check()
