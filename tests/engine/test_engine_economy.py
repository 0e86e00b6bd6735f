"""The same dataset, byte for byte, whether every reviewer is asked or only those who are needed."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_pool import broken, fake_models, make_config

from gra.engine.run import synthesise
from gra.export import Format, write_dataset
from gra.records import Sample
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

PLAIN = {"opinions": "always", "comments": "always"}
CASES: dict[str, dict[str, Any]] = {
    "seeds": {"target": 16},
    "seeds, three reviewers": {"target": 12, "reviewers": 3},
    "seeds, majority": {"target": 12, "adjudication": "majority", "reviewers": 3},
    "calibrated": {"target": 12, "reviewers": 3, "gate": {"type": "calibrated", "keep_precision": 0.7}},
    "paper": {"target": 10, "gate": {"type": "paper", "tau": 6.5}, "reviewers": 3},
    "paper, no revision": {"target": 10, "gate": {"type": "paper", "tau": 6.5}, "reviewers": 3, "max_revisions": 0},
    "paper, written": {"target": 6, "gate": {"type": "paper", "tau": 9.0}, "reading": "written", "max_revisions": 0},
    "refine": {"target": 20, "rounds": 1, "task": "refine"},
}


def models() -> list[FakeModel]:
    """Three of the five can tell what is broken, each with doubts of its own; two say the same of everything."""
    able = [FakeModel(m.name, judge=judge_for(m.name), respond=m.respond, leniency=6.0) for m in fake_models()]
    return [*able[:3], *(replace(model, judge=lambda _: 0.8) for model in able[3:])]


def judge_for(name: str) -> Callable[[dict[str, Any]], float]:
    def judge(body: dict[str, Any]) -> float:
        matter = body["messages"][-1]["content"].split("Question:")[0].split("What the reviewers said:")[0].strip()
        draw = random.Random(f"{name}{matter}")
        return min(0.999, max(0.001, draw.gauss(0.35 if broken(matter) else 0.75, 0.15)))

    return judge


async def made(folder: Path, server: FakeServer, **settings: Any) -> tuple[bytes, list[Sample], int]:
    """A run's dataset, its samples, and the calls it took."""
    folder.mkdir()
    config = make_config(folder, server.base_url, **settings)
    await asyncio.wait_for(synthesise(config, folder / "run"), 120)
    assert verify(open_run(folder / "run")) == []
    with Reader(open_run(folder / "run")) as reader:
        path, _ = write_dataset(reader, Format.MESSAGES, folder / "data.jsonl", metadata=True)
        return path.read_bytes(), list(reader.iter_samples()), reader.totals().all.calls


@pytest.mark.parametrize("case", CASES)
async def test_the_dataset_is_the_same_with_fewer_calls(tmp_path: Path, case: str) -> None:
    async with FakeServer(models()) as server:
        one = {**CASES[case], "engine": {"concurrency": 1, "retries": 1}}  # so that nothing runs ahead
        plain, everything, calls = await made(tmp_path / "plain", server, **one, **PLAIN)
        economical, less, fewer = await made(tmp_path / "economical", server, **one)
    assert plain.replace(b'"run":"plain"', b"") == economical.replace(b'"run":"economical"', b"")
    assert fewer < calls
    assert [decided(sample) for sample in everything] == [decided(sample) for sample in less]
    opinions = [o for s in less for o in (*s.opinions, *(o for v in s.versions for o in v.opinions))]
    assert any(o.unasked for o in opinions)
    assert all(bool(o.scores) is o.usable for o in opinions)


def decided(sample: Sample) -> object:
    """All that was decided of a sample: everything but what was said of it, and the score of what was turned down."""
    passed = sample.best is not None and sample.best.final is not None and sample.best.final.outcome == "accept"
    versions = [(v.response, v.cast, v.final and v.final.outcome) for v in sample.versions]
    bare = replace(sample, opinions=(), verdict=None, versions=(), reason="")
    return versions, bare if passed else replace(bare, score=0.0)


async def test_a_run_may_change_over_in_the_middle(tmp_path: Path) -> None:
    async with FakeServer(models()) as server:
        plain, _, _ = await made(tmp_path / "plain", server, **PLAIN)
        folder = tmp_path / "both"
        folder.mkdir()
        short = make_config(folder, server.base_url, budget={"candidates_per_accepted": 1}, **PLAIN)
        assert not (await synthesise(short, folder / "run")).complete
        assert (await synthesise(make_config(folder, server.base_url), folder / "run")).complete
        with Reader(open_run(folder / "run")) as reader:
            path, _ = write_dataset(reader, Format.MESSAGES, folder / "data.jsonl", metadata=True)
    assert path.read_bytes() == plain
