"""Whole refinements against fake models over real HTTP: every seed once, the same at any concurrency, resumed."""

from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, fake_models, make_config, write_seeds
from test_engine_run import dataset, run, samples_of

from gra.config.load import RunConfig
from gra.config.material import SeedsConfig
from gra.errors import ConfigError
from gra.records import SEED, Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.synthesis.seeds import read_seeds
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

SEEDS = 16
HIGH = {"keep_above": 0.8}
"""A gate that turns some of them down, also at the second try."""


def refining(folder: Path, url: str, **changes: Any) -> RunConfig:
    if not (folder / "seeds.json").exists():
        write_seeds(folder, SEEDS)
    return make_config(folder, url, task="refine", target=None, **changes)


async def test_every_seed_is_tried_once_and_the_run_says_what_became_of_them(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        config = refining(tmp_path, server.base_url, gate=HIGH)
        ending = await run(config, tmp_path / "run")
        asked = sum(server.requests.values())
        again = await run(config, tmp_path / "run")
        assert sum(server.requests.values()) == asked, "when the seeds are used up, there is nothing to go on with"
    samples, seeds = samples_of(tmp_path / "run"), read_seeds(SeedsConfig(path=tmp_path / "seeds.json")).seeds
    kept = [s for s in samples if s.status is Status.ACCEPTED]
    assert [(s.seed, s.instruction) for s in samples] == [(seed.id, seed.instruction) for seed in seeds]
    assert all(s.reason for s in samples) and Status.SURPLUS not in {s.status for s in samples}
    assert 0 < len(kept) < SEEDS, "the committee turns some down"
    assert {s.refined for s in kept} == {True, False}, "some have a new response, some their own"
    for sample in kept:
        assert sample.refined == (sample.response != next(s.response for s in seeds if s.id == sample.seed))
        assert sample.versions[0].cast.generator == SEED
    assert ending.complete and (ending.accepted, ending.target) == (len(kept), SEEDS)
    new = sum(s.refined is True for s in kept)
    assert ending.statement == f"{len(kept)} of {SEEDS} seeds are kept, {new} of them with a new response"
    assert (again.complete, again.accepted) == (True, len(kept))
    assert verify(open_run(tmp_path / "run")) == []


async def test_only_responses_are_written_judged_and_examined(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        await run(refining(tmp_path, server.base_url), tmp_path / "run")
    with Reader(open_run(tmp_path / "run")) as reader:
        tasks = set(reader.totals().by_task())
        assert {row["stage"] for row in reader.fact("exam")} == {"response"}
        accepted = {s.id: s.summary for s in reader.iter_samples(Status.ACCEPTED)}
        entries = reader.pool()
    assert tasks == {"domain", "seed_keywords", "summary", "exam", "response", "review", "compare", "adjudicate"}
    assert {e.id: e.summary for e in entries if e.round} == accepted and all(accepted.values())


@pytest.mark.parametrize("concurrency", [1, 256])
async def test_the_refined_are_the_same_at_any_concurrency(tmp_path: Path, concurrency: int) -> None:
    async with FakeServer(fake_models(), latency_s=0.002, spread=1.0) as server:
        await run(refining(tmp_path, server.base_url), tmp_path / "base")
        engine = {"concurrency": concurrency, "retries": 1}
        await run(refining(tmp_path, server.base_url, engine=engine), tmp_path / "other")
    assert samples_of(tmp_path / "base") == samples_of(tmp_path / "other")


async def test_a_target_takes_the_first_seeds_that_pass(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        await run(refining(tmp_path, server.base_url), tmp_path / "all")
        few = make_config(tmp_path, server.base_url, task="refine", target=4)
        ending = await run(few, tmp_path / "few")
    assert (ending.accepted, ending.complete, ending.statement) == (4, True, "")
    every = [s.seed for s in dataset(tmp_path / "all")]
    assert [s.seed for s in dataset(tmp_path / "few")] == every[:4]


async def test_the_budget_of_candidates_bounds_the_seeds_that_are_tried(tmp_path: Path) -> None:
    target = SEEDS - 1
    async with FakeServer(fake_models()) as server:
        budget = {"candidates_per_accepted": 1}
        ending = await run(refining(tmp_path, server.base_url, gate=HIGH, budget=budget), tmp_path / "all")
        few = make_config(tmp_path, server.base_url, task="refine", target=target, gate=HIGH, budget=budget)
        short = await run(few, tmp_path / "few")
    assert ending.complete and len(samples_of(tmp_path / "all")) == SEEDS, "as many as there are can always be tried"
    assert len(samples_of(tmp_path / "few")) == target
    assert short.accepted < target and not short.complete, "there is a seed left to try"
    assert f"the yield is too low: {target} candidates" in short.statement


async def test_quotas_are_for_new_samples_only(tmp_path: Path) -> None:
    """A taxonomy with shares may stand in a configuration that refines: the seeds are what they are."""
    domains = [{"name": n, "description": n, "share": share} for n, share in (("Land", 1), ("Sea", 9))]
    async with FakeServer(fake_models()) as server:
        ending = await run(refining(tmp_path, server.base_url, domains=domains), tmp_path / "run")
    samples = samples_of(tmp_path / "run")
    assert ending.complete and [s.index for s in samples] == list(range(SEEDS))
    with Reader(open_run(tmp_path / "run")) as reader:
        assert reader.fact("asked") == {}
        assert sum(reader.fact("seeds")["domains"].values()) == SEEDS


async def test_a_refinement_that_was_cut_short_goes_on_where_it_stood(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        await run(refining(tmp_path, server.base_url), tmp_path / "undisturbed")
        with Reader(open_run(tmp_path / "undisturbed")) as reader:
            calls = reader.totals().all.calls
        short = await run(refining(tmp_path, server.base_url, budget={"calls": int(calls * 0.8)}), tmp_path / "run")
        assert not short.complete and "calls is spent" in short.statement
        whole = await run(refining(tmp_path, server.base_url), tmp_path / "run")
        assert whole.complete
        with Reader(open_run(tmp_path / "run")) as reader:
            assert reader.totals().all.calls == calls, "no call is put twice"
    assert samples_of(tmp_path / "run") == samples_of(tmp_path / "undisturbed")


async def test_the_papers_preset_refines_too(tmp_path: Path) -> None:
    write_seeds(tmp_path, 6)
    async with FakeServer(fake_models(leniency=6.0)) as server:
        config = make_config(tmp_path, server.base_url, preset="paper", task="refine", gate={"type": "paper"})
        ending = await run(config, tmp_path / "run")
    assert ending.complete and ending.target == 6
    assert {s.round for s in samples_of(tmp_path / "run")} == {1}


async def test_a_budget_of_compute_ends_a_run_in_good_order(tmp_path: Path) -> None:
    sizes = [{"parameters": 1e9 * (n + 1)} for n in range(len(NAMES))]

    async with FakeServer(fake_models()) as server:
        models = [
            {"name": n, "base_url": server.base_url, "model": n, **size} for n, size in zip(NAMES, sizes, strict=True)
        ]
        config = refining(tmp_path, server.base_url, models=models, budget={"compute": 0.08})
        ending = await run(config, tmp_path / "run")
        nameless = refining(tmp_path, server.base_url, budget={"compute": 0.08})
        with pytest.raises(ConfigError, match=r"how large `ada`, `bob`.* Give it `parameters`"):
            await run(nameless, tmp_path / "other")
    assert not ending.complete and "0.08 billion parameters x million tokens is spent" in ending.statement
    assert not (tmp_path / "other").exists()


async def test_a_seed_that_nobody_can_annotate_leaves_a_refinement_complete(tmp_path: Path) -> None:
    def respond(body: dict[str, Any]) -> str | None:
        told = str(body["messages"])
        return "no idea" if "number 3 about" in told and {"response_format", "json_schema"} & body.keys() else None

    models = [FakeModel(name, respond=respond) for name in NAMES]
    async with FakeServer(models) as server:
        config = refining(tmp_path, server.base_url, review="none", dedup_below=1.0)
        ending = await run(config, tmp_path / "run")
        asked = sum(server.requests.values())
        again = await run(config, tmp_path / "run")
        assert sum(server.requests.values()) == asked
    assert (ending.complete, ending.accepted, again.complete) == (True, SEEDS - 1, True)
