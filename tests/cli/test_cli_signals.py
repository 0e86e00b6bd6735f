"""Ctrl-C, SIGTERM, a closed terminal, a closed pipe: the program ends in good order, and the run goes on afterwards."""

import json
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from children import PATIENCE_S, PROGRAM, descendants, end, program, runs, start, wait_for_answers, wait_until
from cli_builders import EASY, build_run, config_file, dataset, one_of_each
from embedded import embedded_config, stand_in
from terminals import on_a_terminal
from typer.testing import Result

from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
TARGET = 6


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
    out = tmp_path / "out"
    child = start("run", config, "--out", out)
    wait_for_answers(server, child, 80)
    child.send_signal(number)
    done = end(child)
    assert done.code == 128 + number, done.err
    assert "stopping in good order" in done.err and "gra: stopped. Every answer so far is stored" in done.err
    assert done.err.rstrip().endswith(f"go on with: gra resume {out}") and "Traceback" not in done.err and not done.out
    assert not list(out.glob("run.sqlite-*")), "the database is closed and whole"
    assert "unfinished" in gra("status", out).stdout
    assert program("resume", out).code == 0
    assert dataset(out) == undisturbed


def has_come(child: subprocess.Popen[bytes], run: Path, calls: int) -> bool:
    return answered(run) >= calls or child.poll() is not None


def test_a_second_signal_ends_it_at_any_moment_and_nothing_is_lost(
    server: FakeServer, config: Path, undisturbed: bytes, tmp_path: Path
) -> None:
    out, moments = tmp_path / "out", random.Random(4)
    child = start("run", config, "--out", out)
    wait_for_answers(server, child, moments.randint(5, 50))
    while child.poll() is None:  # until an attempt is through before the signals come
        child.send_signal(signal.SIGINT)
        time.sleep(moments.choice([0, 0.001, 0.01, 0.03]))
        child.send_signal(signal.SIGTERM)
        done = end(child)
        # Or by the signal itself, where the interpreter was already on its way out.
        assert done.code in (128 + signal.SIGINT, 128 + signal.SIGTERM, -signal.SIGTERM), done.err
        assert "Traceback" not in done.err and "never retrieved" not in done.err and not done.out
        enough = answered(out) + moments.randint(30, 90)
        child = start("resume", out)
        wait_until(partial(has_come, child, out, enough), "the run comes so far")
    assert end(child).code == 0
    assert dataset(out) == undisturbed


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)])
def test_no_embedded_server_is_left_behind(tmp_path: Path, signals: tuple[signal.Signals, ...]) -> None:
    config, out = embedded_config(tmp_path), tmp_path / "out"
    child = start("run", config, "--out", out, **stand_in(tmp_path))
    wait_until(lambda: len(descendants(child.pid)) == 5 or child.poll() is not None, "all servers are started")
    log = out / "logs" / "writer.server.log"
    wait_until(log.exists, "the run's folder is there")
    servers = descendants(child.pid)
    for number in signals:
        child.send_signal(number)
    done = end(child)
    assert done.code == 128 + signals[0], done.err
    assert "Traceback" not in done.err
    wait_until(lambda: not any(map(runs, servers)), "every server ends")


def test_a_run_with_embedded_servers_goes_on(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    calm = config_file(tmp_path / "calm", server.base_url, **EASY, target=2)
    assert gra("run", calm, "--out", tmp_path / "calm" / "out").exit_code == 0
    config, out, world = embedded_config(tmp_path, target=2), tmp_path / "out", stand_in(tmp_path)
    child = start("run", config, "--out", out, **world)
    wait_until(lambda: (out / "run.json").exists() and answered(out) > 20, "the run comes so far")
    child.send_signal(signal.SIGINT)
    assert end(child).code == 130
    assert program("resume", out, **world).code == 0
    assert dataset(out) == dataset(tmp_path / "calm" / "out"), "the same models say the same, wherever they are served"


def answered(run: Path) -> int:
    with Reader(open_run(run)) as reader:
        return reader.totals().all.calls


CTRL_C, HIDDEN, SHOWN = b"\x03", "\x1b[?25l", "\x1b[?25h"


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_on_a_terminal_that_is_resized(
    server: FakeServer, config: Path, undisturbed: bytes, tmp_path: Path, times: int
) -> None:
    out = tmp_path / "out"
    with on_a_terminal("run", config, "--out", out) as (child, terminal):
        for columns in (40, 200, 12):
            wait_for_answers(server, child, 20)
            terminal.resize(columns)
        for _ in range(times):
            terminal.type(CTRL_C)
        assert child.wait(PATIENCE_S) in (130, -signal.SIGINT)
        terminal.close()
    assert "Traceback" not in terminal.shown and "[?1049" not in terminal.shown
    assert terminal.shown.rfind(HIDDEN) < terminal.shown.rfind(SHOWN), "the cursor is there again"
    if times == 1:
        assert f"gra resume {out}" in terminal.shown, "on one line, however narrow"
    assert program("resume", out).code == 0
    assert dataset(out) == undisturbed


def test_a_terminal_that_closes(server: FakeServer, config: Path, undisturbed: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with on_a_terminal("run", config, "--out", out) as (child, terminal):
        wait_for_answers(server, child, 60)
        terminal.close()
        assert child.wait(PATIENCE_S) == 128 + signal.SIGHUP
    assert not list(out.glob("run.sqlite-*")) and not list((out / "logs").glob("*.traceback"))
    assert program("resume", out).code == 0
    assert dataset(out) == undisturbed


def test_a_server_that_does_not_start_ends_the_others(tmp_path: Path) -> None:
    config, out, world = embedded_config(tmp_path), tmp_path / "out", stand_in(tmp_path)
    done = program("run", config, "--out", out, **world, GRA_TEST_BROKEN="judge")
    assert done.code == 4
    assert "`judge`: its server did not start (exit code 1)" in done.err and "it is broken" in done.err
    assert str(out / "logs" / "judge.server.log") in done.err and "\x1b" not in done.err
    assert program("resume", out, **world).code == 0, "once it is mended, the run goes on"


HALF = "left out: r01-00002: its instruction holds half a surrogate pair\n"


def test_whoever_has_seen_enough_of_a_list_is_no_fault(tmp_path: Path) -> None:
    run = build_run(tmp_path, one_of_each())
    for arguments in (("show", run), ("show", run, "--json"), ("status", run), ("export", run)):
        child = start(*arguments)
        assert child.stdout is not None
        child.stdout.close()
        _, err = child.communicate(timeout=120)
        assert err == (HALF.encode() if "export" in arguments else b""), err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    run = build_run(tmp_path, one_of_each())
    for arguments in (("show", run), ("show", run, "--json"), ("export", run)):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([*PROGRAM, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1
        told = HALF if "export" in arguments else ""
        assert done.stderr == told + "gra: the output cannot be written: No space left on device\n"


def test_closed_streams_do_not_matter(tmp_path: Path) -> None:
    run = build_run(tmp_path, one_of_each())
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = shlex.join([*PROGRAM, "export", str(run), "--format", "alpaca"])
        assert subprocess.run(["sh", "-c", f"{command} {closed}"], stdout=subprocess.DEVNULL).returncode == 0
    assert json.loads((run / "export" / "alpaca.json").read_text())
    assert program("verify", run).code == 0, "nothing was written into the database by mistake"


def test_nobody_has_to_listen_to_a_run(config: Path, undisturbed: bytes, tmp_path: Path) -> None:
    child = start("run", config, "--out", tmp_path / "pipe")
    assert child.stderr is not None
    child.stderr.close()
    assert child.wait(PATIENCE_S) == 0
    assert child.stdout is not None
    child.stdout.close()
    assert dataset(tmp_path / "pipe") == undisturbed
