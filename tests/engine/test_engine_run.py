"""Whole runs against fake models over real HTTP: the funnel, determinism, resumption, ends short of the target."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, fake_models, make_config

from gra.config.load import RunConfig
from gra.engine.run import Ending, synthesise
from gra.engine.studies import share
from gra.errors import ConfigError, EndpointError, KeyRefused, StoreError
from gra.records import Sample, Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_server import FakeServer


def samples_of(folder: Path) -> list[Sample]:
    with Reader(open_run(folder)) as reader:
        return list(reader.iter_samples())


def dataset(folder: Path) -> list[Sample]:
    return [s for s in samples_of(folder) if s.status is Status.ACCEPTED]


async def run(config: RunConfig, folder: Path) -> Ending:
    return await asyncio.wait_for(synthesise(config, folder), 120)


async def test_a_run_ends_with_exactly_its_target_and_everything_on_record(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, target=9, rounds=2)
        ending = await run(config, tmp_path / "run")
    assert (ending.accepted, ending.complete, ending.statement) == (9, True, "")
    samples = samples_of(tmp_path / "run")
    assert Status.PASSED not in {s.status for s in samples}
    assert Counter(s.round for s in dataset(tmp_path / "run")) == {1: 5, 2: 4}
    for number in (1, 2):
        indexes = sorted(s.index for s in samples if s.round == number)
        assert indexes == list(range(len(indexes))), "every candidate that was begun is on record"
    assert all(s.reason for s in samples)
    assert verify(open_run(tmp_path / "run")) == []


async def test_every_part_of_the_method_is_met(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        await run(make_config(tmp_path, server.base_url, target=24, rounds=2), tmp_path / "run")
    samples = samples_of(tmp_path / "run")
    versions = [v for s in samples for v in s.versions]
    assert any(v.ruling for v in versions), "some are adjudicated"
    assert any(v.number == 1 for v in versions), "some are revised"
    assert {Status.ACCEPTED, Status.REJECTED_INSTRUCTION} <= {s.status for s in samples}
    for version in versions:
        parts = {version.cast.generator, *version.cast.reviewers, version.cast.adjudicator}
        assert len(parts) == 4, "generator, reviewers and adjudicator are all different"
        assert [o.model for o in version.opinions] == list(version.cast.reviewers)[: len(version.opinions)]
    second = [e for s in samples if s.round == 2 for e in s.examples]
    assert any(e.startswith("r01-") for e in second), "the second round learns from the first"
    assert not any(e.startswith("r01-") for s in samples if s.round == 1 for e in s.examples)


@pytest.mark.parametrize("concurrency", [1, 3, 256])
async def test_the_dataset_is_the_same_at_any_concurrency(tmp_path: Path, concurrency: int) -> None:
    async with FakeServer(fake_models(), latency_s=0.002, spread=1.0) as server:
        base = make_config(tmp_path, server.base_url)
        await run(base, tmp_path / "base")
        other = make_config(tmp_path, server.base_url, engine={"concurrency": concurrency, "retries": 1})
        await run(other, tmp_path / "other")
    assert dataset(tmp_path / "base") == dataset(tmp_path / "other")


async def test_a_finished_run_asks_nothing_more(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url)
        await run(config, tmp_path / "run")
        asked = sum(server.requests.values())
        ending = await run(config, tmp_path / "run")
        assert ending.complete
        assert sum(server.requests.values()) == asked


async def test_no_call_is_put_twice(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        await run(make_config(tmp_path, server.base_url), tmp_path / "run")
        with Reader(open_run(tmp_path / "run")) as reader:
            stored = reader.totals().all.calls
        reviews = [b for b in server.bodies if b.get("logprobs")]
        assert stored > 100
        assert len(reviews) <= stored + 2 * len(NAMES), "beside the probes, every request is a stored call"


async def test_a_budget_ends_the_run_in_good_order_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        full = make_config(tmp_path, server.base_url)
        await run(full, tmp_path / "undisturbed")
        with Reader(open_run(tmp_path / "undisturbed")) as reader:
            calls = reader.totals().all.calls
        short = make_config(tmp_path, server.base_url, budget={"calls": int(calls * 0.7)})
        ending = await run(short, tmp_path / "run")
        assert not ending.complete
        assert "calls is spent" in ending.statement
        assert len(dataset(tmp_path / "run")) == ending.accepted
        assert (await run(full, tmp_path / "run")).complete
    assert dataset(tmp_path / "run") == dataset(tmp_path / "undisturbed")


async def test_a_yield_too_low_is_said(tmp_path: Path) -> None:
    models = fake_models()
    async with FakeServer(models) as server:
        gate = {"type": "seeds", "exam": 8, "keep_above": 0.999, "dispute_band": 0.0}
        config = make_config(tmp_path, server.base_url, gate=gate, budget={"candidates_per_accepted": 2}, target=4)
        ending = await run(config, tmp_path / "run")
    assert not ending.complete
    assert "yield is too low" in ending.statement


async def test_transport_faults_change_nothing(tmp_path: Path) -> None:
    faults = {"500": 0.03, "reset": 0.03, "html": 0.02, "cut": 0.02, "empty": 0.02, "utf8": 0.02, "429": 0.03}
    async with FakeServer(fake_models()) as server:
        await run(make_config(tmp_path, server.base_url), tmp_path / "calm")
    async with FakeServer(fake_models(), faults=faults, port=0) as server:
        config = make_config(tmp_path, server.base_url, engine={"retries": 12})
        await run(config, tmp_path / "stormy")
    assert dataset(tmp_path / "calm") == dataset(tmp_path / "stormy")


async def test_the_paper_preset_plays_with_written_reviews(tmp_path: Path) -> None:
    models = fake_models(leniency=6.0)
    async with FakeServer(models) as server:
        config = make_config(
            tmp_path,
            server.base_url,
            preset="paper",
            target=4,
            rounds=2,
            reviewers=3,
            models=[{"name": n, "base_url": server.base_url, "model": n} for n in NAMES],
            gate={"type": "paper", "tau": 8.0},
        )
        assert config.synthesis.max_revisions == 0
        ending = await run(config, tmp_path / "run")
    samples = samples_of(tmp_path / "run")
    assert ending.complete, ending.statement
    opinions = [o for s in samples for v in s.versions for o in v.opinions if not o.failure]
    assert {o.reading for o in opinions} == {"written"}
    assert all(len(s.versions) <= 1 for s in samples)


async def test_without_log_probabilities_reviews_are_written(tmp_path: Path) -> None:
    async with FakeServer(fake_models(top_logprobs=0, leniency=6.0)) as server:
        config = make_config(tmp_path, server.base_url, gate={"type": "paper", "tau": 5.0}, target=2, rounds=1)
        ending = await run(config, tmp_path / "run")
        assert ending.complete, ending.statement
        with Reader(open_run(tmp_path / "run")) as reader:
            assert set(reader.fact("readings").values()) == {"written"}
        asked = make_config(tmp_path, server.base_url, reading="probability")
        with pytest.raises(ConfigError, match="returns none"):
            await run(asked, tmp_path / "other")


async def test_the_exam_is_sat_once_for_all_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeServer(fake_models()) as server:
        short = make_config(tmp_path, server.base_url, budget={"candidates_per_accepted": 1})
        assert not (await run(short, tmp_path / "run")).complete

        async def fail(*_: object) -> None:
            raise AssertionError("another exam could make another gate in mid-run")

        monkeypatch.setattr("gra.engine.opening.sit_in_turn", fail)
        assert (await run(make_config(tmp_path, server.base_url), tmp_path / "run")).complete


async def test_reviewers_that_cannot_tell_stop_the_run_before_it_costs(tmp_path: Path) -> None:
    models = fake_models()
    blind = [type(m)(m.name, judge=lambda body: 0.5, respond=m.respond) for m in models]
    async with FakeServer(blind) as server:
        with pytest.raises(ConfigError, match="No reviewer of what the others write can tell"):
            await run(make_config(tmp_path, server.base_url), tmp_path / "run")


async def test_an_endpoint_that_dies_stops_the_run_and_resuming_gives_the_same(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), latency_s=0.003) as server:
        config = make_config(tmp_path, server.base_url, engine={"retries": 0, "give_up_after": 2, "patience_s": 0.5})
        await run(config, tmp_path / "undisturbed")
    server = FakeServer(fake_models(), latency_s=0.003)
    async with server:
        config = make_config(tmp_path, server.base_url, engine={"retries": 0, "give_up_after": 2, "patience_s": 0.5})
        task = asyncio.create_task(run(config, tmp_path / "run"))
        while sum(server.requests.values()) < 400:
            await asyncio.sleep(0.005)
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1"):
        await task
    async with server:
        assert (await run(config, tmp_path / "run")).complete
    assert dataset(tmp_path / "run") == dataset(tmp_path / "undisturbed")


async def test_a_folder_of_another_configuration_is_refused(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        await run(make_config(tmp_path, server.base_url, target=2, rounds=1), tmp_path / "run")
        with pytest.raises(StoreError, match="target"):
            await run(make_config(tmp_path, server.base_url, target=3, rounds=1), tmp_path / "run")


async def test_a_wrong_key_is_said_at_once_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRA_TEST_KEY", "sk-wrong-123456")
    async with FakeServer(fake_models(), key="sk-right") as server:
        models: list[dict[str, Any]] = [
            {"name": n, "base_url": server.base_url, "model": n, "api_key_env": "GRA_TEST_KEY"} for n in NAMES
        ]
        config = make_config(tmp_path, server.base_url, models=models)
        with pytest.raises(KeyRefused) as refused:
            await run(config, tmp_path / "run")
    assert "sk-wrong" not in str(refused.value)
    assert "sk-wrong" not in (tmp_path / "run" / "run.json").read_text()


async def test_no_server_is_said_in_words(tmp_path: Path) -> None:
    config = make_config(tmp_path, "http://127.0.0.1:9/v1", engine={"retries": 0})
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:9"):
        await run(config, tmp_path / "run")


def test_rounds_share_the_target(tmp_path: Path) -> None:
    config = make_config(tmp_path, "http://127.0.0.1:9/v1", target=11, rounds=3).synthesis
    assert [share(config, n) for n in (1, 2, 3)] == [4, 4, 3]


async def test_run_json_is_itself_runnable(tmp_path: Path) -> None:
    from gra.config.load import load_config

    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, target=2, rounds=1)
        await run(config, tmp_path / "run")
    document = json.loads((tmp_path / "run" / "run.json").read_text())
    again = tmp_path / "again.json"
    again.write_text(json.dumps(document["config"]))
    assert load_config(again).synthesis == config.synthesis
