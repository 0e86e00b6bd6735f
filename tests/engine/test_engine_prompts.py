"""Whole runs with a prompt and criteria of the user's own, in both readings."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config

from gra.config.load import RunConfig, resolved_config
from gra.engine.run import Ending, synthesise
from gra.errors import StoreError
from gra.records import Opinion, Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_server import FakeServer

MINE = "[system]\nBe a pirate.{{in_language}}\n[user]\n{{instruction}}\n"
CRITERIA = {
    "instruction": [{"name": "doable", "question": "Can yes be done?", "description": "it can be done."}],
    "response": [
        {"name": "fun", "question": "Is it fun, yes?", "description": "it is fun.", "weight": 2},
        {"name": "true", "question": "Is it true, yes?", "description": "it is true."},
    ],
    "scale": [1, 5],
}
READINGS: dict[str, dict[str, Any]] = {
    "probability": {"target": 4, "rounds": 1},
    "written": {"target": 4, "rounds": 1, "reading": "written", "gate": {"type": "paper", "tau": 5.0}},
}


async def run(config: RunConfig, folder: Path) -> Ending:
    return await asyncio.wait_for(synthesise(config, folder), 120)


def opinions(folder: Path) -> list[Opinion]:
    with Reader(open_run(folder)) as reader:
        samples = list(reader.iter_samples())
    found = [o for s in samples for o in s.opinions]
    return found + [o for s in samples for v in s.versions for o in v.opinions]


@pytest.mark.parametrize("reading", READINGS)
async def test_a_run_asks_with_own_prompts_and_judges_by_own_criteria(tmp_path: Path, reading: str) -> None:
    (tmp_path / "mine.txt").write_text(MINE)
    async with FakeServer(fake_models(leniency=6.0)) as server:
        config = make_config(
            tmp_path,
            server.base_url,
            prompts={"response": "mine.txt"},
            criteria=CRITERIA,
            language="German",
            **READINGS[reading],
        )
        ending = await run(config, tmp_path / "run")
    assert ending.complete, ending.statement
    said = [body["messages"][0]["content"] for body in server.bodies if "messages" in body]
    assert "Be a pirate. Write in German." in said
    read = [o for o in opinions(tmp_path / "run") if o.usable]
    assert {o.reading for o in read} == {reading}
    assert {(o.stage, *o.scores) for o in read} == {("instruction", "doable"), ("response", "fun", "true")}
    assert {tuple(o.weights.items()) for o in read if o.stage == "response"} == {(("fun", 2), ("true", 1))}
    marks = {mark for o in read if o.stage == "response" for mark in o.scores.values()}
    assert marks <= {1.0, 3.25, 5.5, 7.75, 10.0} or reading == "probability"
    with Reader(open_run(tmp_path / "run")) as reader:
        sample = next(s for s in reader.iter_samples() if s.versions)
        prompts = {c.call.step: c.prompt for c in reader.calls_of(sample.id)}
    assert prompts["v0.response"] == config.synthesis.templates["response"].label


async def test_a_run_goes_on_without_the_prompt_files_and_is_another_with_an_edited_one(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(MINE)
    own = {"prompts": {"response": "mine.txt"}, "target": 4, "rounds": 1}
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, **own)
        await run(config, tmp_path / "undisturbed")
        short = make_config(tmp_path, server.base_url, **own, budget={"candidates_per_accepted": 1})
        assert not (await run(short, tmp_path / "run")).complete
        (tmp_path / "mine.txt").write_text(MINE.replace("pirate", "poet"))
        edited = make_config(tmp_path, server.base_url, **own)
        with pytest.raises(StoreError, match="what differs: prompts"):
            await run(edited, tmp_path / "run")
        (tmp_path / "mine.txt").unlink()
        stored = open_run(tmp_path / "run").document["config"]
        again = resolved_config(stored, "run.json", {"budget": {"candidates_per_accepted": 10}})
        assert (await run(again, tmp_path / "run")).complete
    found = []
    for folder in ("run", "undisturbed"):
        with Reader(open_run(tmp_path / folder)) as reader:
            found.append([(s.id, s.status, s.response) for s in reader.iter_samples(Status.ACCEPTED)])
    assert found[0] == found[1]
