"""The trainers themselves read what is written for them, as far as they are installed (`benchmarks/consumers.py`)."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "consumers.py"


@pytest.mark.parametrize("consumer", ["datasets", "trl", "llamafactory", "axolotl"])
def test_a_consumer_takes_what_is_meant_for_it(consumer: str, tmp_path: Path) -> None:
    if find_spec(consumer) is None:
        pytest.skip(f"{consumer} is not installed; benchmarks/consumers.py asks it in an environment of its own")
    done = subprocess.run(
        [sys.executable, SCRIPT, "--consumers", consumer],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"{consumer} ")
