"""The sieve finds what comparing all pairs finds: on few directions, at exact ties, with zeros, copies and growth."""

import itertools
import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.postprocess import matrix, sieve
from gra.postprocess.matrix import Matrix, Vectors, cosine, uncertainty
from gra.postprocess.sieve import Sieve, axes

SIXTEENTHS = st.lists(st.integers(-8, 8), min_size=5, max_size=5).map(lambda v: np.array(v, np.float32) / 16)
"""Few values, so that there are zeros, copies, and products that are exactly a limit."""


@pytest.fixture(autouse=True)
def small_pieces() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "PIECE", 8)
        patch.setattr(sieve, "PIECE", 16)
        patch.setattr(sieve, "TILE", 4)
        patch.setattr(sieve, "AT_ONCE", 3)
        patch.setattr(sieve, "LEARNT_FROM", 12)
        patch.setattr(sieve, "DIMENSIONS", (1, 2, 3, 4, 6, 8, 16))
        yield


def filled(vectors: Sequence[Vectors]) -> Matrix:
    rows = Matrix()
    for vector in vectors:
        rows.append(vector)
    return rows


def plainly(vectors: Sequence[Vectors], below: float) -> set[tuple[int, int, bool]]:
    """All pairs, one by one, the later one first."""
    pairs = ((n, m) for n, m in itertools.product(range(len(vectors)), repeat=2) if m < n)
    near = ((n, m) for n, m in pairs if cosine(vectors[n], vectors[m]) >= below)
    return {(n, m, bool((vectors[n] == vectors[m]).all())) for n, m in near}


def sifted(vectors: Sequence[Vectors], below: float, blocks: Iterator[int]) -> set[tuple[int, int, bool]]:
    """The same by a sieve whose rows come block by block."""
    rows, found = Matrix(), set()
    this = Sieve(rows, below)
    while len(rows) < len(vectors):
        begin = len(rows)
        for vector in vectors[begin : begin + next(blocks)]:
            rows.append(vector)
        near = this.near(np.arange(begin, len(rows)), len(rows))
        found |= {(begin + row, other, same) for row, other, same in near if other < begin + row}
    return found


@settings(deadline=None)
@given(
    st.lists(SIXTEENTHS, max_size=60),
    st.integers(1, 40).map(lambda n: n / 64),
    st.sampled_from([0, 1, 1e9]),
    st.sampled_from([0, 0.5, 2]),
    st.randoms(),
)
def test_it_finds_every_pair_and_no_other(
    vectors: list[Vectors], below: float, whole: float, crowded: float, draw: random.Random
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sieve, "WHOLE", whole)  # for nothing: one axis is kept; too dear: many
        patch.setattr(sieve, "CROWDED", crowded)
        assert sifted(vectors, below, iter(lambda: draw.randint(1, 9), 0)) == plainly(vectors, below)


def spread(seed: int, count: int, dimensions: int) -> list[Vectors]:
    """Unit vectors that fall off from dimension to dimension, as embeddings do, some of them nearly copies."""
    draw = np.random.default_rng(seed)
    rows = draw.standard_normal((count, dimensions)) / np.arange(1, dimensions + 1) ** 0.7
    rows[count // 2 :: 3] = rows[: len(rows[count // 2 :: 3])] * (1 + 0.1 * draw.standard_normal(dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [*rows.astype(np.float32)]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.data())
def test_a_limit_that_is_exactly_the_cosine_of_a_pair(seed: int, dimensions: int, data: st.DataObject) -> None:
    vectors = spread(seed, 50, dimensions)
    n, m = data.draw(st.tuples(st.integers(0, 49), st.integers(0, 49)))
    below = min(1.0, max(0.05, cosine(vectors[n], vectors[m])))
    assert sifted(vectors, below, itertools.repeat(17)) == plainly(vectors, below)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_an_outline_never_says_less_than_the_cosine(seed: int, kept: int) -> None:
    vectors = np.array(spread(seed, 40, 12))
    turned = np.linalg.qr(np.random.default_rng(seed).standard_normal((12, 12)))[0][:, :kept]
    outlines = sieve._outline(vectors, turned)
    bounds = outlines @ outlines.T
    exact = np.array([[cosine(one, other) for other in vectors] for one in vectors])
    assert (bounds >= exact - 2 * uncertainty(kept + 1)).all()


def test_what_is_hidden_is_spared_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve, "WHOLE", 0)
    vectors = spread(3, 60, 6)
    for when in (5, 40):  # before there are axes, and after
        this = Sieve(filled(vectors), 0.9)
        list(this.near(np.arange(when), when))
        for place in (2, 4, 30):
            this.hide(place)
        found = {other for _, other, _ in this.near(np.arange(60), 60)}
        assert found == set(range(60)) - {2, 4, 30}


def test_so_many_axes_as_make_the_work_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve, "WHOLE", 100)
    flat = np.zeros((64, 40), np.float32)
    flat[:, :3] = np.random.default_rng(0).standard_normal((64, 3))
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    few = axes(flat, 0.999)
    assert few is not None and few.shape[1] <= 4
    even = np.eye(40, dtype=np.float32)
    assert axes(even, 0.01) is None  # whatever is left out of them might be all of the product


def test_limits_as_low_as_may_be() -> None:
    vectors = [np.zeros(3, np.float32)] * 14 + spread(0, 20, 3)
    assert sifted(vectors, 1e-7, itertools.repeat(5)) == plainly(vectors, 1e-7)
