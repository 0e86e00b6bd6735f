"""Verifiers in whole runs, at a fake server that speaks real HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config

from gra.config.load import resolved_config
from gra.engine.replay import replay
from gra.engine.run import synthesise
from gra.errors import ConfigError
from gra.events import Event, Notice
from gra.records import Sample
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_server import FakeServer

MEMBERS = {"@relevance", "@likelihood.ada", "@information.ada"}


async def run(folder: Path, **changes: Any) -> list[str]:
    told: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Notice):
            told.append(event.text)

    able = changes.pop("able", True)
    async with FakeServer(fake_models(prompt_logprobs=able)) as server:
        plain = {"verifiers": ["relevance", "likelihood"], "target": 2, "rounds": 1, **changes}
        config = make_config(folder, server.base_url, **plain)
        await synthesise(config, folder / "run", listen)
    return told


def stored(folder: Path) -> tuple[list[Sample], list[dict[str, Any]]]:
    with Reader(open_run(folder)) as reader:
        return list(reader.iter_samples()), reader.fact("exam")


async def test_verifiers_sit_the_exam_and_are_on_record_and_a_replay_says_the_same(tmp_path: Path) -> None:
    await run(tmp_path, opinions="always", budget={"candidates_per_accepted": 4})
    samples, exam = stored(tmp_path / "run")
    assert {row["model"] for row in exam if row["model"].startswith("@")} == MEMBERS
    judged = [version for sample in samples for version in sample.versions if version.verdict]
    assert judged
    for version in judged:
        assert {o.model for o in version.opinions} >= MEMBERS
        assert all(o.reading == "evidence" and o.usable for o in version.opinions if o.model in MEMBERS)
    assert not any(o.model in MEMBERS for sample in samples for o in sample.opinions), "not of instructions"

    original = open_run(tmp_path / "run")
    config = resolved_config(original.document["config"], "run.json")
    await replay(original, config, tmp_path / "again")
    again, same_exam = stored(tmp_path / "again")
    counted = {sample.id: sample for sample in again}
    assert same_exam == exam
    assert counted and all(counted[sample.id] == sample for sample in samples if sample.id in counted)


async def test_where_no_server_tells_it_the_user_is_told(tmp_path: Path) -> None:
    told = await run(tmp_path, able=False, verifiers=["likelihood"])
    assert any("`likelihood` has no say" in text for text in told)
    with pytest.raises(ConfigError, match=r"the server of `bob` returns none"):
        (tmp_path / "other").mkdir()
        await run(tmp_path / "other", able=False, verifiers=[{"type": "likelihood", "models": ["bob"]}])


async def test_processes_that_share_a_run_hear_them_too(tmp_path: Path) -> None:
    found = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        await run(folder, opinions="always", budget={"candidates_per_accepted": 4}, engine={"processes": processes})
        samples, exam = stored(folder / "run")
        found.append(({s.id: s for s in samples if s.status != "surplus"}, exam))
    (alone, exam), (together, same_exam) = found
    assert exam == same_exam
    assert alone.keys() & together.keys()
    assert all(alone[id] == together[id] for id in alone.keys() & together.keys())
