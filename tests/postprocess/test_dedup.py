from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.postprocess import dedup, matrix, sieve
from gra.postprocess.dedup import Decision, Known, Selection
from gra.postprocess.matrix import Matrix, Vectors


def at(*numbers: float) -> Vectors:
    vector = np.array(numbers, dtype=np.float32)
    unit: Vectors = vector / np.linalg.norm(vector)
    return unit


def known(*vectors: Vectors) -> Known:
    rows = Matrix()
    for vector in vectors:
        rows.append(vector)
    return Known([f"seed-{n}" for n in range(len(vectors))], rows)


def ends(decided: Sequence[Decision]) -> list[tuple[int, bool, int | str]]:
    return [(d.index, d.accepted, d.near_pool or d.near_index) for d in decided]


def run(rows: Mapping[int, tuple[float, Vectors]], pool: Known | None = None, below: float = 0.9) -> list[Decision]:
    selection = Selection(pool or Known(), below)
    for index, (score, vector) in rows.items():
        selection.add(index, score, vector)
    return list(selection.decisions())


def test_the_best_is_taken_first_and_blocks_the_rest() -> None:
    decided = run({0: (8.0, at(1, 0)), 1: (9.0, at(1, 0.1)), 2: (7.0, at(0, 1))})
    assert ends(decided) == [(1, True, -1), (0, False, 1), (2, True, 1)]


def test_of_equal_scores_the_one_begun_first_is_taken() -> None:
    assert ends(run({7: (9, at(1, 0)), 2: (9, at(1, 0)), 5: (9, at(1, 0))})) == [
        (2, True, -1),
        (5, False, 2),
        (7, False, 2),
    ]


def test_a_duplicate_blocks_nothing() -> None:
    # 1 is near 0 and 2 is near 1, but 2 is far enough from 0.
    decided = run({0: (9, at(1, 0)), 1: (8, at(1, 0.4)), 2: (7, at(1, 0.8))})
    assert [d.accepted for d in decided] == [True, False, True]


def test_the_pool_comes_before_everything() -> None:
    pool = known(at(0, 1), at(1, 0))
    decided = run({0: (10, at(1, 0.05)), 1: (1, at(1, -1))}, pool)
    assert ends(decided) == [(0, False, "seed-1"), (1, True, "seed-1")]
    assert decided[1].similarity == pytest.approx(0.7071, abs=1e-4)


@pytest.mark.parametrize("cosine", [0.5, 0.75, 1.0])
def test_a_cosine_of_exactly_the_threshold_is_a_duplicate(cosine: float) -> None:
    other = np.array([cosine, (1 - cosine**2) ** 0.5], dtype=np.float32)
    assert not run({0: (9, other)}, known(at(1, 0)), below=cosine)[0].accepted
    shy = np.array([cosine - 1e-3, 0], dtype=np.float32)
    assert run({0: (9, shy)}, known(at(1, 0)), below=cosine)[0].accepted


def test_the_first_of_an_empty_pool_has_nothing_to_be_near_to() -> None:
    assert run({0: (9, at(1, 0))})[0].similarity is None
    assert run({}) == []


def test_opposites_are_no_duplicates() -> None:
    decided = run({0: (9, at(1, 0)), 1: (8, at(-1, 0))}, below=0.1)
    assert [d.accepted for d in decided] == [True, True]
    assert decided[1].similarity == -1


def one_by_one(
    rows: Mapping[int, tuple[float, Vectors]], pool: Sequence[Vectors], below: float
) -> list[tuple[int, bool, int | str, float | None]]:
    """The rule as it is written down: best first, each against the pool and all that were accepted before it."""
    taken: list[tuple[int | str, Vectors]] = [(f"seed-{n}", vector) for n, vector in enumerate(pool)]
    decided: list[tuple[int, bool, int | str, float | None]] = []
    for index, (_, vector) in sorted(rows.items(), key=lambda row: (-row[1][0], row[0])):
        cosines = [float(other @ vector) for _, other in taken]
        most = max(cosines, default=None)
        near = taken[cosines.index(most)][0] if most is not None else -1
        accepted = most is None or most < below
        decided.append((index, accepted, near, most))
        if accepted:
            taken.append((index, vector))
    return decided


EIGHTHS = st.lists(st.integers(-4, 4), min_size=3, max_size=3).map(lambda v: np.array(v, np.float32) / 8)
"""Of few directions, so that there are many near and many equal ones; products of them are exact in any order."""


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(6, 9), EIGHTHS), max_size=24),
    st.lists(EIGHTHS, max_size=4),
    st.sampled_from([0.125, 0.25, 0.375]),
    st.randoms(),
    st.integers(1, 5),
    st.sampled_from([4096, 3]),
)
def test_it_is_the_rule_whatever_the_order_of_arrival_and_the_size_of_blocks(
    samples: list[tuple[int, Vectors]],
    pool: list[Vectors],
    below: float,
    draw: random.Random,
    block: int,
    learnt_from: int,
) -> None:
    rows = {index: (float(score), vector) for index, (score, vector) in enumerate(samples)}
    expected = one_by_one(rows, pool, below)
    arrivals = list(rows)
    draw.shuffle(arrivals)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "BLOCK", block)
        shrink(patch, learnt_from)
        selection = Selection(known(*pool), below)
        for n, index in enumerate(arrivals, 1):
            selection.add(index, *rows[index], group=str(index % 2))
            if draw.random() < 0.5:  # counted at any moment, it is the rule for those that have come
                so_far = one_by_one({i: rows[i] for i in arrivals[:n]}, pool, below)
                counted = Counter(str(i % 2) for i, accepted, *_ in so_far if accepted)
                assert +selection.accepted() == counted
                assert selection.duplicates == {i for i, accepted, *_ in so_far if not accepted}
        decided = list(selection.decisions())
    assert [(*e, d.similarity) for e, d in zip(ends(decided), decided, strict=True)] == expected


def shrink(patch: pytest.MonkeyPatch, learnt_from: int) -> None:
    """What holds of large selections, of small ones: vectors on disk, outlines from so many on, of one axis."""
    patch.setattr(matrix, "PIECE", 4)
    patch.setattr(dedup, "PIECE", 4)
    patch.setattr(sieve, "PIECE", 8)
    patch.setattr(sieve, "TILE", 4)
    patch.setattr(sieve, "LEARNT_FROM", learnt_from)
    patch.setattr(sieve, "DIMENSIONS", (1, 2))
    patch.setattr(sieve, "WHOLE", 0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(6, 9), EIGHTHS), max_size=24),
    st.lists(EIGHTHS, max_size=4),
    st.sampled_from([0.125, 0.25, 0.375]),
    st.sampled_from([4096, 3]),
)
def test_beyond_the_limit_the_same_are_accepted_and_what_is_not_has_its_nearest(
    samples: list[tuple[int, Vectors]], pool: list[Vectors], below: float, learnt_from: int
) -> None:
    rows = {index: (float(score), vector) for index, (score, vector) in enumerate(samples)}
    expected = one_by_one(rows, pool, below)
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch, learnt_from)
        patch.setattr(dedup, "NEAREST_UP_TO", -1)
        decided = run(rows, known(*pool), below)
    for decision, (index, accepted, near, similarity) in zip(decided, expected, strict=True):
        if accepted:
            assert decision == Decision(index, True, None)
        else:
            assert (*ends([decision])[0], decision.similarity) == (index, False, near, similarity)


def test_copies_take_no_room_for_each_pair() -> None:
    copies = 1200
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "BLOCK", 16)
        selection = Selection(Known(), 0.9)
        tracemalloc.start()
        try:
            for n in range(copies):
                selection.add(n, float(n % 7), at(1, 2, 3))
            assert selection.accepted().total() == 1
            held = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert [d.index for d in selection.decisions() if d.accepted] == [6]
    assert held < copies * copies  # all pairs, each a number in two lists, would be eight times that


@given(st.integers(0, 2**32), st.floats(0.3, 0.99))
def test_what_is_accepted_is_far_apart(seed: int, below: float) -> None:
    draw = np.random.default_rng(seed)
    vectors = draw.standard_normal((40, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    decided = run({n: (n % 5, v) for n, v in enumerate(vectors[5:])}, known(*vectors[:5]), below)
    kept = np.array([*vectors[:5], *(vectors[5 + d.index] for d in decided if d.accepted)])
    apart = kept @ kept.T
    assert (apart[5:][np.tril(np.ones_like(apart), -1)[5:] > 0] < below + 1e-6).all()
    assert all(d.similarity is not None and (d.similarity < below) == d.accepted for d in decided)
