"""The map of what is accepted, from the vectors of the run to what is drawn."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest
from cli_builders import build_run, sample
from inspector_builders import indexed

from gra.inspector.charts import dots
from gra.inspector.listing import BadQuestion
from gra.inspector.maps import COLOURS, POINTS, data, group_of, legend
from gra.inspector.pages import looking
from gra.records import Sample, Status
from gra.store.ledger import text_digest
from gra.store.run_dir import open_run
from gra.store.writer import Writer


def put_vectors(folder: Path, samples: list[Sample]) -> None:
    async def work() -> None:
        draw = np.random.default_rng(0)
        vectors = {text_digest(s.instruction): draw.standard_normal(8).astype(np.float32) for s in samples}
        async with Writer(open_run(folder)) as writer:
            await writer.put_vectors("file:minilm", vectors)

    asyncio.run(work())


def test_what_is_accepted_is_on_the_map(tmp_path: Path) -> None:
    samples = [sample(n, domain="Math" if n % 3 else "Coding", score=float(n)) for n in range(9)]
    others = [sample(9, Status.SURPLUS), sample(10, instruction="This one has no vector.")]
    folder = build_run(tmp_path, [*samples, *others])
    put_vectors(folder, [*samples, others[0]])
    with indexed(folder, tmp_path / "index.sqlite") as indexer, looking(indexer) as sight:
        told = data(sight, {})
        assert [point["id"] for point in told["points"]] == [s.id for s in samples]
        assert told["groups"] == [{"name": "Math", "count": 6}, {"name": "Coding", "count": 3}]
        assert [point["group"] for point in told["points"]] == [1, 0, 0] * 3
        by_score = data(sight, {"colour": "score"})
        assert [group["name"] for group in by_score["groups"]] == ["0 to 2", "2 to 4", "4 to 6", "6 to 8", "8 to 10"]
        assert by_score["points"][8]["group"] == 4
        with pytest.raises(BadQuestion, match="no colouring by `pink`"):
            data(sight, {"colour": "pink"})


def test_too_many_points_are_thinned_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gra.inspector.maps.POINTS", 10)
    samples = [sample(n) for n in range(100)]
    folder = build_run(tmp_path, samples)
    put_vectors(folder, samples)
    with indexed(folder, tmp_path / "index.sqlite") as indexer, looking(indexer) as sight:
        told = data(sight, {})
        assert [point["id"] for point in told["points"]] == [samples[n].id for n in range(0, 100, 10)]
        assert told["map"]["points"] == 100 < POINTS


def test_rare_groups_share_a_colour() -> None:
    values = [name for n, name in enumerate("abcdefghij") for _ in range(20 - n)]
    groups = legend(values, "domain")
    assert len(groups) == COLOURS
    assert groups[-1] == ("others", 13 + 12 + 11)
    assert sum(count for _, count in groups) == len(values)


def test_every_score_has_a_group() -> None:
    assert [group_of(score, "score") for score in (-1, 0, 1.99, 2, 10, 11)] == [
        "0 to 2", "0 to 2", "0 to 2", "2 to 4", "8 to 10", "8 to 10",
    ]  # fmt: skip


def test_points_are_drawn_within_the_picture_with_one_scale_and_without_harm() -> None:
    evil = '"><script>alert(1)</script>\u202e'
    points = [
        {"id": "r01-00000", "x": -1.0, "y": 0.0, "title": evil, "group": 0},
        {"id": evil, "x": 1.0, "y": 0.0, "title": "b", "group": 1},
        {"id": "r01-00002", "x": 0.0, "y": 0.5, "title": "c", "group": 2},
    ]
    drawn = str(dots(points, "/1", "c"))
    assert "<script" not in drawn and "\u202e" not in drawn
    places = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    assert places == [(14.0, 266.5), (626.0, 266.5), (320.0, 113.5)]
    assert dots([], "/1", "c") == ""
    assert 'cx="320.0" cy="190.0"' in dots(points[:1], "/1", "c")
