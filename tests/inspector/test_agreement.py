"""Agreement, against worked examples and by properties."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.inspector.agreement import Pair, alpha

UNITS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 5)), max_size=8)


def test_cohens_worked_example() -> None:
    # 50 applications, 20 yes of both, 15 no of both: observed 0.7, chance 0.5 (a textbook's example of kappa)
    pair = Pair("a", "b", 20, 5, 10, 15)
    assert (pair.n, pair.agreement) == (50, 0.7)
    assert pair.kappa == pytest.approx(0.4)


def test_krippendorffs_worked_example() -> None:
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section B: two observers, ten units, alpha 0.095.
    meg = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0)
    owen = (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
    units = [(a + b, 2 - a - b, 1) for a, b in zip(meg, owen, strict=True)]
    assert alpha(units) == pytest.approx(0.095, abs=0.001)


def test_where_nothing_can_be_said_nothing_is() -> None:
    assert Pair("a", "b").kappa is None and Pair("a", "b").agreement is None
    assert Pair("a", "b", both_yes=5).kappa is None
    assert alpha([]) is None
    assert alpha([(1, 0, 9), (0, 1, 9)]) is None
    assert alpha([(2, 0, 9)]) is None


@given(UNITS)
def test_alpha_is_what_counting_pairs_one_by_one_gives(units: list[tuple[int, int, int]]) -> None:
    votes = [[1] * yes + [0] * no for yes, no, n in units for _ in range(n) if yes + no > 1]
    values = [vote for unit in votes for vote in unit]
    apart = sum(2 * sum(a != b for a, b in combinations(unit, 2)) / (len(unit) - 1) for unit in votes)
    by_chance = 2 * sum(a != b for a, b in combinations(values, 2)) / (len(values) - 1) if len(values) > 1 else 0
    if not by_chance:
        assert alpha(units) is None
    else:
        assert alpha(units) == pytest.approx(1 - apart / by_chance)


@given(st.integers(1, 9), st.integers(1, 9))
def test_full_agreement_is_one(yes: int, no: int) -> None:
    assert alpha([(3, 0, yes), (0, 3, no)]) == 1.0
    assert Pair("a", "b", both_yes=yes, both_no=no).kappa == 1.0
