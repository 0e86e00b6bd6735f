from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from gra.calls import CallId, Reply, Request
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import PaperGate, SeedsGate, SynthesisConfig
from gra.records import Entry, Opinion, Stage
from gra.synthesis.decide import PaperRule, SeedsRule, rules_blind, weight_of_ruling
from gra.synthesis.exam import Question, set_exam
from gra.synthesis.reading import ProbabilityReading
from gra.synthesis.ruling_exam import sit_ruling_exam
from gra.synthesis.standing import Standing

NAMES = ("ash", "elm", "fir")
CONFIG = SynthesisConfig(
    seeds=SeedsConfig.model_validate({"path": "seeds.json"}),
    models=tuple(ModelConfig(name=name, base_url="http://localhost:1/v1") for name in NAMES),
    target=1,
)
ENTRIES = [
    Entry(f"seed-{n:05d}", 0, "Math", ("sum",), "Add.", f"Add the numbers from 1 to {n}.", f"It is {n}. " + "word " * n)
    for n in range(9, 29)
]
QUESTIONS = set_exam(ENTRIES, CONFIG, 16)["response"]


class Judges:
    """Those that like what the seeds say, but only as long as nobody speaks against it."""

    def __init__(self, comment: str = "It lacks the main point.") -> None:
        self.asked: list[tuple[CallId, Request]] = []
        self.comment = comment
        self.good = [f"Exercise: {q.good.instruction}\n\nAnswer: {q.good.response}\n\n" for q in QUESTIONS]

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        if not request.labels:
            return Reply(self.comment)
        last = request.messages[-1].content
        right = any(text in last for text in self.good)
        p = 0.5 if "What the reviewers said" in last else 0.9 if right else 0.1
        number = int(call.sample.split("-")[1])
        return Reply("", labels={"yes": p + number / 1000, "no": 1 - p - number / 1000})


async def sat(ask: Judges, able: tuple[str, ...] = NAMES, judges: tuple[str, ...] = NAMES) -> Mapping[str, Any]:
    reading = ProbabilityReading(criteria=CONFIG.criteria)
    found = {name: await sit_ruling_exam(ask, CONFIG, (name, reading), QUESTIONS, able) for name in judges}
    return {name: result for name, result in found.items() if result is not None}


async def test_an_adjudicator_is_asked_as_in_a_dispute_with_the_reviews_of_others_before_it() -> None:
    ask = Judges()
    found = await sat(ask)
    assert set(found) == set(NAMES)
    rulings = [(c, r) for c, r in ask.asked if r.labels]
    assert all(r.prompt.startswith("opinion_ruling@") for _, r in rulings)
    assert all("- It lacks the main point." in r.messages[-1].content for _, r in rulings)
    assert not any(name in m.content for _, r in rulings for m in r.messages for name in NAMES)
    names = Counter((c.sample, c.step, r.digest("")) for c, r in ask.asked)
    assert len({(sample, step) for sample, step, _ in names}) == len(names), "no two requests have one name"


async def test_it_never_reads_its_own_review() -> None:
    ask = Judges()
    await sat(ask, judges=("ash",))
    assert {r.model for _, r in ask.asked if not r.labels} == {"elm", "fir"}


async def test_reviews_are_written_for_the_questions_that_somebody_comes_to() -> None:
    ask = Judges()
    found = await sat(ask, judges=("ash",))
    assert len(found["ash"].good) == 8, "so far it is plain that it cannot tell"
    comments = {(c.sample, c.step) for c, r in ask.asked if not r.labels}
    assert len(comments) == 16, "half of 16 questions, each good and broken, by one of the others"


async def test_who_would_have_nothing_to_read_has_no_such_exam() -> None:
    ask = Judges()
    assert set(await sat(ask, able=("ash",))) == {"elm", "fir"}
    assert await sat(Judges(), able=()) == {}


async def test_reviews_that_speak_against_everything_leave_it_without_a_say() -> None:
    found = await sat(Judges(""))
    assert found["ash"].weight > 1, "without a word from the reviewers it sees what a reviewer sees"
    assert (await sat(Judges()))["ash"].weight == 0


async def test_all_questions_where_half_of_them_leave_it_open() -> None:
    class Faint(Judges):
        async def __call__(self, call: CallId, request: Request) -> Reply:
            reply = await super().__call__(call, request)
            if not request.labels:
                return reply
            matter = request.messages[-1].content.rpartition("Question:")[0]
            good = any(text in matter for text in self.good)
            p = random.Random(f"{request.model} {matter}").gauss(0.55 if good else 0.45, 0.1)
            return Reply("", labels={"yes": p, "no": 1 - p})

    found = await sat(Faint())
    assert max(len(standing.good) for standing in found.values()) == 16


def standing(model: str, good: float, broken: float) -> Standing:
    wiggle = (-0.1, 0.0, 0.1, 0.2)
    return Standing(model, "response", tuple(good + w for w in wiggle), tuple(broken + w for w in wiggle))


STAGE: Stage = "response"


def opinion(model: str, p: float, comment: str = "") -> Opinion:
    return Opinion(model, "response", "probability", {"correctness": p}, comment)


@pytest.mark.parametrize(("ruling", "alone"), [(0.05, 0.0), (0.05, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("comment", ["It is wrong.", ""])
def test_a_ruling_is_weighed_by_the_exam_of_its_kind(ruling: float, alone: float, comment: str) -> None:
    """With reviews to read where it can tell with them, else without; where there are none, without."""
    exams = {("ash", STAGE): standing("ash", 1, -1), ("elm", STAGE): standing("elm", alone, -alone)}
    gate = SeedsRule(SeedsGate(), exams, {"elm": standing("elm", ruling, -ruling)})
    reads = gate.rulings["elm"].weight > 0
    assert rules_blind(gate, "elm") is (alone > 0 and not reads)
    assert weight_of_ruling(gate, "elm") == (gate.rulings["elm"] if reads else exams["elm", STAGE]).weight
    verdict = gate.rule(opinion("elm", 0.5), [opinion("ash", 0.9, comment)])
    counted = gate.rulings["elm"] if comment and reads else exams["elm", STAGE]
    assert (verdict.weights["elm"] > 0) is (counted.weight > 0)
    assert not rules_blind(gate, "ash") and not rules_blind(PaperRule(PaperGate()), "elm")


def test_the_question_keeps_what_it_asks() -> None:
    assert all(isinstance(q, Question) and not q.good.reviews for q in QUESTIONS)
