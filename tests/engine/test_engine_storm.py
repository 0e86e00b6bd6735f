"""Runs against servers that misbehave: the same dataset as in calm, exactly its target, and an account of it all."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_pool import NAMES, fake_models, make_config

from gra.calls import CallId
from gra.config.load import RunConfig
from gra.engine.desk import urgency
from gra.engine.models import open_models
from gra.engine.run import Ending, synthesise
from gra.errors import OutOfService
from gra.events import Event, Listener, Notice, PhaseStarted, SampleEnded, ignore
from gra.llm.wire import greeting
from gra.records import Sample, Status
from gra.report.survey import report_on
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_answers import digest
from gra.testing.fake_server import FakeServer

MIXED = {"reset": 0.035, "torn": 0.02, "stall": 0.005, "html": 0.02, "cut": 0.02, "huge": 0.005, "utf8": 0.02}
MIXED |= {"empty": 0.02, "429": 0.03, "503": 0.03}
"""A fifth of all requests."""


def samples_of(folder: Path) -> list[Sample]:
    with Reader(open_run(folder)) as reader:
        return list(reader.iter_samples())


def dataset(folder: Path) -> list[Sample]:
    return [s for s in samples_of(folder) if s.status is Status.ACCEPTED]


def servers(folder: Path) -> dict[str, dict[str, Any]]:
    with Reader(open_run(folder)) as reader:
        return report_on(reader).servers


async def run(config: RunConfig, folder: Path, listen: Listener = ignore) -> Ending:
    return await asyncio.wait_for(synthesise(config, folder, listen), 200)


def greetings() -> set[str]:
    """What asks only whether anybody is there, by its digest."""
    like: list[tuple[str, dict[str, Any]]] = [("chat/completions", {"messages": []}), ("embeddings", {"input": []})]
    return {digest({"path": f"/v1/{path}", **(greeting({"model": n, **b}) or {})}) for n in NAMES for path, b in like}


async def test_at_a_fifth_of_mixed_faults_nothing_is_lost_and_all_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(MIXED.values()) > 0.2
    monkeypatch.setattr("gra.llm.retry.FIRST_WAIT_S", 0.02)  # how long is waited before a try is shown elsewhere
    heard: list[Event] = []
    async with FakeServer(fake_models()) as server:
        await run(make_config(tmp_path, server.base_url, target=3, rounds=1), tmp_path / "calm")
    async with FakeServer(fake_models(), faults=MIXED, retry_after="0.05") as server:
        config = make_config(tmp_path, server.base_url, target=3, rounds=1, engine={"retries": 8, "timeout_s": 2.0})
        ending = await run(config, tmp_path / "storm", heard.append)
        assert {name for name, times in server.answered.items() if times > 1} <= greetings(), "no other asked for twice"
    assert (ending.accepted, ending.target, ending.statement) == (3, 3, "")
    assert Status.FAILED not in {s.status for s in samples_of(tmp_path / "storm")}
    assert dataset(tmp_path / "storm") == dataset(tmp_path / "calm")
    (account,) = servers(tmp_path / "storm").values()
    assert {"HTTP 429", "HTTP 503", "no connection", "no answer in time", "unusable answer"} <= account["faults"].keys()
    assert account["retries"] >= sum(account["faults"].values()) - 32
    assert account["pauses"] > 0 and account["paused_s"] > 0, "every 429 and 503 here says how long to wait"
    assert any("HTTP 429" in event.text for event in heard[-3:] if isinstance(event, Notice)), "the last word on it"
    (quiet,) = servers(tmp_path / "calm").values()
    assert quiet["faults"] == {} and quiet["answered"] > 100


async def test_replies_cut_at_their_length_end_samples_not_runs(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), faults={"length": 0.1}) as server:
        ending = await run(make_config(tmp_path, server.base_url), tmp_path / "run")
    assert ending.accepted == ending.target
    assert any("cut off" in s.reason for s in samples_of(tmp_path / "run") if s.status is Status.UNUSABLE)


class Poisoned(FakeServer):
    """Ends the connection whenever it is asked for one thing, and answers all else."""

    poison = ""

    async def _work(self, request: web.Request) -> web.StreamResponse:
        if self.poison and self.poison in await request.text():
            self.next_faults.appendleft("reset")
        return await super()._work(request)


async def test_a_request_that_kills_the_server_costs_its_sample_and_no_more_at_any_concurrency(tmp_path: Path) -> None:
    async with Poisoned(fake_models(), latency_s=0.003) as server:
        await run(make_config(tmp_path, server.base_url, target=4, rounds=1), tmp_path / "calm")
        victim = next(s for s in samples_of(tmp_path / "calm") if s.versions and s.status is Status.ACCEPTED)
        server.poison = json.dumps(f"{victim.instruction}")[1:-1]
        for name, concurrency in (("alone", 1), ("together", 64)):
            engine = {"concurrency": concurrency, "retries": 1, "patience_s": 3.0}
            config = make_config(tmp_path, server.base_url, target=4, rounds=1, engine=engine)
            assert (await run(config, tmp_path / name)).complete
            failed = [s.id for s in samples_of(tmp_path / name) if s.status is Status.FAILED]
            assert failed == [victim.id]
    assert dataset(tmp_path / "alone") == dataset(tmp_path / "together")


def two_servers(folder: Path, here: str, there: str, **engine: Any) -> RunConfig:
    """Only `eve` adjudicates, and she lives elsewhere."""
    models: list[dict[str, Any]] = [
        {"name": n, "base_url": here, "model": n, "roles": ["generator", "reviewer"]} for n in NAMES[:-1]
    ]
    models.append({"name": "eve", "base_url": there, "model": "eve", "roles": ["adjudicator"]})
    return make_config(folder, here, models=models, target=16, rounds=1, engine={"concurrency": 24, **engine})


class Outage:
    """Takes a server away when the round begins; hears what goes on without it."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.silent = asyncio.Event()
        self.went_on = asyncio.Event()
        self._leaving: asyncio.Task[None] | None = None

    def hear(self, event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase == "round" and self._leaving is None:
            self._leaving = asyncio.create_task(self.server.__aexit__())
        elif isinstance(event, Notice) and "is silent" in event.text:
            self.silent.set()
        elif isinstance(event, SampleEnded) and self._leaving is not None and self._leaving.done():
            self.went_on.set()


async def test_while_a_server_is_dead_others_go_on_and_what_needs_it_waits(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), latency_s=0.01) as here, FakeServer(fake_models()) as there:
        await run(two_servers(tmp_path, here.base_url, there.base_url), tmp_path / "calm")
    assert any(v.ruling for s in samples_of(tmp_path / "calm") for v in s.versions), "she is needed"
    there = FakeServer(fake_models())
    async with FakeServer(fake_models(), latency_s=0.01) as here:
        await there.__aenter__()
        outage = Outage(there)
        config = two_servers(tmp_path, here.base_url, there.base_url)
        running = asyncio.create_task(run(config, tmp_path / "run", outage.hear))
        await asyncio.wait_for(asyncio.gather(outage.silent.wait(), outage.went_on.wait()), 200)
        assert not running.done()
        async with there:
            assert (await running).complete
    assert dataset(tmp_path / "run") == dataset(tmp_path / "calm")
    assert Status.FAILED not in {s.status for s in samples_of(tmp_path / "run")}
    assert servers(tmp_path / "run")[there.base_url]["silent"] >= 1
    assert not servers(tmp_path / "run")[here.base_url]["faults"]


async def test_a_server_that_stays_dead_stops_the_run_which_goes_on_when_it_is_back(tmp_path: Path) -> None:
    there = FakeServer(fake_models())
    async with FakeServer(fake_models(), latency_s=0.01) as here:
        await there.__aenter__()
        config = two_servers(tmp_path, here.base_url, there.base_url, patience_s=0.5)
        with pytest.raises(OutOfService, match="`eve`"):
            await run(config, tmp_path / "run", Outage(there).hear)
        first = servers(tmp_path / "run")
        async with there:
            assert (await run(config, tmp_path / "run")).complete
    both = servers(tmp_path / "run")
    assert both[there.base_url]["faults"] == first[there.base_url]["faults"], "kept, and added to"
    assert both[here.base_url]["answered"] > first[here.base_url]["answered"]


async def test_models_behind_one_address_share_a_server_and_the_largest_of_their_numbers(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        port = server.base_url.split(":")[2]
        models: list[dict[str, Any]] = [
            {"name": n, "base_url": server.base_url, "model": n, "concurrency": c}
            for n, c in zip(NAMES, (None, 3, 7, None, None), strict=True)
        ]
        models[0]["base_url"] = f"http://localhost:{port}/"
        async with open_models(make_config(tmp_path, server.base_url, models=models), ignore, tmp_path) as opened:
            shared = set(opened.servers.values())
            assert [one.limit.places for one in shared] == [7]


def test_calls_are_asked_in_the_order_of_their_candidates() -> None:
    names = ["r01-00000", "r01-00003", "r02-00010", "r01-123456"]
    ranks = [urgency(CallId(name, "v0.response")) for name in names]
    assert ranks == sorted(ranks, reverse=True) and len(set(ranks)) == len(ranks)
    assert urgency(CallId("seed-00001", "domain.ada")) >= max(ranks)
