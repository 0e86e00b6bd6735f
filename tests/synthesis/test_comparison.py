from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_refine import FRESH, refine
from test_sample import World, always, by_version, run

from gra.errors import Refused
from gra.records import Preference, Reading, Status
from gra.synthesis.comparison import CLIP, compare, log_odds, preference

PROBABILITIES = st.floats(0.0, 1.0)
PAIRS = st.lists(st.tuples(PROBABILITIES, PROBABILITIES, st.floats(0.01, 5)), max_size=6)


def odds(a: float) -> float:
    return log_odds(a, 1 - a)


def judged(answers: list[tuple[float, float, float]], swapped: bool = False) -> Any:
    """The comparison of new with old, or, from the same answers to the same prompts, of old with new."""
    found = []
    for n, (new_first, old_first, weight) in enumerate(answers):
        first, last = (old_first, new_first) if swapped else (new_first, old_first)
        found.append(preference(f"m{n}", weight, odds(first), odds(last)))
    return compare(0, found)


@given(PAIRS)
def test_the_winner_is_the_same_whichever_is_called_the_new_one(answers: list[tuple[float, float, float]]) -> None:
    one, other = judged(answers), judged(answers, swapped=True)
    assert one.log_odds == -other.log_odds
    assert not (one.won and other.won)
    assert (one.won or other.won) == (one.log_odds != 0), "only a tie has no winner, and then both stay as they are"


@given(st.floats(-3, 3), st.floats(-2, 2))
def test_what_the_place_adds_is_taken_away(better: float, bias: float) -> None:
    found = preference("m", 1.0, bias + better, bias - better)
    assert found.log_odds == pytest.approx(better)
    assert found.position == pytest.approx(bias)


@given(PROBABILITIES)
def test_who_goes_by_the_place_alone_decides_nothing(first: float) -> None:
    assert judged([(first, first, 1.0)]).won is False
    assert judged([(first, first, 1.0)]).log_odds == 0


@given(PAIRS)
def test_an_opinion_of_no_weight_or_that_could_not_be_read_changes_nothing(
    answers: list[tuple[float, float, float]],
) -> None:
    plain = judged(answers)
    more = (*plain.preferences, Preference("x", 3.0, failure="silent"), Preference("y", 0.0, 9.0))
    assert compare(0, more).log_odds == plain.log_odds


@given(PAIRS, st.integers(0, 5), PROBABILITIES)
def test_a_model_that_likes_the_new_one_more_never_makes_it_lose(
    answers: list[tuple[float, float, float]], place: int, more: float
) -> None:
    if place >= len(answers):
        return
    first, last, weight = answers[place]
    lifted = [*answers[:place], (max(first, more), last, weight), *answers[place + 1 :]]
    assert judged(lifted).won or not judged(answers).won


def test_nobody_to_ask_leaves_the_old_one() -> None:
    assert compare(2, ()).won is False
    assert compare(2, ()).against == 2


def test_probabilities_are_clipped() -> None:
    assert log_odds(1.0, 0.0) == pytest.approx(math.log((1 - CLIP) / CLIP)) == -log_odds(0.0, 1.0)


# --- in a sample's life -----------------------------------------------------------------------------------------------


def prefers(p: float) -> Callable[[str, str], float]:
    return lambda step, model: p


@pytest.mark.parametrize("reading", ["written", "probability"])
async def test_a_revision_that_is_no_better_is_not_even_reviewed(reading: Reading) -> None:
    world = World(by_version(v0=0.6, v1=1.0), preferring=prefers(0.2))
    sample = await run(world, reading)
    assert sample.status == Status.REJECTED_RESPONSE
    assert sample.response == "First answer." and len(sample.versions) == 2
    assert sample.reason.endswith("; a revision was no better")
    lost = sample.versions[1]
    assert lost.comparison is not None and lost.comparison.won is False and lost.verdict is None
    assert not any(step.startswith("v1.review") for step in world.steps)


@pytest.mark.parametrize("reading", ["written", "probability"])
async def test_a_revision_that_is_better_comes_before_its_reviewers(reading: Reading) -> None:
    world = World(by_version(v0=0.6, v1=1.0), preferring=prefers(0.8))
    sample = await run(world, reading)
    assert sample.status == Status.PASSED and sample.response == "Second answer."
    comparison = sample.versions[1].comparison
    assert comparison is not None and comparison.won and comparison.against == 0
    cast = sample.versions[1].cast
    assert [p.model for p in comparison.preferences] == [*cast.reviewers, cast.adjudicator]
    orders = [step for step in world.steps if ".compare." in step]
    assert len(orders) == len({*orders}) == 2 * len(comparison.preferences)


async def test_both_orders_are_asked_and_nothing_says_which_is_new() -> None:
    world = World(by_version(v0=0.6, v1=1.0))
    await run(world)
    first, last = (world.prompts(f"new_{place}")[0] for place in ("first", "last"))
    assert first.index("Second answer.") < first.index("First answer.")
    assert last.index("First answer.") < last.index("Second answer.")
    marked = last.replace("First answer.", "@").replace("Second answer.", "First answer.")
    assert first == marked.replace("@", "Second answer."), "nothing else differs"
    assert "Remark" not in first and "revis" not in first.casefold()


async def test_a_favourite_place_is_no_preference() -> None:
    biased = World(by_version(v0=0.6, v1=1.0), preferring=lambda step, model: 0.9 if "first" in step else 0.1)
    sample = await run(biased)
    assert sample.status == Status.REJECTED_RESPONSE
    comparison = sample.versions[1].comparison
    assert comparison is not None and all(p.position > 2 for p in comparison.preferences)


async def test_who_answers_neither_counts_for_nothing() -> None:
    sample = await run(World(by_version(v0=0.6, v1=1.0), preferring=prefers(-1)))
    comparison = sample.versions[1].comparison
    assert sample.status == Status.REJECTED_RESPONSE and comparison is not None
    assert {p.failure for p in comparison.preferences} == {"it did not answer A or B"}


async def test_with_accept_verdict_nobody_is_asked() -> None:
    world = World(by_version(v0=0.6, v1=1.0), preferring=prefers(0.0))
    sample = await run(world, revision={"accept": "verdict"})
    assert sample.status == Status.PASSED and sample.versions[1].comparison is None
    assert not any(".compare." in step for step in world.steps)


async def test_a_seed_keeps_its_response_if_the_new_one_is_no_better_beside_it() -> None:
    world = World(by_version(v0=0.9, v1=1.0), FRESH, prefers(0.4))
    sample = await refine(world)
    assert (sample.status, sample.refined, sample.response) == (Status.PASSED, False, "Old answer 3.")
    assert "the new no better side by side" in sample.reason
    assert not any(step.startswith("v1.review") for step in world.steps)


async def test_a_second_revision_has_to_beat_the_first() -> None:
    def preferring(step: str, model: str) -> float:
        return 0.9 if step.startswith("v1") else 0.3

    sample = await run(World(always(0.6), preferring=preferring), max_revisions=3)
    assert [v.comparison.against for v in sample.versions if v.comparison] == [0, 1]
    assert sample.response == "Second answer."


async def test_a_refusal_is_a_preference_that_cannot_be_read() -> None:
    world = World(by_version(v0=0.6, v1=1.0))
    first = (await run(World(by_version(v0=0.6, v1=1.0)))).versions[1].cast.reviewers[0]
    world.texts[f"v1.compare.{first}.new_last"] = Refused("too long")
    sample = await run(world)
    comparison = sample.versions[1].comparison
    assert comparison is not None and comparison.preferences[0].failure == "too long" and comparison.won
