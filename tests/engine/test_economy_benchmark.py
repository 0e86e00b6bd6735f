"""`benchmarks/economy.py` on fake models: half of the review for the same decisions."""

import asyncio
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "economy.py"


async def test_the_same_decisions_are_had_for_less() -> None:
    settings = ("--set", "target=4", "--set", "gate.exam=8")
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), *settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, complaints = (text.decode() for text in await child.communicate())
    assert child.returncode == 0, complaints
    assert "decisions EQUAL" in printed
    calls, prompt, cached, written, computed = (
        float(cell) for cell in printed.split("after the exam, economical")[1].splitlines()[1].split()[2:7]
    )
    assert max(calls, prompt, cached, computed) < 0.75
    assert written < 0.9
