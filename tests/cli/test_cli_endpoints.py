"""Servers that go, come back, hang and refuse in the middle of a run: it waits or stops in good order, and goes on."""

import json
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from children import end, start, wait_for_answers, wait_until
from cli_builders import EASY, config_file, dataset
from serving import kind_models, serving
from typer.testing import Result

from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_answers import digest
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


@pytest.fixture
def fake() -> FakeServer:
    """A server that is not there yet, and can go and come back at its address."""
    return FakeServer(kind_models(), latency_s=0.01)


@pytest.fixture
def config(gra: Gra, fake: FakeServer, tmp_path: Path) -> Path:
    """Of a run that nothing has happened to, once."""
    with serving(fake):
        path = config_file(tmp_path, fake.base_url, **EASY)
        assert gra("run", path, "--out", tmp_path / "calm").exit_code == 0
    return path


def test_a_server_that_goes_stops_the_run_in_good_order(gra: Gra, fake: FakeServer, config: Path) -> None:
    out = config.parent / "out"
    with serving(fake):
        child = start("run", config, "--out", out, "--set", "engine.patience_s=0")
        wait_for_answers(fake, child, 50)
    done = end(child)
    assert done.code == 4, done.err
    assert "no connection" in done.err and "Check that the server runs" in done.err and "Traceback" not in done.err
    assert done.err.rstrip().endswith(f"gra resume {out}")
    with serving(fake):
        assert gra("resume", out).exit_code == 0
    assert dataset(out) == dataset(config.parent / "calm")


def test_a_server_that_comes_back_is_waited_for(fake: FakeServer, config: Path) -> None:
    out = config.parent / "out"
    with serving(fake):
        child = start("run", config, "--out", out, "--set", "engine.retries=1")
        wait_for_answers(fake, child, 50)
    wait_until(lambda: any("is silent" in log.read_text() for log in out.glob("logs/*.log")), "it is missed")
    with serving(fake):
        assert end(child).code == 0
    assert dataset(out) == dataset(config.parent / "calm")


def test_a_key_that_is_withdrawn(gra: Gra, fake: FakeServer, config: Path) -> None:
    out = config.parent / "out"
    with serving(fake):
        child = start("run", config, "--out", out)
        wait_for_answers(fake, child, 50)
        fake.next_faults.append("401")
        done = end(child)
        assert done.code == 4 and "the API key was not accepted (HTTP 401)" in done.err
        assert done.err.rstrip().endswith(f"gra resume {out}")
        assert gra("resume", out).exit_code == 0
    assert dataset(out) == dataset(config.parent / "calm")


def test_a_server_that_hangs_does_not_hold_up_ctrl_c(gra: Gra, fake: FakeServer, config: Path) -> None:
    out = config.parent / "out"
    with serving(fake):
        child = start("run", config, "--out", out)
        wait_for_answers(fake, child, 50)
        fake.next_faults.extend(["stall"] * 1000)
        wait_until(lambda: fake.in_flight > 0 and len(fake.next_faults) < 1000, "it hangs")
        child.send_signal(signal.SIGINT)
        assert end(child).code == 130
    fake.next_faults.clear()
    with serving(fake):
        assert gra("resume", out).exit_code == 0
    assert dataset(out) == dataset(config.parent / "calm")


def now_and_then_no_json(body: dict[str, Any]) -> str | None:
    return '{"half": ' if random.Random(digest(body)).random() < 0.05 else None


def test_in_a_storm_no_row_is_lost(gra: Gra, tmp_path: Path) -> None:
    models = kind_models(respond=now_and_then_no_json)
    storm = {"500": 0.05, "429": 0.03, "html": 0.03, "cut": 0.02, "reset": 0.02, "utf8": 0.01}
    for name, faults in (("calm", {}), ("storm", storm)):
        with serving(FakeServer(models, faults=faults, retry_after="0.01")) as fake:
            fake.next_faults.extend(["ok"] * 40 + ["huge"] if faults else [])
            config = config_file(tmp_path, fake.base_url, **EASY, engine={"retries": 15})
            done = gra("run", config, "--out", tmp_path / name)
            assert done.exit_code == 0, done.stderr
    assert dataset(tmp_path / "storm") == dataset(tmp_path / "calm")
    with Reader(open_run(tmp_path / "storm")) as reader:
        samples = list(reader.iter_samples())
    assert [s.index for s in samples] == list(range(len(samples))), "every candidate has its end"
    assert all(s.reason for s in samples)
    told, calm = gra("status", tmp_path / "storm"), gra("status", tmp_path / "calm")
    assert "Servers in trouble" in told.stdout and "x HTTP 500" in told.stdout and "Servers in trouble" in done.stdout
    assert "Servers in trouble" not in calm.stdout
    (account,) = json.loads(gra("status", tmp_path / "storm", "--json").stdout)["servers"].values()
    assert account["faults"]["HTTP 500"] > 0 and account["retries"] > 0
