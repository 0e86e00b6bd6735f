from __future__ import annotations

import math
import random
from typing import Any

import pytest

from gra.calls import CallId, Reply, Request
from gra.config.criteria import CriteriaConfig, Criterion
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import SynthesisConfig
from gra.records import Entry, Opinion
from gra.synthesis.exam import Answer, Sitting, set_exam
from gra.synthesis.exam_ways import briefed, sit_in_turn, solved_examples, ways_to_ask
from gra.synthesis.forms import TELLING, Way
from gra.synthesis.reading import ProbabilityReading, WrittenReading
from gra.synthesis.standing import sure

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
    """Tells seeds' responses from others, but only where it is asked in one form, and by these questions."""

    def __init__(self, form: str, criteria: tuple[str, ...] = TELLING["response"]) -> None:
        self.form, self.criteria = form, criteria
        self.asked: list[tuple[CallId, Request]] = []

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        last = request.messages[-1].content
        knows = form_of(request) == self.form and call.step.rpartition(".")[2] in self.criteria
        good = knows and any(f"{e.instruction}\n\nAnswer: {e.response}\n" in last for e in SEEDS)
        yes = min(0.95, max(0.05, random.Random(f"so {last}").gauss(0.8 if good else 0.4, 0.05)))
        return Reply("", labels={"yes": yes, "no": 1 - yes})


async def sat(ask: Knowing, setting: SynthesisConfig = CONFIG, size: int = 8) -> Sitting:
    questions = set_exam(SEEDS, setting, size)["response"]
    reading = ProbabilityReading(criteria=setting.criteria)
    ways = ways_to_ask(SEEDS, setting, size, "response")
    return await sit_in_turn(ask, setting, ("a", reading), questions, ways)


async def test_who_can_tell_is_not_asked_in_another_form_and_no_more_than_is_needed() -> None:
    ask = Knowing("examples")
    sitting = await sat(ask)
    assert sitting.way is not None
    assert (sitting.way.form, sitting.way.criteria) == ("examples", ("correctness", "completeness"))
    assert all(len(a.good.scores) == 2 for a in sitting.answers)
    assert sitting.standing.weight > 1
    assert {form_of(r) for _, r in ask.asked} == {"examples"}


async def test_who_cannot_tell_is_asked_in_the_next_form_and_about_one_thing() -> None:
    ask = Knowing("own")
    sitting = await sat(ask)
    assert sitting.way is not None
    assert (sitting.way.form, sitting.way.criteria) == ("own", ("correctness",))
    assert sitting.standing.weight > 1
    assert {form_of(r) for _, r in ask.asked} == {"examples", "own"}


async def test_who_can_tell_in_no_form_has_no_say_by_the_first() -> None:
    ask = Knowing("none")
    sitting = await sat(ask)
    assert sitting.way is not None
    assert sitting.way.form == "examples"
    assert sitting.standing.weight == 0


async def test_as_many_questions_as_it_takes() -> None:
    sitting = await sat(Knowing("examples", ("coherence", "clarity", "ethicality")))
    assert sitting.way is not None
    assert len(sitting.way.criteria) > 2
    assert {"correctness", "coherence"} <= set(sitting.way.criteria)


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
        Mute(), CONFIG, ("a", WrittenReading(CONFIG)), questions, ways_to_ask([], CONFIG, 8, "response")
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
    assert [w.form for w in ways_to_ask(SEEDS, CONFIG, 9, "response")] == ["examples"]
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


@pytest.mark.parametrize("tries", [1, 2])
def test_fewer_questions_take_no_say_away(tries: int) -> None:
    """An exam that was passed with all questions is passed with those that are kept."""
    questions = set_exam(SEEDS, CONFIG, 8)["response"]
    passed = 0
    for seed in range(200):
        draw = random.Random(seed)

        def said(good: bool, draw: random.Random = draw) -> Opinion:
            lean = draw.gauss(0.8 * good, 1)
            scores = {c: 1 / (1 + math.exp(-lean - draw.gauss(0, 1))) for c in TELLING["response"]}
            return Opinion("a", "response", "probability", scores)

        sitting = Sitting("a", "response", tuple(Answer(q, said(True), said(False)) for q in questions), Way())
        if sitting.standing.separation > sure(tries) * sitting.standing.error:
            passed += 1
            brief = briefed(sitting, CONFIG, sure(tries)).standing
            assert brief.separation > sure(tries) * brief.error
    assert passed > 40
