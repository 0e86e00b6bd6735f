from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.postprocess import dedup, matrix
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


@given(
    st.lists(st.tuples(st.integers(6, 9), EIGHTHS), max_size=24),
    st.lists(EIGHTHS, max_size=4),
    st.sampled_from([0.125, 0.25, 0.375]),
    st.randoms(),
    st.integers(1, 5),
)
def test_it_is_the_rule_whatever_the_order_of_arrival_and_the_size_of_blocks(
    samples: list[tuple[int, Vectors]], pool: list[Vectors], below: float, draw: random.Random, block: int
) -> None:
    rows = {index: (float(score), vector) for index, (score, vector) in enumerate(samples)}
    expected = one_by_one(rows, pool, below)
    arrivals = list(rows)
    draw.shuffle(arrivals)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "BLOCK", block)
        patch.setattr(matrix, "PIECE", 4)
        selection = Selection(known(*pool), below)
        for n, index in enumerate(arrivals, 1):
            selection.add(index, *rows[index], group=str(index % 2))
            if draw.random() < 0.5:  # counted at any moment, it is the rule for those that have come
                so_far = one_by_one({i: rows[i] for i in arrivals[:n]}, pool, below)
                counted = Counter(str(i % 2) for i, accepted, *_ in so_far if accepted)
                assert +selection.accepted() == counted
        decided = list(selection.decisions())
    assert [(*e, d.similarity) for e, d in zip(ends(decided), decided, strict=True)] == expected


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
