"""Casting by merit in whole runs: the same casts however the run is carried out, and more for who earns it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, fake_models, make_config, respond

from gra.engine.merits import rates_of
from gra.engine.replay import replay
from gra.engine.run import synthesise
from gra.report.opening import config_of
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

ADAPTIVE: dict[str, Any] = {"casting": "adaptive", "rounds": 3, "target": 15, "questions": {"ask": "all"}}
QUOTA: dict[str, Any] = {
    "gate": {"type": "seeds", "exam": 8, "keep_instructions_above": 0.02, "keep_above": 0.15},
    "random_seed": 3,
    "target": 18,
    "allocation": "uniform",
    "domains": [{"name": "Land", "description": "ground"}, {"name": "Sea", "description": "salt water"}],
}


def weak(body: dict[str, Any]) -> str | None:
    """Prose that never ends."""
    text = respond(body)
    return None if text is None else text.rstrip(".") + " and"


def pool() -> list[FakeModel]:
    """Of five, `ada` fails always."""
    return [replace(m, respond=weak) if m.name == "ada" else m for m in fake_models()]


async def run(folder: Path, *budgets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A run, broken off by each of these budgets in turn; gives what is to be the same however it is made."""
    folder.mkdir(exist_ok=True)
    async with FakeServer(pool()) as server:
        for budget in (*budgets, {}):
            settings = {**ADAPTIVE, **changes, **({"budget": budget} if budget else {})}
            config = make_config(folder, server.base_url, **settings)
            await asyncio.wait_for(synthesise(config, folder / "run"), 120)
    return made(folder / "run")


def made(folder: Path) -> dict[str, Any]:
    with Reader(open_run(folder)) as reader:
        kept = [s for s in reader.iter_samples() if s.status.value in ("accepted", "duplicate")]
        casts = {s.id: (s.cast, *(v.cast for v in s.versions)) for s in kept}
        return {"odds": reader.fact("casting"), "casts": casts, "texts": [(s.id, s.response) for s in kept]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("adaptive")
    return folder, asyncio.run(run(folder))


def test_who_fails_always_comes_to_the_floor_and_nobody_above_the_cap(plain: tuple[Path, dict[str, Any]]) -> None:
    odds = plain[1]["odds"]
    assert list(odds) == ["1", "2", "3"]
    assert all(shares == pytest.approx(odds["1"]["even"]) for shares in odds["1"]["generator"].values())
    for domain, shares in odds["3"]["generator"].items():
        assert sum(shares.values()) == pytest.approx(1), domain
        assert min(shares.values()) >= 0.04 - 1e-9 and max(shares.values()) <= 0.6 + 1e-9
    assert all(shares["ada"] < odds["1"]["even"]["ada"] for shares in odds["3"]["generator"].values())
    tallies = {name: list(of.values()) for name, of in odds["3"]["tallies"].items()}
    assert sum(t["accepted"] for t in tallies["ada"]) == 0 < sum(t["tried"] for t in tallies["ada"])
    assert all(t["cost"] > 0 for of in tallies.values() for t in of)
    for part in ("reviewer", "adjudicator"):
        assert sum(odds["3"][part].values()) == pytest.approx(1)


def test_what_is_counted_is_what_decided_the_rounds(plain: tuple[Path, dict[str, Any]]) -> None:
    folder, found = plain
    with Reader(open_run(folder / "run")) as reader:
        decided = {r.number: r.detail["decided"] for r in reader.rounds()}
        ends = [
            s.cast.generator
            for s in reader.iter_samples()
            if s.round < 3 and s.index < decided[s.round] and s.status.value not in ("surplus", "failed")
        ]
        accepted = Counter(s.cast.generator for s in reader.iter_samples() if s.round < 3 and s.status == "accepted")
    tallies = found["odds"]["3"]["tallies"]
    assert {n: sum(t["tried"] for t in of.values()) for n, of in tallies.items()} == Counter(ends)
    assert Counter({n: sum(t["accepted"] for t in of.values()) for n, of in tallies.items()}) == accepted


@pytest.mark.parametrize("concurrency", [1, 64])
async def test_casts_do_not_depend_on_who_is_faster(
    plain: tuple[Path, dict[str, Any]], tmp_path: Path, concurrency: int
) -> None:
    assert await run(tmp_path, engine={"concurrency": concurrency}) == plain[1]


async def test_with_quotas_they_do_not_either(tmp_path: Path) -> None:
    one = await run(tmp_path / "one", engine={"concurrency": 1}, **QUOTA)
    many = await run(tmp_path / "many", engine={"concurrency": 64}, **QUOTA)
    assert one == many
    with Reader(open_run(tmp_path / "many" / "run")) as reader:
        assert any(r.detail["passed_over"] for r in reader.rounds()), "some ended that do not count"
    assert set(one["odds"]["3"]["generator"]) == {"Land", "Sea"}


async def test_a_run_that_is_broken_off_goes_on_with_the_same_casts(
    plain: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    assert await run(tmp_path, {"calls": 1500}, {"calls": 2200}, {"calls": 2600}) == plain[1]


async def test_a_replay_has_the_same_casts(plain: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    original = open_run(plain[0] / "run")
    await replay(original, config_of(original), tmp_path / "again")
    assert made(tmp_path / "again") == plain[1]


async def test_everybody_asked_or_not_it_is_the_same_dataset(
    plain: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Costs differ then, so odds may; the casts of the first round do not."""
    asked = await run(tmp_path, opinions="always")
    assert {k: v for k, v in asked["casts"].items() if k < "r02"} == {
        k: v for k, v in plain[1]["casts"].items() if k < "r02"
    }


def test_prices_go_before_sizes_and_sizes_before_tokens(tmp_path: Path) -> None:
    def rates(**model: Any) -> Any:
        models = [{"name": n, "base_url": "http://localhost:1/v1", **model} for n in NAMES]
        return rates_of(make_config(tmp_path, "http://localhost:1/v1", models=models).synthesis)

    plain, sized = rates(), rates(parameters=2e9)
    priced = rates(parameters=2e9, price={"prompt": 1.0, "completion": 3.0})
    free = rates(parameters=2e9, price={"prompt": 0.0, "completion": 0.0})
    assert (plain.unit, plain.prompt["ada"]) == ("tokens", 1)
    assert (sized.unit, sized.completion["ada"]) == ("parameters", 2e9)
    assert (priced.unit, priced.prompt["ada"], priced.completion["ada"]) == ("money", 1e-6, 3e-6)
    assert free.unit == "parameters", "what is free is not without limit"


async def test_every_question_but_the_longest_is_read_from_the_cache(plain: tuple[Path, dict[str, Any]]) -> None:
    """What a candidate costs is added up from its calls by hand."""
    with Reader(open_run(plain[0] / "run")) as reader:
        rows = list(reader.spent(1, 10**6, ("review", "adjudicate")))
        stored = reader.calls_of("r01-00000")
    prompts: dict[tuple[str, str], list[int]] = {}
    for call in stored:
        if call.task == "summary":
            continue
        together = call.task in ("review", "adjudicate")
        step = call.call.step.rsplit(".", 1)[0] if together else f"{call.call.step}/{call.call.attempt}"
        usage = call.answer.usage  # type: ignore[union-attr]
        prompts.setdefault((call.request.model, step), []).append(usage.prompt_tokens)
    mine = [row for row in rows if row.index == 0]
    assert sorted(r.prompt_tokens for r in mine) == sorted(max(of) for of in prompts.values())
    assert len(mine) < len(stored)
    json.dumps(plain[1]["odds"])
