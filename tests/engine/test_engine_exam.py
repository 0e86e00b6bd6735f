"""The exam of a run: labelled answers in it, no seeds for it, and answers that other runs have had."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, judge_for, make_config, respond

from gra.calls import CallId, Message, Reply, Request, Sampling
from gra.config.questions import QuestionsConfig
from gra.config.synthesis import Budget
from gra.engine.desk import Desk, Spending
from gra.engine.replay import replay
from gra.engine.run import synthesise
from gra.errors import ConfigError, SeedError, StoreError
from gra.events import Event, Notice, ignore
from gra.llm import BackedModel, Server
from gra.report.opening import config_of
from gra.report.replayed import compare
from gra.store.kept_answers import KeptAnswers
from gra.store.ledger import Ledger
from gra.store.reader import Reader
from gra.store.run_dir import create_run, open_run
from gra.store.writer import Writer
from gra.synthesis.exam_material import bundled
from gra.testing.fake_answers import FakeModel, digest, prompt_of
from gra.testing.fake_server import FakeServer

PAIR = {"instruction": "Say {n}.", "chosen": "This is {n}.", "rejected": "No {n}"}


def write_pairs(folder: Path, good: str = "This is {n}.") -> Path:
    path = folder / "pairs.jsonl"
    rows = [{**{k: v.format(n=n) for k, v in PAIR.items()}, "chosen": good.format(n=n)} for n in range(6)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


async def test_labelled_answers_are_in_the_exam_the_identity_and_the_replay(tmp_path: Path) -> None:
    exam = {"pairs": str(write_pairs(tmp_path))}
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, exam=exam, target=2, rounds=1)
        await asyncio.wait_for(synthesise(config, tmp_path / "run"), 120)
        write_pairs(tmp_path, good="That is {n}.")
        with pytest.raises(StoreError, match="other labelled_answers"):
            await synthesise(config, tmp_path / "run")
        (tmp_path / "pairs.jsonl").unlink()
        asked = server.requests.total()
        ending = await asyncio.wait_for(synthesise(config_of(open_run(tmp_path / "run")), tmp_path / "run"), 120)
        assert ending.complete and server.requests.total() == asked, "what is on record stands for the file"
        with pytest.raises(SeedError, match="cannot be read"):
            await synthesise(config, tmp_path / "other")
    with Reader(open_run(tmp_path / "run")) as reader:
        rows = reader.fact("exam")
        assert len(reader.fact("labelled")) == 6
    for row in rows:
        assert ("rejected" in row["faults"]) == (row["stage"] == "response")
        assert len(row["good"]) == len(row["faults"]) == len(row["domains"])
    run = open_run(tmp_path / "run")
    await replay(run, config_of(run), tmp_path / "again")
    with Reader(open_run(tmp_path / "again")) as reader:
        assert reader.fact("exam") == rows


async def test_a_labelled_file_that_is_not_there_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, exam={"graded": "nowhere.jsonl"})
        with pytest.raises(SeedError, match=r"nowhere\.jsonl cannot be read"):
            await synthesise(config, tmp_path / "run")
        assert not server.bodies


KNOWN = {f"{e.instruction}\n\nAnswer: {e.response}" for e in bundled()} | {e.instruction for e in bundled()}


def by_heart(body: dict[str, Any]) -> float:
    """P(yes) of a judge that knows gra's own exercises, and takes what has words of its own."""
    matter = prompt_of(body).rpartition("Exercise:")[2].split("\n\nQuestion:")[0].strip()
    strange = re.search(r"\b(bro|cle|dra|fli|gro|ple|sta|tri|vor|xi|zo|yo)\w*", matter, re.IGNORECASE)
    good = matter in KNOWN or strange is not None
    return min(0.98, max(0.02, random.Random(matter).gauss(0.8 if good else 0.3, 0.1)))


async def test_a_run_without_seeds_examines_its_reviewers_on_gras_own_exercises(tmp_path: Path) -> None:
    told: list[Event] = []
    async with FakeServer([FakeModel(m.name, judge=by_heart) for m in fake_models()]) as server:
        plain = {"target": 2, "rounds": 1, "gate": {"type": "seeds", "exam": 8}}
        config = make_config(tmp_path, server.base_url, seeds=None, **plain)
        ending = await asyncio.wait_for(synthesise(config, tmp_path / "run", told.append), 120)
    assert ending.complete
    with Reader(open_run(tmp_path / "run")) as reader:
        assert {row["weight"] > 0 for row in reader.fact("exam") if row["stage"] == "response"} == {True}
    assert any(isinstance(e, Notice) and "gra's general English exercises" in e.text for e in told)


def guessing(body: dict[str, Any]) -> float | None:
    """P(yes) of a judge at chance."""
    matter = body["messages"][-1]["content"].rpartition("Question:")[0]
    return random.Random(f"guess {matter}").uniform(0.3, 0.7) if matter else None


async def test_who_cannot_tell_is_asked_few_questions_in_the_exam_and_after_it(tmp_path: Path) -> None:
    models = [replace(m, judge=guessing) if m.name == "eve" else m for m in fake_models()]
    async with FakeServer(models) as server:
        config = make_config(tmp_path, server.base_url, opinions="always", target=4)
        assert (await asyncio.wait_for(synthesise(config, tmp_path / "run"), 120)).complete
    few = {"instruction": {"reasonableness"}, "response": {"correctness", "completeness"}}
    with Reader(open_run(tmp_path / "run")) as reader:
        rows = [row for row in reader.fact("exam") if row["model"] == "eve"]
        said = [o for s in reader.iter_samples() for v in s.versions for o in v.opinions if o.model == "eve"]
    assert {row["stage"]: row["weight"] for row in rows} == {"instruction": 0, "response": 0}
    assert {row["stage"]: set(row["way"]["criteria"]) for row in rows} == few
    assert said and all(o.scores.keys() == few[o.stage] for o in said)


class Once:
    """A model that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def complete(self, request: Request) -> Reply:
        self.asked += 1
        return Reply("Yes", labels={"yes": 0.75, "no": 0.25})


async def test_what_another_run_has_had_answered_is_not_asked_again_and_is_this_runs_own(tmp_path: Path) -> None:
    model, call = Once(), CallId("exam-000", "exam.response.good.m.correctness")
    request = Request("m", (Message("user", "?"),), Sampling(0.0, 1.0, 1, 0), labels=("yes", "no"))
    backed = BackedModel("m", model, "once", Server(1))
    for number, identity in enumerate(("file:a", "file:a", "file:b", "api:a", "api:a")):
        run = create_run(tmp_path / str(number), {"fingerprint": "v1:sha256:0", "config": {}})
        async with Writer(run) as writer:
            with Ledger(writer) as ledger, KeptAnswers(tmp_path / "exams.sqlite") as kept:
                spending = Spending(Budget())
                desk = Desk(ledger, {"m": backed}, {"m": identity}, spending, ignore, kept)
                reply = await desk(call, request)
                assert ledger.find(call, request.digest(identity)) == reply
                assert spending.calls == 1, "a budget ends a run where it would end if it were alone"
    assert model.asked == 4, "another file is another model, and a name may be"


FIRST, THEN = QuestionsConfig().reasons


def reasoned(name: str) -> FakeModel:
    """Writes reasons where it is asked for them, and judges, when they are there, what they are about."""

    def judge(body: dict[str, Any]) -> float:
        turns = body["messages"]
        about = turns[-3]["content"] if turns[-1]["content"].endswith(THEN) else turns[-1]["content"]
        judged: float = judge_for(name)({**body, "messages": [{"role": "user", "content": about}]})
        return judged

    def said(body: dict[str, Any]) -> str | None:
        if body["messages"][-1]["content"].endswith(FIRST):
            return f"\x1b[2J{{{{question}}}} \x00 {digest(body)[:12]} " + "and so on, " * 60
        return respond(body)

    return FakeModel(name, judge=judge, respond=said)


Asked = tuple[str, int, str]
"""Model, the most tokens, and all turns."""


def on_record(run: Path) -> set[Asked]:
    """What has been answered."""
    with closing(sqlite3.connect(run / "run.sqlite")) as connection:
        samples = [row[0] for row in connection.execute("SELECT DISTINCT sample FROM calls")]
    with Reader(open_run(run)) as reader:
        requests = [stored.request for sample in samples for stored in reader.calls_of(sample)]
    return {(r.model, r.sampling.max_tokens, "\n".join(m.content for m in r.messages)) for r in requests}


@pytest.mark.parametrize("form", ["reasoned", "paraphrased"])
async def test_a_run_in_a_dear_form_goes_on_and_is_made_again_without_asking_twice(tmp_path: Path, form: str) -> None:
    plain = {"target": 3, "rounds": 1, "gate": {"type": "seeds", "exam": 8}, "questions": {"forms": [form]}}
    async with FakeServer([reasoned(m.name) for m in fake_models()]) as server:
        short = make_config(tmp_path, server.base_url, **plain, budget={"calls": 150})
        assert not (await asyncio.wait_for(synthesise(short, tmp_path / "run"), 120)).complete
        had, before = on_record(tmp_path / "run"), len(server.bodies)
        assert len(had) > 50, "it was ended in the middle of its exam"
        config = make_config(tmp_path, server.base_url, **plain)
        assert (await asyncio.wait_for(synthesise(config, tmp_path / "run"), 120)).complete
        later = {(b["model"], b["max_tokens"], prompt_of(b)) for b in server.bodies[before:] if "messages" in b}
        assert later > on_record(tmp_path / "run") - had, "what came on record since was asked of this server"
        assert not later & had, "what was answered is not asked again"
        assert any(prompt.endswith(FIRST) for _, _, prompt in later) == (form == "reasoned")
        asked = server.requests.total()
        assert (await asyncio.wait_for(synthesise(config, tmp_path / "run"), 120)).complete
        assert server.requests.total() == asked
    run = open_run(tmp_path / "run")
    with Reader(run) as reader:
        rows = reader.fact("exam")
        samples = list(reader.iter_samples())
    assert {row["way"]["form"] for row in rows} == {form}
    assert {row["weight"] > 0 for row in rows if row["stage"] == "response"} == {True}
    opinions = [o for s in samples for v in s.versions for o in v.opinions if o.scores]
    assert opinions and all(0 <= score <= 1 for o in opinions for score in o.scores.values())
    await replay(run, config_of(run), tmp_path / "again")
    with Reader(open_run(tmp_path / "again")) as again, Reader(run) as first:
        assert compare(first, again).equal
        assert again.fact("exam") == rows


async def test_a_form_that_no_judges_server_can_be_asked_in_is_refused(tmp_path: Path) -> None:
    told: list[Event] = []
    questions = {"forms": ["examples", "reasoned"]}
    async with FakeServer(fake_models(top_logprobs=0)) as server:
        config = make_config(tmp_path, server.base_url, questions=questions)
        with pytest.raises(
            ConfigError, match=r"`reasoned` needs log-probabilities, and the server of `ada` returns none"
        ):
            await synthesise(config, tmp_path / "run")
    some = [replace(m, top_logprobs=0) if m.name == "bob" else m for m in fake_models()]
    async with FakeServer(some) as server:
        config = make_config(tmp_path, server.base_url, questions=questions, target=1, rounds=1)
        await asyncio.wait_for(synthesise(config, tmp_path / "other", told.append), 120)
    assert any(isinstance(e, Notice) and "`bob` is asked in no form" in e.text for e in told)
    with pytest.raises(ConfigError, match="`reading: written` reads none"):
        make_config(tmp_path, "http://127.0.0.1:9/v1", questions=questions, reading="written")
