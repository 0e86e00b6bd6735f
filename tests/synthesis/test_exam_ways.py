from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from gra.calls import Ask, CallId, Reply, Request
from gra.config.criteria import CriteriaConfig, Criterion
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import SynthesisConfig
from gra.records import Entry, Stage
from gra.synthesis.exam import Sitting, set_exam
from gra.synthesis.exam_ways import sit_in_turn, solved_examples, ways_to_ask
from gra.synthesis.forms import TELLING
from gra.synthesis.reading import ProbabilityReading, WrittenReading

TOWNS = tuple("Rome Paris London Berlin Vienna Madrid Lisbon Prague Dublin Athens Oslo Bern".split())  # noqa: SIM905
SEEDS = [
    Entry(
        f"seed-{n:05d}",
        0,
        "Language",
        (),
        "",
        f"Say where Anna is, and how many of the {n} apples she sees in {town}.",
        f"Anna is in {town} and sees {n} apples. She is glad about it. Then she eats {n + 30} of them in the end.",
    )
    for n, town in enumerate(TOWNS)
]


def config(**changes: Any) -> SynthesisConfig:
    return SynthesisConfig.model_validate(
        {
            "seeds": SeedsConfig.model_validate({"path": "seeds.json"}),
            "models": (ModelConfig(name="a", base_url="http://localhost:1/v1"),),
            "target": 1,
            **changes,
        }
    )


CONFIG = config()


def form_of(request: Request) -> str:
    return "own" if "Anna" in request.messages[0].content else "examples"


class Knowing:
    """Tells seeds' responses from others, but only where it is asked in one form, and by these questions.

    By the other questions of that form it has an inkling at most.
    """

    def __init__(self, form: str, criteria: tuple[str, ...] = TELLING["response"], inkling: float = 0.0) -> None:
        self.form, self.criteria, self.inkling = form, criteria, inkling
        self.asked: list[tuple[CallId, Request]] = []

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        last = request.messages[-1].content
        good = form_of(request) == self.form and any(
            f"{e.instruction}\n\nAnswer: {e.response}\n" in last for e in SEEDS
        )
        shift = good * (0.4 if call.step.rpartition(".")[2] in self.criteria else self.inkling)
        yes = min(0.95, max(0.05, random.Random(f"so {last}").gauss(0.4 + shift, 0.05)))
        return Reply("", labels={"yes": yes, "no": 1 - yes})


class Found:
    """Finds what was asked before, as behind a ledger."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.known: dict[tuple[CallId, str], Reply] = {}

    async def __call__(self, call: CallId, request: Request) -> Reply:
        key = call, request.digest("a")
        if key not in self.known:
            self.known[key] = await self.ask(call, request)
        return self.known[key]


def criteria_asked(ask: Knowing) -> set[str]:
    return {call.step.rpartition(".")[2] for call, _ in ask.asked}


async def sat(ask: Ask, setting: SynthesisConfig = CONFIG, size: int = 8) -> Sitting:
    questions = set_exam(SEEDS, setting, size)["response"]
    reading = ProbabilityReading(criteria=setting.criteria)
    ways = ways_to_ask(SEEDS, setting, size, "response")
    return await sit_in_turn(ask, ("a", reading), questions, ways)


async def test_who_can_tell_is_not_asked_in_another_form_and_no_more_than_is_needed() -> None:
    ask = Knowing("examples")
    sitting = await sat(ask)
    assert sitting.way is not None
    assert (sitting.way.form, sitting.way.criteria) == ("examples", ("correctness", "completeness"))
    assert all(len(a.good.scores) == 2 for a in sitting.answers)
    assert sitting.standing.weight > 1
    assert {form_of(r) for _, r in ask.asked} == {"examples"}
    assert criteria_asked(ask) == {"correctness", "completeness"}


async def test_who_cannot_tell_is_asked_in_the_next_form_and_about_one_thing() -> None:
    ask = Knowing("own")
    sitting = await sat(ask)
    assert sitting.way is not None
    assert (sitting.way.form, sitting.way.criteria) == ("own", ("correctness",))
    assert sitting.standing.weight > 1
    assert {form_of(r) for _, r in ask.asked} == {"examples", "own"}


async def test_who_can_tell_in_no_form_has_no_say_by_the_first_and_is_asked_little() -> None:
    ask = Knowing("none")
    sitting = await sat(ask)
    assert sitting.way is not None
    assert (sitting.way.form, sitting.way.criteria) == ("examples", ("correctness", "completeness"))
    assert sitting.standing.weight == 0
    assert criteria_asked(ask) == {"correctness", "completeness"}, "who is at chance is not asked about more"


async def test_who_does_not_answer_in_a_form_is_asked_in_the_next() -> None:
    class Silent(Knowing):
        async def __call__(self, call: CallId, request: Request) -> Reply:
            reply = await super().__call__(call, request)
            return replace(reply, labels={}) if form_of(request) == "examples" else reply

    ask = Silent("own")
    sitting = await sat(ask)
    assert sitting.way is not None
    assert sitting.way.form == "own"
    assert {call.step.rpartition(".")[2] for call, r in ask.asked if form_of(r) == "examples"} == {"correctness"}


def test_every_form_asks_the_fewest_questions_that_may_be_chosen() -> None:
    def ways(setting: SynthesisConfig, stage: Stage) -> list[tuple[str, int]]:
        return [(way.form, len(way.criteria)) for way in ways_to_ask(SEEDS, setting, 8, stage)]

    three = config(questions={"forms": ["plain", "own", "digit"]})
    assert ways(CONFIG, "response") == [("examples", 2), ("own", 1)]
    assert ways(three, "response") == [("plain", 2), ("own", 1), ("digit", 2)]
    assert ways(three, "instruction") == [("plain", 1), ("own", 1), ("digit", 1)]
    assert ways(config(questions={"ask": "all"}), "response") == [("examples", 0), ("own", 1)]


@pytest.mark.parametrize(
    "changes",
    [
        {"questions": {"ask": "all"}},
        {
            "criteria": CriteriaConfig(
                response=(Criterion(name="kind", question="Kind?", description="it is kind."),) * 1
            )
        },
    ],
)
async def test_all_questions_where_that_is_asked_for_or_they_are_ones_own(changes: dict[str, Any]) -> None:
    setting = config(**changes)
    sitting = await sat(Knowing("examples", (*TELLING["response"], "kind")), setting)
    assert sitting.way is not None
    assert sitting.way.criteria == ()
    assert [set(a.good.scores) for a in sitting.answers] == [{c.name for c in setting.criteria.response}] * 4


async def test_written_opinions_have_one_way() -> None:
    class Mute:
        async def __call__(self, call: CallId, request: Request) -> Reply:
            return Reply("no")

    questions = set_exam(SEEDS, CONFIG, 8)["response"]
    sitting = await sit_in_turn(
        Mute(), ("a", WrittenReading(CONFIG)), questions, ways_to_ask([], CONFIG, 8, "response")
    )
    assert sitting.way is None
    assert sitting.failure


def test_examples_are_of_seeds_that_are_not_asked_about() -> None:
    shown = solved_examples(SEEDS, CONFIG, 8, "response")
    asked = {q.good.instruction for q in set_exam(SEEDS, CONFIG, 8)["response"]}
    assert len(shown) == 8
    assert [s.good for s in shown] == [True, False] * 4
    assert not asked & {s.instruction for s in shown}
    for one, other in zip(shown[::2], shown[1::2], strict=True):
        assert one.instruction != other.instruction, "a broken text does not follow on its own whole one"
    whole = {(e.instruction, e.response) for e in SEEDS}
    assert [(s.instruction, s.response) in whole for s in shown] == [s.good for s in shown]


def test_without_four_short_seeds_to_spare_there_are_no_examples() -> None:
    assert solved_examples(SEEDS, CONFIG, 9, "response") == ()
    assert {w.form for w in ways_to_ask(SEEDS, CONFIG, 9, "response")} == {"examples"}
    assert len(solved_examples(SEEDS, CONFIG, 8, "instruction")) == 8


async def test_a_second_chance_has_to_show_more() -> None:
    """At chance in both forms, hardly more than one in twenty has a say."""

    class Chance(Knowing):
        def __init__(self, seed: int) -> None:
            super().__init__("none")
            self.seed = seed

        async def __call__(self, call: CallId, request: Request) -> Reply:
            shown = form_of(request), request.messages[-1].content.rpartition("Question:")[0]
            yes = min(0.95, max(0.05, random.Random(f"{self.seed} {shown}").gauss(0.5, 0.1)))
            return Reply("", labels={"yes": yes, "no": 1 - yes})

    heard = sum([bool((await sat(Chance(seed))).standing.weight) for seed in range(150)])
    assert heard / 150 < 0.13
