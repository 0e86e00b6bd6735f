"""A vote by domain, in whole runs: who has shown that it cannot tell in one is not asked there, and that is told."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_pool import WORDS, broken, fake_models, make_config

from gra.cli.views.run_report import can_tell
from gra.engine.opening import known_gate
from gra.engine.replay import replay
from gra.engine.run import synthesise
from gra.events import Event, Notice
from gra.records import Opinion, Sample, Version
from gra.report.bench import reviewers_of
from gra.report.opening import config_of
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.synthesis.domains import no_votes
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

DOMAINS = [{"name": name, "description": name} for name in ("Land", "Sea")]
NO_SAY = "it has no say here"


def write_seeds(folder: Path, count: int = 64) -> None:
    """As many of the sea, which all say `underwater`, as of the land."""
    draw, rows = random.Random(7), []
    for n in range(count):
        topic = " ".join([*draw.sample(WORDS, 4), "underwater" if n % 2 else "overground"])
        answer = f"Here is {n}: {' '.join(draw.sample(WORDS, 12))}."
        rows.append(
            {"instruction": f"Write number {n} about {topic}.", "output": answer, "domain": ["Land", "Sea"][n % 2]}
        )
    folder.mkdir(exist_ok=True)
    (folder / "seeds.json").write_text(json.dumps(rows))


def blind_at_sea(model: FakeModel) -> FakeModel:
    """Of answers to what is underwater it takes the broken ones for a little better, if for anything."""
    sighted = model.judge

    def judge(body: dict[str, Any]) -> float | None:
        matter = body["messages"][-1]["content"].split("Question:")[0].strip()
        if "underwater" in matter and "Answer: " in matter:
            return min(0.98, max(0.02, random.Random(f"{model.name}{matter}").gauss(0.6 + 0.1 * broken(matter), 0.15)))
        return sighted(body) if sighted else None

    return replace(model, judge=judge)


async def run(folder: Path, blind: tuple[str, ...] = ("bob",), **changes: Any) -> list[str]:
    """A run; gives what was told."""
    write_seeds(folder)
    told = list[str]()

    def listen(event: Event) -> None:
        if isinstance(event, Notice):
            told.append(event.text)

    models = [blind_at_sea(m) if m.name in blind else m for m in fake_models()]
    settings: dict[str, Any] = {"gate": {"type": "seeds", "exam": 64, "honeypots": 0}, "domains": DOMAINS, **changes}
    async with FakeServer(models) as server:
        config = make_config(folder, server.base_url, **settings)
        await asyncio.wait_for(synthesise(config, folder / "run", listen), 300)
    return told


def made(folder: Path) -> tuple[list[Sample], list[dict[str, Any]]]:
    with Reader(open_run(folder)) as reader:
        ended = [s for s in reader.iter_samples() if s.status.value != "surplus"]
        return ended, reader.fact("exam")


def of_bob(samples: list[Sample], domain: str) -> list[tuple[Version, Opinion]]:
    """Its opinions on responses of a domain, with the versions that they are of."""
    here = [s for s in samples if s.domain == domain]
    return [(v, o) for s in here for v in s.versions for o in v.opinions if o.model == "bob"]


@pytest.fixture(scope="module", params=["seeds", "calibrated"])
def one_blind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp(request.param)
    learning = {"type": "calibrated", "exam": 64, "recalibrate": True, "keep_precision": 0.7, "honeypots": 0}
    changes: Mapping[str, dict[str, Any]] = {
        "seeds": {"target": 16},
        "calibrated": {"gate": learning, "target": 40, "reviewers": 3},
    }
    told = asyncio.run(run(folder / "made", **changes[request.param]))
    return folder / "made", told


def test_it_is_told_kept_and_shown(one_blind: tuple[Path, list[str]]) -> None:
    folder, told = one_blind
    _, exam = made(folder / "run")
    lost = [(row["model"], row["stage"], row["no_vote_in"]) for row in exam if "no_vote_in" in row]
    assert lost == [("bob", "response", ["Sea"])]
    assert all(row["weight"] > 0 for row in exam if row["stage"] == "response" and row["model"] != "@relevance")
    assert [can_tell(row) for row in exam if "no_vote_in" in row] == ["can tell, but not in Sea; has no say there"]
    said = "`bob` cannot tell good from broken by the response in `Sea`, though elsewhere; no say there"
    assert told.count(said) == 1
    with Reader(open_run(folder / "run")) as reader:
        found = reviewers_of(reader)
        assert found.no_votes == (("bob", "response", "Sea"),)
        assert found.removal_unlike == 0, "decided again as it was"


def test_it_is_not_asked_there_where_others_are_enough_and_counts_nothing(one_blind: tuple[Path, list[str]]) -> None:
    samples, _ = made(one_blind[0] / "run")
    at_sea, on_land = of_bob(samples, "Sea"), of_bob(samples, "Land")
    assert at_sea and on_land, "it is cast in both"
    assert [o for _, o in at_sea if o.unasked == NO_SAY]
    for version, opinion in at_sea:
        others = sum(o.usable for o in version.opinions if o.model != "bob")
        assert not opinion.usable or 2 * others < len(version.opinions), "only for a quorum"
        assert version.verdict is None or not version.verdict.weights.get("bob")
        assert not version.ruling or not version.ruling.verdict.weights.get("bob")
    assert not [o for _, o in on_land if o.unasked == NO_SAY]
    assert any(v.verdict and v.verdict.weights.get("bob", 0) > 0.1 for v, _ in on_land)


def test_a_cast_has_somebody_who_can_tell_there(one_blind: tuple[Path, list[str]]) -> None:
    samples, exam = made(one_blind[0] / "run")
    able = {row["model"] for row in exam if row["stage"] == "response" and row["weight"]}
    for sample in samples:
        here = able - ({"bob"} if sample.domain == "Sea" else set())
        assert here & {*sample.cast.reviewers, sample.cast.adjudicator}
        assert sample.cast.adjudicator in here or not here - {sample.cast.generator}


async def test_it_is_the_same_in_two_processes_and_in_a_replay(
    one_blind: tuple[Path, list[str]], tmp_path: Path
) -> None:
    original = open_run(one_blind[0] / "run")
    whole = [s for s in made(original.path)[0] if s.status.value in ("accepted", "duplicate")]
    await replay(original, config_of(original), tmp_path / "again")
    assert [s for s in made(tmp_path / "again")[0] if s.status.value in ("accepted", "duplicate")] == whole
    assert made(tmp_path / "again")[1] == made(original.path)[1]
    assert verify(open_run(tmp_path / "again")) == []
    if not original.calibrated:
        await run(tmp_path / "two", target=16, engine={"processes": 2})
        assert [s for s in made(tmp_path / "two" / "run")[0] if s.status.value in ("accepted", "duplicate")] == whole


def test_an_exam_of_an_older_run_takes_no_vote(one_blind: tuple[Path, list[str]]) -> None:
    _, exam = made(one_blind[0] / "run")
    config = config_of(open_run(one_blind[0] / "run")).synthesis
    assert no_votes(known_gate(config, exam)) == {"Sea": {"response": ("bob",)}}
    before = [{key: of for key, of in row.items() if key != "no_vote_in"} for row in exam]
    assert no_votes(known_gate(config, before)) == {}


async def test_casting_by_merit_seldom_has_it_there(tmp_path: Path) -> None:
    await run(tmp_path / "made", casting="adaptive", target=6, rounds=1)
    with Reader(open_run(tmp_path / "made" / "run")) as reader:
        odds = reader.fact("casting")["1"]
    assert list(odds["judging"]) == ["Sea"]
    for part, of in odds["judging"]["Sea"].items():
        assert sum(of.values()) == pytest.approx(1) and of["bob"] == min(of.values()) < odds[part]["bob"]


async def test_where_nobody_can_tell_it_is_told_and_nothing_of_that_is_kept(tmp_path: Path) -> None:
    names = tuple(model.name for model in fake_models())
    told = await run(tmp_path / "made", names, target=4, rounds=1)
    assert [text for text in told if text.startswith("nobody is left to tell good from broken responses in `Sea`")]
    samples, _ = made(tmp_path / "made" / "run")
    assert {s.domain for s in samples if s.status.value == "accepted"} == {"Land"}
    ended = [s for s in samples if s.domain == "Sea" and s.status.value == "rejected_ruling"]
    assert all("could not tell" in version.verdict.reason for s in ended for version in s.versions if version.verdict)


async def test_who_alone_can_tell_in_a_domain_does_not_write_there(tmp_path: Path) -> None:
    told = await run(tmp_path / "made", ("bob", "cyd", "dan", "eve"), target=6, rounds=1)
    assert "`ada` does not write in `Sea`: nobody else can tell there" in told
    samples, _ = made(tmp_path / "made" / "run")
    assert "ada" not in {s.cast.generator for s in samples if s.domain == "Sea"}
    assert "ada" in {s.cast.generator for s in samples if s.domain == "Land"}
