"""`benchmarks/gates.py` judges a run again, from fake models over real HTTP."""

import asyncio
import json
import sys
from pathlib import Path

from fake_pool import fake_models, make_config

from gra.engine.run import synthesise
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_server import FakeServer

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gates.py"


async def gates(*arguments: object) -> str:
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await child.communicate()
    assert child.returncode == 0
    return printed.decode()


async def test_other_readings_and_gates_are_set_beside_the_runs_own(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        await synthesise(make_config(tmp_path, server.base_url), tmp_path / "run")
        with Reader(open_run(tmp_path / "run")) as reader:
            first = [s for s in reader.iter_samples() if s.versions and s.versions[0].verdict]
        labels = {s.id: s.versions[0].response.endswith(".") for s in first}
        (tmp_path / "labels.json").write_text(json.dumps(labels))
        before = (tmp_path / "run" / "run.sqlite").read_bytes()
        printed = await gates(tmp_path / "run", "--written", "--labels", tmp_path / "labels.json")
    rows = {line[:30].strip(): line[30:].split() for line in printed.splitlines() if "gate" in line[:30]}
    assert set(rows) == {"the run's own gate", "paper's gate, as it was read", "paper's gate, written scores"}
    assert f"{len(first)} of {len(first)} first versions" in printed
    for row in rows.values():
        assert sum(map(int, row[:3])) == len(first)
    # These reviewers can tell when their probabilities are read; what they write is drawn at random.
    assert float(rows["paper's gate, as it was read"][-1]) > 0.8
    assert (tmp_path / "run" / "run.sqlite").read_bytes() == before
