"""A run of several processes, as a person or a system starts, watches and stops it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from children import PROGRAM, descendants, end, program, runs, start, wait_for_answers, wait_until
from cli_builders import EASY, config_file, dataset
from embedded import embedded_config, stand_in
from typer.testing import Result

from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
Gra = Callable[..., Result]
TWO: dict[str, Any] = {"processes": 2, "concurrency": 8, "retries": 0}


def workers(pid: int) -> list[int]:
    return [p for p in descendants(pid) if b"gra.engine.worker" in Path(f"/proc/{p}/cmdline").read_bytes()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_ends_all_of_them_in_good_order(
    gra: Gra, server: FakeServer, tmp_path: Path, number: signal.Signals
) -> None:
    calm = config_file(tmp_path / "calm", server.base_url, **EASY, target=12)
    assert gra("run", calm, "--out", tmp_path / "calm" / "out").exit_code == 0
    config = config_file(tmp_path, server.base_url, **EASY, target=12, engine=TWO)
    out = tmp_path / "out"
    arguments = ("run", str(config), "--out", str(out))
    child = subprocess.Popen([*PROGRAM, *arguments], stdout=-1, stderr=-1, start_new_session=True)
    wait_until(lambda: len(workers(child.pid)) == 2 or child.poll() is not None, "there are two")
    wait_for_answers(server, child, 20)
    alive = workers(child.pid)
    os.killpg(child.pid, number)  # as a terminal does, or a system that stops a service
    done = end(child)
    assert done.code == 128 + number, done.err
    assert done.err.rstrip().endswith(f"go on with: gra resume {out}") and "Traceback" not in done.err
    assert not any(map(runs, alive))
    assert not list(out.glob("run.sqlite-*")), "the database is closed and whole"
    assert not server.in_flight
    told = json.loads(gra("status", out, "--json").stdout)
    assert told["state"] == "unfinished" and told["calls"]["all"]["calls"] > 20
    assert program("resume", out).code == 0
    assert dataset(out) == dataset(tmp_path / "calm" / "out")
    assert all(b"Traceback" not in log.read_bytes() for log in (out / "logs").iterdir())


def test_embedded_servers_are_shared(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    calm = config_file(tmp_path / "calm", server.base_url, **EASY, target=6)
    assert gra("run", calm, "--out", tmp_path / "calm" / "out").exit_code == 0
    out, world = tmp_path / "out", stand_in(tmp_path)
    config = embedded_config(tmp_path, target=6)
    child = start("run", config, "--out", out, "--set", "engine.processes=2", **world)
    seen: set[int] = set()

    def is_over() -> bool:
        seen.update(descendants(child.pid))
        return child.poll() is not None

    wait_until(is_over, "the run ends")
    done = end(child)
    assert done.code == 0, done.err
    assert len(seen) == 5 + 2, "four models, their embeddings, and two processes"
    assert not any(map(runs, seen))
    assert dataset(out) == dataset(tmp_path / "calm" / "out")
    secrets = [line for log in (out / "logs").iterdir() for line in log.read_text().splitlines() if "Bearer" in line]
    assert not secrets
