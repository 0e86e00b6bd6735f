"""`benchmarks/peers/` without the peers: the job itself, and what is measured of a command."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

PEERS = Path(__file__).parents[1] / "benchmarks" / "peers"
RATED = {"instruction": "a", "response": "b", "helpfulness": 1, "correctness": None, "clarity": 3}

BURN = """
import sys, time
from pathlib import Path
while time.process_time() < 0.1:
    pass
Path(sys.argv[1]).write_text("burnt")
time.sleep(float(sys.argv[2]))
"""
MEASURE = """
import json, os, sys
from pathlib import Path
from tree import descendants, measured
burn, folder = sys.argv[1], Path(sys.argv[2])
def started(how, seconds):
    child = [sys.executable, "-c", burn, str(folder / how), seconds]
    return [sys.executable, "-c", f"import subprocess; subprocess.{how}({child!r})"]
killed = measured(started("run", "600"), {}, folder / "log", lambda: "killed" if (folder / "run").exists() else None, 0)
left = measured(started("Popen", "0"), {}, folder / "log", lambda: None, 0)
print(json.dumps([killed.ended, killed.cpu_s, killed.peak_mb, left.ended, left.cpu_s, descendants(os.getpid(), 0)]))
"""


async def python(*arguments: object) -> str:
    command = [sys.executable, *map(str, arguments)]
    child = await asyncio.create_subprocess_exec(*command, cwd=PEERS, stdout=PIPE)
    printed, _ = await child.communicate()
    assert child.returncode == 0
    return printed.decode()


async def test_the_job_without_a_framework_loses_nothing_to_faults(tmp_path: Path) -> None:
    faults = ["--latency", "0", "--errors", "0.2", "--bad-json", "0.2"]
    server = await asyncio.create_subprocess_exec(sys.executable, "server.py", *faults, cwd=PEERS, stdout=PIPE)
    try:
        assert server.stdout
        url = (await server.stdout.readline()).decode().strip()
        await python("with_asyncio.py", url, 12, 8, tmp_path)
    finally:
        server.terminate()
        await server.wait()
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert len({row["instruction"] for row in rows}) == 12
    assert all(row["response"] and len(row["scores"]) == 3 and None not in row["scores"] for row in rows)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 12 * 5


async def test_rows_with_holes_are_not_counted_as_complete(tmp_path: Path) -> None:
    whole = {**RATED, "correctness": 2}
    told = f"from job import *; out = Path({str(tmp_path)!r}); write(out, [{RATED}, {whole}]); print(*count(out))"
    assert (await python("-c", told)).split() == ["2", "1"]


async def test_a_command_is_measured_and_ended_with_all_that_it_started(tmp_path: Path) -> None:
    ended, cpu, peak, left, cpu_left, still_there = json.loads(await python("-c", MEASURE, BURN, tmp_path))
    assert (ended, left, still_there) == ("killed", "done", [])
    assert cpu >= 0.1  # the child's, although its parent never came to wait for it
    assert cpu_left >= 0.1  # an orphan's
    assert peak > 1
