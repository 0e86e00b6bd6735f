"""Agreement by worked examples that are published, and against counting pair by pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.synthesis.agreement import Alpha, Correlation, Moments, Pair, alpha

FOUR = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)
"""Krippendorff 2011, section C: four observers, twelve units, some not judged. Interval alpha 0.849."""
TWO = ((0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0))
"""The same, section A: two observers, binary data. Alpha 0.095."""
RATINGS = st.lists(st.lists(st.floats(0, 10), max_size=5), max_size=12)
UNITS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 4)), max_size=8)


def alpha_of(units: list[list[float]]) -> Alpha:
    found = Alpha()
    for unit in units:
        found.add(unit)
    return found


def test_the_published_interval_example() -> None:
    units = [[float(v) for v in unit if v is not None] for unit in zip(*FOUR, strict=True)]
    assert alpha_of(units).value == pytest.approx(0.849, abs=5e-4)
    assert alpha_of(units).texts == 11, "one unit was judged by one observer alone"


def test_the_published_binary_example() -> None:
    units = [[float(v) for v in unit] for unit in zip(*TWO, strict=True)]
    assert alpha_of(units).value == pytest.approx(0.095, abs=5e-4)
    counts = [(int(sum(unit)), int(2 - sum(unit)), 1) for unit in units]
    assert alpha(counts) == alpha_of(units).value


def test_cohens_example() -> None:
    """The grant proposals that kappa is mostly taught with: 20, 5, 10, 15 of 50 give 0.4."""
    pair = Pair("a", "b", 20, 5, 10, 15)
    assert pair.n == 50 and pair.agreement == pytest.approx(0.7)
    assert pair.kappa == pytest.approx(0.4)


def test_where_nothing_can_be_said_nothing_is() -> None:
    assert Alpha().value is None and Pair("a", "b").kappa is None and Pair("a", "b").agreement is None
    assert alpha_of([[1.0], [5.0]]).value is None, "nothing was judged twice"
    assert alpha_of([[7.3, 7.3]] * 9).value is None, "everybody always says the same"
    assert alpha([(1, 0, 9), (0, 1, 9)]) is None and alpha([(2, 0, 9)]) is None and alpha([]) is None
    assert Pair("a", "b", both_yes=5).kappa is None
    assert Correlation().value is None


@given(RATINGS)
def test_sums_give_what_counting_every_pair_gives(units: list[list[float]]) -> None:
    judged = [unit for unit in units if len(unit) > 1]
    values = [value for unit in judged for value in unit]
    apart = sum(2 * sum((a - b) ** 2 for a, b in combinations(unit, 2)) / (len(unit) - 1) for unit in judged)
    chance = 2 * sum((a - b) ** 2 for a, b in combinations(values, 2)) / max(1, len(values) - 1)
    chance = chance if len(judged) > 1 else 0.0
    found = alpha_of(units).value
    if found is not None:
        assert found == pytest.approx(1 - apart / chance, abs=1e-4)
    else:
        assert chance <= 1e-6 * max(1.0, sum(v * v for v in values))


@given(UNITS)
def test_alpha_of_counted_votes_is_what_counting_pairs_one_by_one_gives(units: list[tuple[int, int, int]]) -> None:
    votes = [[1] * yes + [0] * no for yes, no, n in units for _ in range(n) if yes + no > 1]
    values = [vote for unit in votes for vote in unit]
    apart = sum(2 * sum(a != b for a, b in combinations(unit, 2)) / (len(unit) - 1) for unit in votes)
    by_chance = 2 * sum(a != b for a, b in combinations(values, 2)) / (len(values) - 1) if len(votes) > 1 else 0
    assert alpha(units) == (pytest.approx(1 - apart / by_chance) if by_chance else None)


@given(st.integers(1, 9), st.integers(1, 9))
def test_full_agreement_is_one(yes: int, no: int) -> None:
    assert alpha([(3, 0, yes), (0, 3, no)]) == 1.0
    assert Pair("a", "b", both_yes=yes, both_no=no).kappa == 1.0


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=30))
def test_correlation_and_moments_are_numpys(pairs: list[tuple[int, int]]) -> None:
    found, moments = Correlation(), Moments()
    for x, y in pairs:
        found.add(float(x), float(y))
        moments.add(float(x))
    xs, ys = np.array(pairs, dtype=float).T
    assert moments.mean == pytest.approx(xs.mean()) and moments.deviation == pytest.approx(xs.std(), abs=1e-9)
    if xs.std() and ys.std():
        assert found.value == pytest.approx(np.corrcoef(xs, ys)[0, 1])
    else:
        assert found.value is None
