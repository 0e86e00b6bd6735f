"""The Python API, as a person uses it in a script or a notebook, against fake models over real HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from api_builders import KIND, NAMES, plain_config

import gra
from gra.api.loop import to_the_end
from gra.errors import ConfigError, GraError, SeedError, StoreError, TargetMissed
from gra.events import Event, RoundClosed, SampleEnded
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer
from gra.testing.served import served


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with served(KIND) as fake:
        yield fake


@pytest.fixture
def run(server: FakeServer, tmp_path: Path) -> Iterator[gra.Run]:
    config = plain_config(tmp_path, server.base_url)
    with gra.run(config, tmp_path / "out", progress=False) as found:
        yield found


def test_a_run_and_everything_that_can_be_asked_of_it(run: gra.Run, tmp_path: Path) -> None:
    assert run.complete and run.statement == "" and len(run) == 3
    accepted = list(run.accepted)
    assert [s.id for s in accepted] == [s.id for s in run] and all(s.status is gra.Status.ACCEPTED for s in accepted)
    assert run[accepted[1].id] == accepted[1]
    assert {s.status.value for s in run.samples()} >= {"accepted"}
    assert [*run.samples("accepted", round=1)] == accepted and not [*run.samples(round=2)]
    assert len(run.pool()) == 8 + 3
    assert run.config.synthesis.target == 3 and run.folder == tmp_path / "out"
    report = run.report()
    assert isinstance(report, gra.Report) and (report.accepted, report.state) == (3, "complete")
    assert report.totals.all.calls > 0


def test_samples_stream(run: gra.Run) -> None:
    first = next(run.accepted)
    assert isinstance(first, gra.Sample) and first.instruction and first.response


def test_datasets_in_every_form(run: gra.Run, tmp_path: Path) -> None:
    assert run.export() == run.folder / "export" / "messages.jsonl"
    rows = json.loads(run.export("alpaca", tmp_path / "a.json", metadata=True).read_text())
    assert [row["metadata"]["id"] for row in rows] == [s.id for s in run]
    assert pq.read_table(run.export("parquet", str(tmp_path / "a.parquet"))).num_rows == 3
    with pytest.raises(TargetMissed, match="so nothing was written"):
        run.export(status="rejected_ruling")
    with pytest.raises(ConfigError, match="messages, alpaca, parquet"):
        run.export("csv")


def test_the_same_call_again_asks_nothing(run: gra.Run, server: FakeServer, tmp_path: Path) -> None:
    asked = server.requests.total()
    again = gra.run(plain_config(tmp_path, server.base_url), tmp_path / "out", progress=False)
    assert again.complete and server.requests.total() == asked
    with pytest.raises(StoreError):
        gra.run(plain_config(tmp_path, server.base_url), tmp_path / "out", progress=False, target=4)


def test_a_file_gives_the_run_its_name(server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(yaml.safe_dump(plain_config(tmp_path, server.base_url)))
    dotted: dict[str, Any] = {"budget.calls": 10_000}
    with gra.run("mine.yaml", progress=False, target=2, **dotted) as found:
        assert found.folder == Path("runs/mine") and len(found) == 2
        assert found.config.synthesis.budget.calls == 10_000
    with gra.load("runs/mine") as loaded:
        assert gra.run(loaded.config, tmp_path / "copy", progress=False, target=1).complete


def test_a_run_that_falls_short_is_a_run_that_says_why(server: FakeServer, tmp_path: Path) -> None:
    config = plain_config(tmp_path, server.base_url, budget={"calls": 60})
    with gra.run(config, tmp_path / "out", progress=False) as short:
        assert not short.complete and "budget of 60 calls" in short.statement
    with gra.load(tmp_path / "out") as loaded:
        assert "budget of 60 calls" in loaded.statement, "the folder knows it, too"
    with gra.resume(tmp_path / "out", progress=False, budget={"calls": 6000}) as more:
        assert more.complete and more.statement == ""


def test_a_refinement_is_complete_when_every_seed_was_tried(tmp_path: Path) -> None:
    def picky(body: dict[str, Any]) -> float:
        return 0.05 if "number 3" in body["messages"][-1]["content"] else 0.9

    with served([FakeModel(name, judge=picky) for name in NAMES]) as fake:
        config = plain_config(tmp_path, fake.base_url, task="refine", target=None, gate={"type": "paper", "tau": 5})
        with gra.run(config, tmp_path / "out", progress=False) as run:
            assert run.complete and (len(run), run.config.synthesis.target) == (7, 8)
            assert run.statement.startswith("7 of 8 seeds are kept") and run.report().state == "complete"
    with gra.load(tmp_path / "out") as again:
        assert again.complete and again.statement.startswith("7 of 8 seeds are kept")
        assert [s.seed for s in again.samples("rejected_response")] == ["seed-00003"]


def test_what_cannot_be_done_is_a_gra_error(tmp_path: Path) -> None:
    config = plain_config(tmp_path)
    for wrong, kind, words in (
        (config, ConfigError, "give `out`"),
        ({**config, "targt": 3}, ConfigError, "did you mean `target`"),
        ({**config, "gate": object()}, ConfigError, "could not"),
        ({**config, "seeds": "nowhere.json"}, SeedError, "nowhere.json"),
        ("nowhere.yaml", ConfigError, "no such file"),
    ):
        out = None if wrong is config else tmp_path / "out"
        with pytest.raises(kind, match=words):
            gra.run(wrong, out, progress=False)
    with pytest.raises(StoreError, match="not a run folder"):
        gra.load(tmp_path)
    with pytest.raises(GraError):
        gra.run(config, tmp_path / "out", progress=False)  # nobody answers at that address


def test_an_unknown_sample_or_status_is_told(run: gra.Run) -> None:
    with pytest.raises(StoreError, match="no sample of"):
        run["r09"]
    with pytest.raises(ConfigError, match="accepted"):
        run.samples("good")


def test_a_listener_hears_every_event(server: FakeServer, tmp_path: Path) -> None:
    heard: list[Event] = []
    gra.run(plain_config(tmp_path, server.base_url), tmp_path / "out", progress=heard.append)
    ended = [event for event in heard if isinstance(event, SampleEnded)]
    assert len(ended) >= 3 and isinstance(heard[-1], RoundClosed)
    assert list((tmp_path / "out" / "logs").glob("*.log")), "a log is kept whoever listens"


def test_progress_goes_to_standard_error_or_nowhere(
    server: FakeServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gra.run(plain_config(tmp_path, server.base_url), tmp_path / "loud")
    said = capfd.readouterr()
    assert "round 1 closed: 3 of 3" in said.err and not said.out
    gra.run(plain_config(tmp_path, server.base_url), tmp_path / "silent", progress=False)
    said = capfd.readouterr()
    assert not said.err and not said.out


async def test_it_works_inside_a_running_event_loop(server: FakeServer, tmp_path: Path) -> None:
    assert asyncio.get_running_loop().is_running()
    assert gra.run(plain_config(tmp_path, server.base_url), tmp_path / "out", progress=False).complete


def test_ctrl_c_stops_in_good_order_and_keeps_everything(tmp_path: Path) -> None:
    script = (
        "import json, signal, os, sys, gra\n"
        "from gra.events import SampleEnded\n"
        "config, out = json.loads(sys.argv[1]), sys.argv[2]\n"
        "ended = []\n"
        "def listen(event):\n"
        "    if isinstance(event, SampleEnded):\n"
        "        ended.append(event)\n"
        "        if len(ended) == 4: os.kill(os.getpid(), signal.SIGINT)\n"
        "try:\n    gra.run(config, out, progress=listen)\n"
        "except KeyboardInterrupt:\n    print('stopped', len(list(gra.load(out).samples())))\n"
    )
    with served(KIND, latency_s=0.01) as server:
        config = plain_config(tmp_path, server.base_url, target=12)
        command = [sys.executable, "-c", script, json.dumps(config), str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.stdout.startswith("stopped ") and int(done.stdout.split()[1]) >= 4, done.stderr
        assert gra.resume(tmp_path / "out", progress=False).complete
        # What was on the wire at that moment is asked once more; probes of both attempts, and of alike models, too.
        assert max(server.answered.values()) <= 1 + len(KIND)


def test_a_coroutine_that_is_stopped_ends_before_the_interrupt_goes_on() -> None:
    told: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            told.append("in good order")

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        to_the_end(work(), interrupted)
    assert told == ["in good order"]


def test_a_coroutine_that_fails_raises_here() -> None:
    async def fail() -> None:
        raise ConfigError("as it is")

    with pytest.raises(ConfigError, match="as it is"):
        to_the_end(fail(), lambda: None)


def test_it_is_told_in_a_line(run: gra.Run) -> None:
    assert repr(run) == f"<gra.Run {run.folder}: 3 of 3 accepted>"
    run.close()
    assert "closed" in repr(run) and "closed" in run._repr_html_()
    assert gra.load(run.folder), "a run is true, whatever it has accepted"


def test_a_run_with_nothing_yet_is_still_true(tmp_path: Path, server: FakeServer) -> None:
    config: dict[str, Any] = plain_config(tmp_path, server.base_url, budget={"calls": 3})
    with gra.run(config, tmp_path / "out", progress=False) as run:
        assert run and not list(run) and len(run) == 0 and "no sample yet" in run._repr_html_()
        assert "budget" in run.statement
