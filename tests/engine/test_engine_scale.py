"""What only large runs meet, met by small ones: vectors on disk, their outlines, no nearest for everybody."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config
from test_replay import replayed, same

from gra.engine.run import Ending, synthesise
from gra.postprocess import dedup, matrix, sieve
from gra.records import Entry, Sample, Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_server import FakeServer

BELOW = 0.35
"""Low, so that some of the fake samples are duplicates."""


def shrink(patch: pytest.MonkeyPatch) -> None:
    for module in (matrix, dedup, sieve):
        patch.setattr(module, "PIECE", 4)
    patch.setattr(dedup, "BLOCK", 3)
    patch.setattr(dedup, "NEAREST_UP_TO", 30)
    patch.setattr(sieve, "LEARNT_FROM", 12)
    patch.setattr(sieve, "DIMENSIONS", (6,))
    patch.setattr(sieve, "WHOLE", 0)


async def made(folder: Path, run: str = "run", **changes: Any) -> Ending:
    async with FakeServer(fake_models()) as server:
        config = make_config(folder, server.base_url, target=20, dedup_below=BELOW, **changes)
        return await asyncio.wait_for(synthesise(config, folder / run), 120)


def found(folder: Path) -> tuple[list[Sample], list[Entry]]:
    with Reader(open_run(folder)) as reader:
        decided = [s for status in (Status.ACCEPTED, Status.DUPLICATE) for s in reader.iter_samples(status)]
        return sorted(decided, key=lambda s: s.id), reader.pool()


def without_similarity(samples: list[Sample]) -> list[Sample]:
    return [replace(s, similarity=None) if s.status is Status.ACCEPTED else s for s in samples]


async def test_a_run_beyond_every_limit_accepts_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await made(tmp_path, "plain")).complete
    samples, pool = found(tmp_path / "plain")
    assert any(s.status is Status.DUPLICATE for s in samples)
    assert all(s.similarity is not None for s in samples)
    shrink(monkeypatch)
    assert (await made(tmp_path)).complete
    beyond, same_pool = found(tmp_path / "run")
    assert same_pool == pool and without_similarity(beyond) == without_similarity(samples)
    # The last round has more vectors than the nearest are looked for among.
    last = [s for s in beyond if s.round == 2]
    assert all((s.similarity is None) == (s.status is Status.ACCEPTED) for s in last)
    (tmp_path / "seeds.json").unlink()
    assert (await replayed(tmp_path)).complete
    same(tmp_path)
    assert sorted(p.name for p in (tmp_path / "run").iterdir() if p.is_dir()) == ["export", "logs"]


@pytest.mark.parametrize("calls", [150, 250])
async def test_stopped_in_a_round_and_resumed_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    shrink(monkeypatch)
    assert (await made(tmp_path, "whole")).complete
    assert not (await made(tmp_path, budget={"calls": calls})).complete
    assert (await made(tmp_path)).complete
    assert found(tmp_path / "run") == found(tmp_path / "whole")
