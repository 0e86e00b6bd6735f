"""The funnel adds up, whatever the samples are."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from cli_builders import CAST, one_of_each, opinion, sample, verdict, version
from hypothesis import given
from hypothesis import strategies as st

from gra.records import SEED, Sample, Status
from gra.report.funnel import funnel_of
from gra.report.survey import ROLES
from gra.store.counting import STAGES, passed_how

VERSIONS = st.lists(
    st.builds(version, st.integers(0, 2), st.sampled_from(["accept", "reject", "dispute"]), ruled=st.booleans()),
    max_size=2,
).map(tuple)
SAMPLES = st.lists(
    st.builds(
        sample,
        st.integers(0, 99),
        st.sampled_from(list(Status)),
        instruction=st.sampled_from(["", "Do."]),
        verdict=st.none() | st.builds(verdict, st.sampled_from(["accept", "reject"])),
        versions=VERSIONS,
    )
)

REFINED = SAMPLES.map(
    lambda samples: [
        replace(s, seed="seed-00001", instruction="Do.") for s in samples if s.status is not Status.REJECTED_INSTRUCTION
    ]
)


@given(SAMPLES | REFINED)
def test_every_sample_is_counted_once(samples: list[Sample]) -> None:
    steps = funnel_of(samples).steps()
    assert steps[0].count == len(samples)
    for before, after in pairwise(steps):
        assert before.count == after.count + sum(after.left.values())
    left = Counter[str]()
    for step in steps:
        left.update(step.left)
    left["accepted"] += steps[-1].count
    assert +left == Counter(s.status.value for s in samples)
    assert steps[-1].count == sum(s.status is Status.ACCEPTED for s in samples)


def test_where_each_kind_of_end_is() -> None:
    funnel = funnel_of(one_of_each())
    counts = {step.stage: step.count for step in funnel.steps()}
    assert counts == dict(zip(STAGES, (12, 10, 8, 7, 5, 4, 3), strict=True))
    assert funnel.passed == {"at the first review": 3, "after revision": 1, "by ruling": 1}


def test_what_let_a_sample_through_is_told() -> None:
    disputed = version(outcome="dispute")
    ways = {
        "by majority": replace(disputed, settlement=verdict()),
        "by ruling": version(outcome="dispute", ruled=True),
        "without review": replace(version(), opinions=()),
        "after revision": version(1),
        "at the first review": version(),
    }
    assert {how: passed_how(sample(0, versions=(last,))) for how, last in ways.items()} == {how: how for how in ways}


def test_a_refined_seed_has_the_stages_of_instructions_behind_it() -> None:
    own, new = version(response="Own."), version(1, response="New.")
    own = replace(own, cast=replace(CAST, generator=SEED))
    better = replace(new, verdict=verdict(score=8.0))
    seeds = [sample(0, versions=(own, new)), sample(1, versions=(own, better)), sample(2, Status.FAILED, versions=())]
    funnel = funnel_of(replace(s, seed="seed-00001", opinions=(), verdict=None) for s in seeds)
    stages = [(step.stage, step.count) for step in funnel.steps()]
    assert stages == list(zip(("candidates", *STAGES[3:]), (3, 2, 2, 2, 2), strict=True))
    assert funnel.passed == {"with the seed's own": 1, "with a new response": 1}


def test_a_task_that_nobody_named_is_shown_by_its_own_name() -> None:
    assert ROLES.get("review") == "reviewer" and ROLES.get("new") is None
    assert CAST.generator == "writer" and opinion("one").model == "one"
