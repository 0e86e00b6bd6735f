"""Ctrl-C, SIGTERM, a closed terminal, a closed pipe: the program ends in good order, and the run goes on afterwards."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from children import end, program, start, stop_when
from cli_builders import EASY, config_file
from typer.testing import Result

from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
TARGET = 12


def dataset(run: Path) -> bytes:
    return (run / "export" / "messages.jsonl").read_bytes()


@pytest.fixture
def config(server: FakeServer, tmp_path: Path) -> Path:
    return config_file(tmp_path, server.base_url, **EASY, target=TARGET)


@pytest.fixture
def undisturbed(gra: Gra, config: Path, tmp_path: Path) -> bytes:
    """The dataset of a run that nothing happens to."""
    assert gra("run", config, "--out", tmp_path / "calm").exit_code == 0
    return dataset(tmp_path / "calm")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_in_good_order(
    gra: Gra, server: FakeServer, config: Path, undisturbed: bytes, tmp_path: Path, number: signal.Signals
) -> None:
    out, before = tmp_path / "out", sum(server.answered.values())
    server.answered.clear()
    child = start("run", config, "--out", out)
    stop_when(child, lambda: sum(server.answered.values()) > before // 3, number)
    done = end(child)
    assert done.code == 128 + number, done.err
    assert "stopping in good order" in done.err and f"gra: stopped. Every answer so far is stored" in done.err
    assert done.err.rstrip().endswith(f"go on with: gra resume {out}") and "Traceback" not in done.err and not done.out
    assert not list(out.glob("run.sqlite-*")), "the database is closed and whole"
    assert "unfinished" in gra("status", out).stdout
    assert program("resume", out).code == 0
    assert dataset(out) == undisturbed
