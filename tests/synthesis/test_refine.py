"""A seed's refinement, from its own response to the better of two: scripted answers, step by step."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from test_sample import ENTRIES, MODELS, World, always, by_version, study

from gra.errors import Refused
from gra.records import SEED, Sample, Status
from gra.synthesis.refine import refine_sample
from gra.synthesis.sample import concluded

FRESH = {"v1.response": "A new answer.", "v2.response": "A mended answer.", "v0.response": "The only answer."}


async def refine(world: World, index: int = 3, **changes: Any) -> Sample:
    return await refine_sample(study(world, task="refine", **changes), 1, index)


@pytest.mark.parametrize(
    ("own", "new", "refined", "response"),
    [
        (0.9, 1.0, True, "A new answer."),
        (1.0, 0.9, False, "Old answer 3."),
        (1.0, 1.0, False, "Old answer 3."),
        (0.1, 0.9, True, "A new answer."),
        (0.9, 0.1, False, "Old answer 3."),
    ],
)
async def test_the_better_of_two_is_kept_and_the_seeds_own_of_equals(
    own: float, new: float, refined: bool, response: str
) -> None:
    sample = await refine(World(by_version(v0=own, v1=new), FRESH))
    assert (sample.status, sample.refined, sample.response) == (Status.PASSED, refined, response)
    assert sample.score == pytest.approx(1 + 9 * max(own, new))
    assert f"its own scores {1 + 9 * own:.2f}, the new {1 + 9 * new:.2f}" in sample.reason
    assert [v.cast.generator for v in sample.versions] == [SEED, sample.cast.generator]
    assert concluded(sample) == sample, "a round that is opened again comes to the same end"


async def test_candidate_i_is_seed_i_with_its_instruction_and_what_is_known_of_it() -> None:
    for index, entry in enumerate(ENTRIES):
        sample = await refine(World(by_version(v0=1.0, v1=0.9), FRESH), index)
        assert (sample.id, sample.seed, sample.instruction) == (f"r01-{index:05d}", entry.id, entry.instruction)
        assert (sample.domain, sample.keywords, sample.summary) == (entry.domain, entry.keywords, entry.summary)
        assert entry.id not in sample.examples and len(sample.examples) >= 2


async def test_nothing_is_asked_about_keywords_or_the_instruction() -> None:
    world = World(by_version(v0=1.0, v1=0.9), FRESH)
    sample = await refine(world)
    assert sample.opinions == () and sample.verdict is None
    assert {step.split(".")[0] for step in world.steps} == {"v0", "v1"}
    assert len({call for call, _ in world.asked}) == len(world.asked)


async def test_the_generator_does_not_see_the_response_that_it_may_replace() -> None:
    world = World(by_version(v0=0.9, v1=1.0), FRESH)
    sample = await refine(world)
    [prompt] = world.prompts("v1.response")
    assert "Old exercise 3." in prompt and "Old answer 3." not in prompt and "Remark" not in prompt
    shown = [e for e in ENTRIES if e.id in sample.examples[:2]]
    assert all(e.response in prompt for e in shown)


async def test_both_responses_come_before_the_same_committee_and_neither_has_an_author() -> None:
    world = World(by_version(v0=0.9, v1=1.0), FRESH)
    sample = await refine(world)
    own, new = sample.versions
    assert own.cast.reviewers == new.cast.reviewers == sample.cast.reviewers
    assert sample.cast.generator not in own.cast.reviewers

    def seen(version: str, response: str) -> set[str]:
        return {p.replace(response, "RESPONSE") for p in world.prompts(f"{version}.review") if response in p}

    assert seen("v0", "Old answer 3.") == seen("v1", "A new answer.") != set()


async def test_where_neither_passes_the_new_one_is_revised_before_others() -> None:
    world = World(by_version(v0=0.5, v1=0.6, v2=1.0), FRESH)
    sample = await refine(world, max_revisions=1)
    assert (sample.status, sample.refined, sample.response) == (Status.PASSED, True, "A mended answer.")
    [prompt] = world.prompts("v2.response")
    assert all(o.comment in prompt for o in sample.versions[1].opinions)
    assert "its own scores 5.50, the new 6.40, revised 10.00" in sample.reason


@pytest.mark.parametrize(("most", "versions"), [(0, 2), (1, 3), (2, 4)])
async def test_revisions_are_counted_from_the_new_response(most: int, versions: int) -> None:
    texts = {**FRESH, "v3.response": "Mended again."}
    sample = await refine(World(always(0.6), texts), max_revisions=most)
    assert (sample.status, len(sample.versions)) == (Status.REJECTED_RESPONSE, versions)


async def test_nothing_is_revised_where_the_seeds_own_passes() -> None:
    world = World(by_version(v0=1.0, v1=0.5), FRESH)
    assert (await refine(world)).refined is False
    assert "v2.response" not in world.steps


@pytest.mark.parametrize("said", ["", "Old answer 3.", Refused("too long")])
async def test_the_seeds_own_stands_where_there_is_no_other(said: str | Exception) -> None:
    sample = await refine(World(by_version(v0=0.9), {**FRESH, "v1.response": said}))
    assert (sample.status, sample.refined, len(sample.versions)) == (Status.PASSED, False, 1)
    assert "without another" in sample.reason


async def test_a_seed_whose_own_response_cannot_be_judged_is_not_replaced() -> None:
    world = World(lambda step, model: -1.0, FRESH)
    sample = await refine(world)
    assert (sample.status, len(sample.versions)) == (Status.UNUSABLE, 1)
    assert "v1.response" not in world.steps


async def test_a_new_response_that_cannot_be_judged_is_not_taken() -> None:
    world = World(lambda step, model: -1.0 if step.startswith("v1") else 0.9, FRESH)
    sample = await refine(world)
    assert (sample.status, sample.refined) == (Status.PASSED, False) and sample.score == pytest.approx(9.1)
    assert "the new unread" in sample.reason


async def test_without_reviews_every_response_is_new() -> None:
    world = World(always(1.0), FRESH)
    sample = await refine(world, review="none")
    assert (sample.status, sample.refined, sample.response) == (Status.PASSED, True, "The only answer.")
    assert world.steps == ["v0.response"]
    refused = await refine(World(always(1.0), {"v0.response": Refused("too long")}), review="none")
    assert (refused.status, refused.reason) == (Status.FAILED, "too long")


async def test_a_dispute_about_the_seeds_own_goes_to_the_adjudicator() -> None:
    def leaning(step: str, model: str) -> float:
        return 0.35 if step.startswith("v0.review") and model == min(panel) else 1.0

    panel = (await refine(World(always(1.0), FRESH))).cast.reviewers
    sample = await refine(World(leaning, FRESH))
    ruling = sample.versions[0].ruling
    assert ruling is not None and ruling.opinion.model == sample.cast.adjudicator
    assert sorted([sample.cast.generator, *panel, sample.cast.adjudicator]) == list(MODELS)


def test_the_version_that_counts_of_what_never_passed_is_the_last_with_a_verdict() -> None:
    blank = Sample("r01-00000", 1, 0, "Math", study(World(always(1.0))).casting.draw(random.Random(1)))
    assert blank.best is None and blank.response == "" and blank.refined is None
    assert replace(blank, seed="seed-00000").refined is False
