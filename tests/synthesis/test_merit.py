from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.synthesis.merit import Tally, held, judges, writers

NAMES = ("ash", "elm", "fir", "oak")


def shares_of(counts: dict[str, float]) -> dict[str, float]:
    return {name: n / sum(counts.values()) for name, n in counts.items()}


NUMBERS = st.lists(st.floats(0.01, 100), min_size=1, max_size=8)


@given(NUMBERS, st.data(), st.floats(0.01, 1), st.floats(0.1, 1))
def test_floor_and_cap_always_hold(numbers: list[float], data: st.DataObject, explore: float, cap: float) -> None:
    names = [f"m{n}" for n in range(len(numbers))]
    merit = data.draw(st.lists(st.floats(0, 1), min_size=len(names), max_size=len(names)))
    merit = merit if sum(merit) > 1e-6 else [1.0] * len(names)
    even = shares_of(dict(zip(names, numbers, strict=True)))
    shares = held(shares_of(dict(zip(names, merit, strict=True))), even, explore, cap)
    most = max(cap, 1 / len(names))
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share <= most + 1e-9 for share in shares.values())
    assert all(shares[name] >= min(explore * even[name], most) - 1e-9 for name in names)


@given(NUMBERS, st.floats(0.1, 1))
def test_without_merit_and_below_the_cap_nothing_changes(numbers: list[float], explore: float) -> None:
    even = shares_of({f"m{n}": number for n, number in enumerate(numbers)})
    assert held(even, even, explore, 1.0) == pytest.approx(even)


def test_before_anything_was_tried_writers_have_their_shares() -> None:
    even = {"ash": 0.5, "elm": 0.25, "fir": 0.25}
    assert writers({}, "Math", even, 1.0, random.Random(1)) == even
    assert writers({"ash": {"Math": Tally()}}, "Math", even, 1.0, random.Random(1)) == even


EVEN = dict.fromkeys(NAMES, 0.25)


def tallies(**tried: tuple[int, int, float]) -> dict[str, dict[str, Tally]]:
    return {name: {"Math": Tally(n, accepted, n * cost)} for name, (n, accepted, cost) in tried.items()}


def test_a_better_yield_for_the_same_price_gets_more() -> None:
    found = tallies(ash=(50, 40, 1), elm=(50, 10, 1), fir=(50, 10, 1), oak=(50, 10, 1))
    shares = writers(found, "Math", EVEN, 1.0, random.Random(1))
    assert shares["ash"] > 0.95


def test_the_same_yield_for_less_gets_more() -> None:
    found = tallies(ash=(50, 20, 1), elm=(50, 20, 4), fir=(50, 20, 4), oak=(50, 20, 4))
    assert writers(found, "Math", EVEN, 1.0, random.Random(1))["ash"] > 0.95
    half_as_good = tallies(ash=(50, 10, 1), elm=(50, 40, 8), fir=(50, 40, 8), oak=(50, 40, 8))
    assert writers(half_as_good, "Math", EVEN, 1.0, random.Random(1))["ash"] > 0.9, (
        "a quarter of the yield for an eighth"
    )


def test_who_was_tried_less_is_doubted_more() -> None:
    few = tallies(ash=(2, 0, 1), elm=(60, 20, 1), fir=(60, 20, 1), oak=(60, 20, 1))
    many = tallies(ash=(200, 0, 1), elm=(60, 20, 1), fir=(60, 20, 1), oak=(60, 20, 1))
    assert writers(few, "Math", EVEN, 1.0, random.Random(1))["ash"] > 0.05
    assert writers(many, "Math", EVEN, 1.0, random.Random(1))["ash"] == 0


def test_what_a_domain_shows_counts_for_more_than_what_others_show() -> None:
    good, bad = Tally(40, 32, 40), Tally(40, 4, 40)
    found = {
        "ash": {"Coding": bad, "Math": good},
        **{name: {"Coding": good, "Math": bad} for name in ("elm", "fir", "oak")},
    }
    assert writers(found, "Math", EVEN, 1.0, random.Random(1))["ash"] > 0.95
    assert writers(found, "Coding", EVEN, 1.0, random.Random(1))["ash"] < 0.05
    unknown = writers(found, "Reasoning", EVEN, 1.0, random.Random(1))
    assert 0.05 < unknown["ash"] < 0.5, "elsewhere it is as good as the others, no more is known"


def test_shares_depend_on_the_tallies_and_the_draw_alone() -> None:
    found = tallies(ash=(5, 3, 1), elm=(5, 2, 2), fir=(5, 1, 1))
    first = writers(found, "Math", EVEN, 1.0, random.Random(3))
    assert first == writers(dict(reversed(found.items())), "Math", EVEN, 1.0, random.Random(3))
    assert first != writers(found, "Math", EVEN, 1.0, random.Random(4))


def test_the_best_has_the_cap_and_the_next_best_what_it_leaves() -> None:
    found = tallies(ash=(500, 400, 1), elm=(500, 250, 1), fir=(500, 100, 1), oak=(500, 0, 1))

    def shares(cap: float) -> list[float]:
        return [round(share, 2) for share in writers(found, "Math", EVEN, cap, random.Random(1)).values()]

    assert shares(0.6) == [0.6, 0.4, 0, 0]
    assert shares(0.4) == [0.4, 0.4, 0.2, 0]
    assert shares(0.1) == [0.25] * 4


def test_judges_are_preferred_by_evidence_for_their_price() -> None:
    told = {"ash": 2.0, "elm": 1.0, "fir": 0.0}
    assert judges(told, {"ash": 1, "elm": 1, "fir": 1}) == pytest.approx({"ash": 0.8, "elm": 0.2, "fir": 0})
    assert judges(told, {"ash": 4, "elm": 1, "fir": 1}) == pytest.approx({"ash": 0.5, "elm": 0.5, "fir": 0})
    assert judges(dict.fromkeys(told, 0.0), {"ash": 4, "elm": 1, "fir": 1}) == dict.fromkeys(told, 1 / 3)


# --- a whole run of it, simulated -------------------------------------------------------------------------------------


def simulated(truth: Mapping[str, float], price: Mapping[str, float], seed: int) -> list[dict[str, float]]:
    """The shares of each round, where every Generator has a yield and a price that nobody knows."""
    draw, found = random.Random(seed), dict.fromkeys(truth, Tally())
    even, seen = dict.fromkeys(truth, 1 / len(truth)), []
    for number in range(6):
        known = {name: {"Math": tally} for name, tally in found.items()}
        merit = writers(known, "Math", even, 0.6, random.Random(100 * seed + number))
        shares = held(merit, even, 0.2, 0.6)
        seen.append(shares)
        for name in draw.choices(list(shares), list(shares.values()), k=40):
            found[name] += Tally(1, int(draw.random() < truth[name]), price[name])
    return seen


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_a_clearly_better_generator_comes_to_the_cap_and_a_hopeless_one_to_the_floor(seed: int) -> None:
    truth = {"ash": 0.0, "elm": 0.3, "fir": 0.3, "oak": 0.8}
    rounds = simulated(truth, dict.fromkeys(truth, 1.0), seed)
    for shares in rounds:
        assert max(shares.values()) <= 0.6 + 1e-9
        assert min(shares.values()) >= 0.05 - 1e-9
    assert rounds[0] == pytest.approx(dict.fromkeys(truth, 0.25))
    assert rounds[-1]["oak"] > 0.5
    assert rounds[-1]["ash"] < 0.06, "what the best may not have, the hopeless do not get"


def test_more_is_accepted_for_the_price_than_by_even_draws() -> None:
    truth = {"ash": 0.05, "elm": 0.3, "fir": 0.5, "oak": 0.6}
    price = {"ash": 0.2, "elm": 0.6, "fir": 1.0, "oak": 3.0}

    def gained(shares: Mapping[str, float]) -> float:
        return sum(s * truth[n] for n, s in shares.items()) / sum(s * price[n] for n, s in shares.items())

    even = gained(dict.fromkeys(truth, 0.25))
    last = [gained(simulated(truth, price, seed)[-1]) for seed in range(10)]
    assert min(last) > 1.1 * even
    assert sum(last) / len(last) > 1.3 * even
