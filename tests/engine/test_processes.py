"""Several processes that share a run: the same dataset, one limit, one budget, and nothing lost when any of them ends."""

from pathlib import Path

import pytest
from fake_pool import fake_models, make_config
from test_engine_run import dataset, run

from gra.testing.fake_server import FakeServer


@pytest.mark.parametrize(("processes", "concurrency"), [(2, 64), (4, 3)])
async def test_the_dataset_is_the_same_with_any_number_of_processes(
    tmp_path: Path, processes: int, concurrency: int
) -> None:
    async with FakeServer(fake_models(), latency_s=0.002, spread=1.0) as server:
        await run(make_config(tmp_path, server.base_url, target=16), tmp_path / "base")
        engine = {"processes": processes, "concurrency": concurrency}
        await run(make_config(tmp_path, server.base_url, target=16, engine=engine), tmp_path / "other")
    assert dataset(tmp_path / "base") == dataset(tmp_path / "other")
