"""Several processes that share a run: the same dataset, one limit, one budget, nothing lost when any of them ends."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, fake_models, make_config
from test_engine_crash import asked, committed
from test_engine_run import dataset, run, samples_of
from test_engine_stop import repeated

from gra.engine.run import synthesise
from gra.errors import ConfigError, KeyRefused, ProcessLost
from gra.events import CallAnswered, Event, Notice, SampleEnded
from gra.records import Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_server import FakeServer

RICH: dict[str, Any] = {"target": 24, "rounds": 2, "dedup_below": 0.4}
"""A run with everything in it: revisions, rulings, duplicates and a second round."""
THREE: dict[str, Any] = {"processes": 3, "concurrency": 12}
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def workers(parent: int | None = None) -> list[int]:
    """The processes that make samples for a process, this one if none is named."""
    found = []
    for task in Path(f"/proc/{parent or os.getpid()}/task").glob("*/children"):
        for child in task.read_text().split():
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
            if b"gra.engine.worker" in command:
                found.append(int(child))
    return found


async def test_the_dataset_is_the_same_with_any_number_of_processes(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), latency_s=0.002, spread=1.0) as server:
        await run(make_config(tmp_path, server.base_url, **RICH), tmp_path / "base")
        for processes, concurrency in ((2, 64), (4, 3)):
            engine = {"processes": processes, "concurrency": concurrency}
            out = tmp_path / f"{processes}"
            await run(make_config(tmp_path, server.base_url, **RICH, engine=engine), out)
            assert dataset(tmp_path / "base") == dataset(out)
            assert verify(open_run(out)) == []
    samples = samples_of(out)
    versions = [v for s in samples for v in s.versions]
    assert any(v.ruling for v in versions) and any(v.number == 1 for v in versions)
    assert {Status.ACCEPTED, Status.DUPLICATE, Status.REJECTED_INSTRUCTION} <= {s.status for s in samples}
    assert {s.round for s in samples} == {1, 2}


@linux
async def test_samples_are_made_in_the_other_processes_and_all_is_told_and_counted(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with FakeServer(fake_models(), latency_s=0.005) as server:
        config = make_config(tmp_path, server.base_url, engine=THREE)
        task = asyncio.create_task(synthesise(config, tmp_path / "run", heard.append))
        seen: set[int] = set()
        while not task.done():
            seen.update(workers())
            await asyncio.sleep(0.01)
        assert (await task).complete
        assert not workers() and len(seen) == 3
        requests = sum(server.requests.values())
    with Reader(open_run(tmp_path / "run")) as reader:
        calls, servers = reader.totals().all.calls, reader.fact("servers")
    told = sum(account["answered"] for account in servers.values())
    # What the server does not count: each model is looked for twice. What is called off is not answered.
    assert requests - THREE["concurrency"] <= told <= requests + 2 * len(NAMES), "the requests of every process"
    answers = [event for event in heard if isinstance(event, CallAnswered) and not event.replayed]
    # The last that a full round calls off may be stored and not told.
    assert 0 <= calls - len(answers) <= THREE["concurrency"]
    ended = [event.id for event in heard if isinstance(event, SampleEnded)]
    assert len(ended) == len(set(ended)) > 8


async def test_a_limit_holds_over_all_processes(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), latency_s=0.01) as server:
        models = [{"name": n, "base_url": server.base_url, "model": n, "concurrency": 3} for n in NAMES]
        config = make_config(tmp_path, server.base_url, models=models, engine={**THREE, "concurrency": 64})
        peaks: list[int] = []

        def look(event: Event) -> None:
            if isinstance(event, SampleEnded) and event.round == 1:  # before any is called off: a server notices late
                peaks.append(server.peak)

        assert (await synthesise(config, tmp_path / "run", look)).complete
    assert peaks[-1] == 3


async def test_faults_are_met_together_and_change_nothing(tmp_path: Path) -> None:
    faults = {"500": 0.03, "reset": 0.03, "html": 0.02, "cut": 0.02, "429": 0.05, "503": 0.02}
    async with FakeServer(fake_models()) as server:
        await run(make_config(tmp_path, server.base_url), tmp_path / "calm")
    async with FakeServer(fake_models(), faults=faults) as server:
        await run(make_config(tmp_path, server.base_url, engine={**THREE, "retries": 12}), tmp_path / "stormy")
    assert dataset(tmp_path / "calm") == dataset(tmp_path / "stormy")
    with Reader(open_run(tmp_path / "stormy")) as reader:
        (account,) = reader.fact("servers").values()
    assert account["faults"]["HTTP 429"] > 0 < account["cuts"]
    assert account["retries"] == sum(account["faults"].values())


async def test_a_key_that_is_refused_in_one_process_ends_the_run(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GRA_TEST_KEY", "sk-right-123456")
    async with FakeServer(fake_models(), latency_s=0.01, key="sk-right-123456") as server:
        keyed = {"base_url": server.base_url, "api_key_env": "GRA_TEST_KEY"}
        models = [{"name": n, "model": n, **keyed} for n in NAMES]
        embeddings = {"model": NAMES[0], **keyed}
        config = make_config(tmp_path, server.base_url, models=models, embeddings=embeddings, target=24, engine=THREE)
        task = asyncio.create_task(run(config, tmp_path / "run"))
        while sum(server.requests.values()) < 900:
            await asyncio.sleep(0.005)
        server._key = "sk-another-one"
        with pytest.raises(KeyRefused) as caught:
            await task
    assert "sk-right" not in str(caught.value)
    everything = b"".join(p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file())
    assert b"sk-right" not in everything


async def test_a_budget_stops_all_of_them_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), latency_s=0.002) as server:
        full = make_config(tmp_path, server.base_url, engine=THREE)
        await run(full, tmp_path / "calm")
        calls = committed(tmp_path / "calm")
        limit = int(calls * 0.7)
        short = make_config(tmp_path, server.base_url, engine=THREE, budget={"calls": limit})
        ending = await run(short, tmp_path / "run")
        assert not ending.complete and "calls is spent" in ending.statement
        assert limit <= committed(tmp_path / "run") <= limit + 3 * THREE["concurrency"]
        assert (await run(full, tmp_path / "run")).complete
    assert dataset(tmp_path / "run") == dataset(tmp_path / "calm")


async def test_what_is_under_way_in_any_of_them_is_answered_and_stored(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), latency_s=0.03) as server:
        config = make_config(tmp_path, server.base_url, target=12, engine={**THREE, "finish_s": 100})
        task = asyncio.create_task(synthesise(config, tmp_path / "run"))
        while sum(server.requests.values()) < 600:
            await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 120)
        assert server.peak > 1 and not server.in_flight
        assert committed(tmp_path / "run") == asked(server) > 0, "all that was asked"
        assert (await run(config, tmp_path / "run")).complete
        assert not repeated(server)
        await run(make_config(tmp_path, server.base_url, target=12), tmp_path / "calm")
    assert dataset(tmp_path / "run") == dataset(tmp_path / "calm")


@linux
async def test_processes_that_are_killed_are_replaced_and_lose_no_answer(tmp_path: Path) -> None:
    draw = random.Random(3)
    heard: list[Event] = []
    async with FakeServer(fake_models()) as server:
        await run(make_config(tmp_path, server.base_url, **RICH), tmp_path / "calm")
    async with FakeServer(fake_models(), latency_s=0.01) as server:
        config = make_config(tmp_path, server.base_url, **RICH, engine=THREE)
        task = asyncio.create_task(synthesise(config, tmp_path / "run", heard.append))
        kills = 0
        while not task.done():
            before = sum(server.requests.values())
            if kills < 6 and before > 600 and (alive := workers()):
                os.kill(draw.choice(alive), signal.SIGKILL)
                kills += 1
                while not task.done() and sum(server.requests.values()) < before + 150:
                    await asyncio.sleep(0.005)
            await asyncio.sleep(0.005)
        assert (await task).complete
    again = len(repeated(server))
    assert kills > 2
    deaths = [e.text for e in heard if isinstance(e, Notice) and "by signal 9" in e.text]
    assert deaths and all("another takes its place" in text for text in deaths)
    assert again <= kills * THREE["concurrency"] * 2, "no more than what was under way"
    assert dataset(tmp_path / "run") == dataset(tmp_path / "calm")
    assert not workers()


DRIVE = """
import asyncio, sys
from pathlib import Path
from gra.config.load import load_config
from gra.engine.run import synthesise
asyncio.run(synthesise(load_config(Path(sys.argv[1])), Path(sys.argv[2])))
"""


@linux
@pytest.mark.parametrize("everybody", [False, True], ids=["the one that leads", "the whole group"])
async def test_a_run_whose_leader_is_killed_leaves_nobody_and_goes_on(tmp_path: Path, everybody: bool) -> None:
    async with FakeServer(fake_models()) as server:
        await run(make_config(tmp_path, server.base_url), tmp_path / "calm")
    async with FakeServer(fake_models(), latency_s=0.01) as server:
        config = make_config(tmp_path, server.base_url, engine=THREE)
        losses, before, draw = 0, 0, random.Random(5)
        for _ in range(3):
            more = sum(server.requests.values()) + 150 + draw.randrange(100)
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", DRIVE, str(tmp_path / "config.yaml"), str(tmp_path / "run")),
                start_new_session=True,
            )
            # The first samples come late: what is killed is to have processes of its own.
            while child.returncode is None and (sum(server.requests.values()) < more or not workers(child.pid)):
                await asyncio.sleep(0.005)
            if child.returncode is None:
                alive = workers(child.pid)
                (os.killpg if everybody else os.kill)(child.pid, signal.SIGKILL)
                await child.wait()
                while any(Path(f"/proc/{pid}").exists() for pid in alive):  # a test that hangs here has found orphans
                    await asyncio.sleep(0.01)
                losses += 1
        assert losses
        before = asked(server) - committed(tmp_path / "run")
        assert before <= losses * 2 * 32, "each kill loses no more than what was under way"
        assert (await run(config, tmp_path / "run")).complete
    assert dataset(tmp_path / "run") == dataset(tmp_path / "calm")
    assert verify(open_run(tmp_path / "run")) == []


DEADLY = """
import os
def process(config=None):
    return lambda sample: os._exit(7)
"""
PLUGINS = """
import os
from gra.extend import Cast, Reply, Usage, Verdict

class Backend:
    label_probabilities = True
    def __init__(self, model, answer):
        self.pid, self.answer = os.getpid(), answer
    async def complete(self, request):
        assert os.getpid() == self.pid
        with open(self.answer, "a") as log:
            log.write(f"{self.pid}\\n")
        labels = {label: 0.9 if label == "yes" else 0.1 for label in request.labels}
        return Reply("Yes", labels=labels, usage=Usage(1, 0, 1))

class Note:
    def __init__(self, config):
        pass

    def __call__(self, sample):
        from dataclasses import replace
        return replace(sample, notes={"length": len(sample.response)})
"""


async def test_one_candidate_that_kills_every_process_stops_the_run_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    async with FakeServer(fake_models()) as server:
        own = [{"use": f"{tmp_path / 'deadly.py'}:process"}]
        config = make_config(tmp_path, server.base_url, postprocess=own, engine={**THREE, "processes": 2})
        with pytest.raises(
            ProcessLost, match=r"process-\d of the run died again and again \(exit code 7\).*gra resume"
        ):
            await run(config, tmp_path / "run")
    assert not workers()


async def test_code_of_the_users_own_answers_in_one_process_and_works_in_all(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(PLUGINS)
    own, log = tmp_path / "own.py", tmp_path / "who_answered"
    backend = {"use": f"{own}:Backend", "options": {"answer": str(log)}}
    async with FakeServer(fake_models()) as server:
        models: list[dict[str, Any]]
        models = [{"name": n, "base_url": server.base_url, "model": n} for n in NAMES[:4]]
        models.append({"name": "own", "backend": backend, "roles": ["reviewer"]})
        changes: dict[str, Any] = {"models": models, "postprocess": [{"use": f"{own}:Note"}]}
        await run(make_config(tmp_path, server.base_url, **changes), tmp_path / "base")
        await run(make_config(tmp_path, server.base_url, **changes, engine=THREE), tmp_path / "other")
    assert dataset(tmp_path / "base") == dataset(tmp_path / "other") != []
    assert all(s.notes["length"] == len(s.response) for s in dataset(tmp_path / "other"))
    assert set(log.read_text().split()) == {str(os.getpid())}


async def test_code_that_is_not_found_in_another_process_is_said(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "own.py").write_text(PLUGINS.replace("import os\n", "import os\nassert os.getpid() == PID\n", 1))
    text = (tmp_path / "own.py").read_text().replace("== PID", f"== {os.getpid()}")
    (tmp_path / "own.py").write_text(text)
    async with FakeServer(fake_models()) as server:
        config = make_config(
            tmp_path, server.base_url, postprocess=[{"use": f"{tmp_path / 'own.py'}:Note"}], engine=THREE
        )
        with pytest.raises(ConfigError, match=r"own\.py:Note"):
            await run(config, tmp_path / "run")
    assert not workers()
