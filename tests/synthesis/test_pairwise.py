"""The exam in pairs: who can tell which of two answers is better, and what its word counts for."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_refine import FRESH
from test_sample import World, by_version, study

from gra.calls import CallId, Reply, Request
from gra.config.synthesis import SynthesisConfig
from gra.records import Preference, Status
from gra.synthesis.exam import Question
from gra.synthesis.pairwise import PairStanding, as_far_as_needed, pairs_of, sit_pairs
from gra.synthesis.reading import Matter, ProbabilityReading
from gra.synthesis.refine import refine_sample
from gra.synthesis.sample import run_sample

ODDS = st.lists(st.floats(-6.9, 6.9), min_size=1, max_size=40)


def standing(*odds: float) -> PairStanding:
    return PairStanding("m", odds)


@given(ODDS)
def test_a_weight_is_never_negative_and_is_earned_by_being_right(odds: list[float]) -> None:
    found, turned = standing(*odds), standing(*(-q for q in odds))
    assert found.weight >= 0
    assert found.right + turned.right == len(odds)
    assert not (found.weight and turned.weight), "nobody can tell both ways round"
    if found.weight:
        assert found.right > len(odds) / 2


@pytest.mark.parametrize(
    ("right", "of", "can"), [(4, 4, False), (5, 5, True), (7, 8, True), (6, 8, False), (12, 16, True)]
)
def test_a_say_is_what_a_model_at_chance_gets_once_in_twenty_exams(right: int, of: int, can: bool) -> None:
    assert bool(standing(*[1.0] * right, *[-1.0] * (of - right)).weight) is can
    luck = sum(math.comb(of, n) for n in range(right, of + 1)) / 2**of
    assert (luck <= 0.05) is can


def test_ties_and_what_could_not_be_read_tell_nothing() -> None:
    assert standing(*[0.0] * 12).weight == 0
    assert standing(*[2.0] * 5).weight > 0 == standing(*[2.0] * 5, *[0.0] * 5).weight, "half of it could be luck"
    assert standing(*[2.0] * 8, *[0.0] * 2).weight == pytest.approx(standing(*[2.0] * 10).weight)


@given(st.lists(st.floats(0.5, 6.0), min_size=8, max_size=24), st.sampled_from([0.25, 2.0, 8.0]))
def test_a_model_that_sounds_surer_is_not_heard_louder_for_it(odds: list[float], louder: float) -> None:
    one, other = standing(*odds), standing(*(louder * q for q in odds))
    assert one.weight * odds[0] == pytest.approx(other.weight * louder * odds[0], rel=1e-3)


def test_who_is_right_more_often_counts_more() -> None:
    draw = random.Random(3)

    def of(wrong: int) -> float:
        return standing(*(draw.gauss(1.5, 0.3) * (-1 if n < wrong else 1) for n in range(24))).weight

    weights = [of(wrong) for wrong in (0, 3, 6)]
    assert weights == sorted(weights, reverse=True) and weights[-1] > 0


def questions(count: int) -> list[Question]:
    def matter(text: str, number: int) -> Matter:
        return Matter("response", f"Say {number}.", text)

    return [Question(f"{n:03d}", matter("Right.", n), matter("Wrong.", n), "truncated") for n in range(count)]


def test_only_answers_to_one_instruction_make_a_pair() -> None:
    one, two = questions(2)
    swapped = replace(two, broken=replace(two.broken, instruction="Say something else."))
    written = replace(one, good=Matter("instruction", "Say 1."), broken=Matter("instruction", "Say 1."))
    assert pairs_of([one, swapped, written]) == [one]


class Judge:
    """Prefers what is right in so many of the first pairs, with a favourite place; counts what it is asked."""

    def __init__(self, right: int) -> None:
        self.right, self.calls = right, set[CallId]()

    async def __call__(self, call: CallId, request: Request) -> Reply:
        assert call not in self.calls
        self.calls.add(call)
        await asyncio.sleep(0)
        knows = int(call.sample.removeprefix("exam-")) < self.right
        first = request.messages[-1].content.index("Right.") < request.messages[-1].content.index("Wrong.")
        p = 0.9 if first is knows else 0.3
        return Reply("A", labels={"A": p, "B": 1 - p})


@pytest.mark.parametrize(("right", "asked"), [(24, 12), (0, 12), (9, 18)])
async def test_it_is_asked_only_until_it_is_clear(right: int, asked: int) -> None:
    judge, config = Judge(right), study(World(by_version(v0=1))).config
    found = await sit_pairs(judge, "m", ProbabilityReading(), questions(24), config)
    assert len(found.log_odds) == asked and len(judge.calls) == 2 * asked
    assert found.right == min(right, asked)
    whole = [Preference("m", 1.0, q) for q in (*[2.0] * right, *[-2.0] * (24 - right))]
    assert len(as_far_as_needed("m", whole).log_odds) == asked


# --- in a sample's life -----------------------------------------------------------------------------------------------


async def test_who_cannot_tell_in_pairs_is_not_asked_and_the_others_count_by_that_exam() -> None:
    world = World(by_version(v0=0.6, v1=1.0))
    plain = await run_sample(study(world), 1, 7)
    knows, *others = [p.model for p in plain.versions[1].comparison.preferences]  # type: ignore[union-attr]
    pairs = {knows: 0.7, **dict.fromkeys(others, 0.0)}
    again = World(by_version(v0=0.6, v1=1.0), preferring=lambda step, model: 0.9 if model == knows else 0.1)
    sample = await run_sample(replace(study(again), pairs=pairs), 1, 7)
    comparison = sample.versions[1].comparison
    assert comparison is not None and [(p.model, p.weight) for p in comparison.preferences] == [(knows, 0.7)]
    assert comparison.won and sample.status is Status.PASSED


@pytest.mark.parametrize(("after", "status"), [(1.0, Status.PASSED), (0.6, Status.REJECTED_RESPONSE)])
async def test_where_nobody_can_tell_in_pairs_the_review_of_the_new_one_decides(after: float, status: Status) -> None:
    world = World(by_version(v0=0.6, v1=after))
    sample = await run_sample(replace(study(world), pairs={}), 1, 7)
    assert sample.status is status and len(sample.versions) == 2
    assert sample.versions[1].comparison is None and sample.versions[1].verdict is not None
    assert not any(".compare." in step for step in world.steps)


async def test_but_a_seeds_own_response_that_passed_stays() -> None:
    world = World(by_version(v0=0.9, v1=1.0), FRESH)
    sample = await refine_sample(replace(study(world, task="refine"), pairs={}), 1, 3)
    assert (sample.status, sample.refined) == (Status.PASSED, False)
    assert not any(step.startswith("v1.review") for step in world.steps)


@pytest.mark.parametrize(
    ("changes", "compares"),
    [
        ({}, True),
        ({"max_revisions": 0}, False),
        ({"max_revisions": 0, "task": "refine"}, True),
        ({"revision": {"accept": "verdict"}}, False),
        ({"review": "none"}, False),
        ({"gate": {"type": "paper"}}, False),
    ],
)
def test_the_exam_is_held_only_where_something_will_be_compared(changes: dict[str, object], compares: bool) -> None:
    models = [{"name": name, "base_url": "http://localhost:1/v1"} for name in ("a", "b", "c", "d")]
    plain = {"seeds": {"path": "s.json"}, "models": models, "target": 1, "gate": {"type": "seeds"}, **changes}
    assert SynthesisConfig.model_validate(plain).compares is compares
