"""Which rejected responses are worth a revision: a pure rule, and what a sample's life makes of it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sample import World, always, by_version, study

from gra.ids import rng
from gra.records import Status
from gra.synthesis.mending import BELIEF, BOUNDS, EXPLORE, Band, Mending, Tried, band_of, caused, worth
from gra.synthesis.sample import run_sample

RATE = 1 / 20_000
"""Accepted samples for each token: 20,000 tokens for one."""
COST = 4_000.0
"""Of a revision: it pays from one in five."""


@st.composite
def tallies(draw: st.DrawFn) -> list[Tried]:
    found = []
    for _ in BOUNDS:
        tried = draw(st.integers(0, 60))
        found.append(Tried(tried, draw(st.integers(0, tried)), tried * draw(st.floats(100, 10_000))))
    return found


def of(*shares: tuple[int, int]) -> list[Tried]:
    return [Tried(tried, gained, tried * COST) for tried, gained in shares]


def pays(*shares: tuple[int, int]) -> list[bool]:
    return [band.pays for band in worth(of(*shares), RATE).bands]


def test_where_nothing_is_known_everything_pays_as_it_did() -> None:
    nothing = worth([Tried()] * len(BOUNDS), RATE)
    assert nothing == Mending()
    assert all(nothing.pays(score / 10, random.Random(0)) for score in range(101))


def test_what_gains_more_than_new_candidates_would_pays_and_what_gains_less_does_not() -> None:
    assert pays((40, 1), (40, 4), (40, 16), (40, 30)) == [False, False, True, True]
    assert pays((0, 0), (0, 0), (3, 0), (3, 0)) == [True] * 4, "a few failures are no proof"
    assert pays((0, 0), (0, 0), (0, 0), (60, 0)) == [False] * 4, "who has tried nothing believes the others"
    assert pays((0, 0), (0, 0), (60, 0), (20, 10)) == [False, False, False, True]


@given(tallies(), st.floats(1e-6, 1e-2))
def test_chances_are_probabilities_and_the_rule_follows_from_them(found: list[Tried], rate: float) -> None:
    bands = worth(found, rate).bands
    assert bool(bands) == any(tally.tried for tally in found)
    for band, bound in zip(bands, BOUNDS, strict=False):
        assert 0 <= band.chance <= 1 and band.below == bound and band.cost > 0
        assert band.pays == (band.chance >= rate * band.cost)


@given(tallies(), st.integers(0, len(BOUNDS) - 1), st.integers(1, 40))
def test_more_gained_never_makes_a_band_pay_less(found: list[Tried], place: int, more: int) -> None:
    here = found[place]
    if here.gained + more > here.tried:
        return
    better = [*found[:place], replace(here, gained=here.gained + more), *found[place + 1 :]]
    for before, after in zip(worth(found, RATE).bands, worth(better, RATE).bands, strict=True):
        assert after.chance >= before.chance and after.pays >= before.pays


@given(tallies(), st.floats(1e-6, 1e-3), st.floats(1.0, 50.0))
def test_what_pays_does_not_hang_on_the_unit_of_cost(found: list[Tried], rate: float, unit: float) -> None:
    dearer = [replace(tally, cost=tally.cost * 2.0 ** int(unit % 8)) for tally in found]
    scaled = worth(dearer, rate / 2.0 ** int(unit % 8)).bands
    assert [band.pays for band in worth(found, rate).bands] == [band.pays for band in scaled]


@given(st.floats(0, 10))
def test_every_score_has_a_band(score: float) -> None:
    place = band_of(score)
    assert score < BOUNDS[place] or place == len(BOUNDS) - 1
    assert place == 0 or score >= BOUNDS[place - 1]


def test_a_benefit_of_the_doubt_is_used_up_after_some_tries() -> None:
    """With twice what is enough believed of eight revisions, eight that gain nothing are still not enough."""
    assert (
        pays((0, 0), (0, 0), (0, 0), (int(BELIEF), 0))[3] and not pays((0, 0), (0, 0), (0, 0), (int(BELIEF) + 1, 0))[3]
    )


def test_what_does_not_pay_is_tried_now_and_then_by_name() -> None:
    mending = worth(of((60, 0), (60, 0), (60, 0), (60, 0)), RATE)
    drawn = [mending.pays(3.0, rng(7, f"r02-{n:05d}", "revise.v0")) for n in range(2000)]
    assert drawn == [mending.pays(3.0, rng(7, f"r02-{n:05d}", "revise.v0")) for n in range(2000)]
    assert sum(drawn) / 2000 == pytest.approx(EXPLORE, abs=0.03)


def test_what_a_version_caused() -> None:
    steps = ["keywords", "v0.response", "v0.review.response.a.clarity", "v0.review.response.a.comment"]
    new = ["v1.response", "v1.compare.a.new_first", "v1.review.response.a.clarity", "v1.review.response.a.comment"]
    assert caused([*steps, *new], 1) == {steps[3], *new}
    assert caused([*steps, "v0.adjudicate.b.clarity", *new], 1) == {*new}, "the Adjudicator had to read it anyway"
    assert caused([*steps, *new, "v10.response"], 1) == {steps[3], *new}


# --- in a sample's life -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("worth_it", "versions"), [(True, 2), (False, 1)])
async def test_a_response_that_is_not_worth_a_revision_gets_none(worth_it: bool, versions: int) -> None:
    world = World(by_version(v0=0.6, v1=1.0))
    bands = tuple(Band(bound, 0.0, 1.0, worth_it) for bound in BOUNDS)
    sample = await run_sample(replace(study(world), mending=Mending(bands)), 1, 7)
    assert len(sample.versions) == versions
    assert sample.status is (Status.PASSED if worth_it else Status.REJECTED_RESPONSE)
    assert any(step.endswith(".comment") for step in world.steps) is worth_it, "comments are for who reads them"


async def test_what_is_hopeless_is_not_revised_however_well_it_would_pay() -> None:
    bands = tuple(Band(bound, 1.0, 1.0, True) for bound in BOUNDS)
    sample = await run_sample(replace(study(World(always(0.05))), mending=Mending(bands)), 1, 7)
    assert len(sample.versions) <= 1


# --- over rounds ------------------------------------------------------------------------------------------------------

CANDIDATE, YIELD = 10_000.0, 0.4
"""Tokens of a candidate, and how many are accepted without a revision."""


def lived(
    chances: tuple[float, ...], rule: str, seed: int, rounds: int = 6, candidates: int = 150
) -> tuple[float, int]:
    """Accepted samples for a million tokens, and how many responses were revised, where revisions gain by `chances`."""
    draw, tallies, revised = random.Random(seed), [Tried() for _ in BOUNDS], 0
    accepted, cost, mending = 0, 0.0, Mending()
    for _ in range(rounds):
        for _ in range(candidates):
            cost += CANDIDATE
            if draw.random() < YIELD:
                accepted += 1
                continue
            band = draw.randrange(len(BOUNDS))
            if rule == "never" or (rule == "it_pays" and not mending.pays(BOUNDS[band] - 0.5, draw)):
                continue
            gained = draw.random() < chances[band]
            cost, accepted, revised = cost + COST, accepted + gained, revised + 1
            tallies[band] += Tried(1, int(gained), COST)
        mending = worth(tallies, accepted / cost)
    return 1e6 * accepted / cost, revised


@pytest.mark.parametrize(
    ("chances", "best"),
    [((0.02,) * 4, "never"), ((0.5,) * 4, "mendable"), ((0.02, 0.02, 0.5, 0.6), "it_pays")],
)
def test_it_comes_near_to_whatever_is_best_without_being_told(chances: tuple[float, ...], best: str) -> None:
    rules = ("never", "mendable", "it_pays")
    means = {rule: sum(lived(chances, rule, seed)[0] for seed in range(20)) / 20 for rule in rules}
    others = [means[rule] for rule in rules if rule != "it_pays"]
    if best == "it_pays":
        assert means["it_pays"] > max(others)
    else:
        assert means[best] == max(means.values()) and means["it_pays"] > 0.93 * means[best]
        assert means["it_pays"] > min(others)
