from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.ids import sample_id
from gra.postprocess.dedup import Known, Vectors, select
from gra.records import Cast, Sample, Status

CAST = Cast("g", ("r",), "a")


def sample(index: int, score: float) -> Sample:
    return Sample(sample_id(1, index), 1, index, "Math", CAST, score=score)


def at(*numbers: float) -> Vectors:
    vector = np.array(numbers, dtype=np.float32)
    unit: Vectors = vector / np.linalg.norm(vector)
    return unit


NOTHING = Known((), np.zeros((0, 2), dtype=np.float32))


def ends(decided: Sequence[Sample]) -> list[tuple[int, str, str]]:
    return [(s.index, str(s.status), s.duplicate_of) for s in decided]


def run(rows: Mapping[int, tuple[float, Vectors]], pool: Known = NOTHING, below: float = 0.9) -> list[Sample]:
    samples = [sample(index, score) for index, (score, _) in rows.items()]
    return select(samples, {sample_id(1, index): v for index, (_, v) in rows.items()}, pool, below)


def test_the_best_is_taken_first_and_blocks_the_rest() -> None:
    decided = run({0: (8.0, at(1, 0)), 1: (9.0, at(1, 0.1)), 2: (7.0, at(0, 1))})
    assert ends(decided) == [(1, "accepted", ""), (0, "duplicate", "r01-00001"), (2, "accepted", "")]
    assert "r01-00001" in decided[1].reason


def test_of_equal_scores_the_one_begun_first_is_taken() -> None:
    assert ends(run({7: (9, at(1, 0)), 2: (9, at(1, 0)), 5: (9, at(1, 0))})) == [
        (2, "accepted", ""),
        (5, "duplicate", "r01-00002"),
        (7, "duplicate", "r01-00002"),
    ]


def test_a_duplicate_blocks_nothing() -> None:
    # 1 is near 0 and 2 is near 1, but 2 is far enough from 0.
    decided = run({0: (9, at(1, 0)), 1: (8, at(1, 0.4)), 2: (7, at(1, 0.8))})
    assert [s.status for s in decided] == [Status.ACCEPTED, Status.DUPLICATE, Status.ACCEPTED]


def test_the_pool_comes_before_everything() -> None:
    pool = Known(("seed-00000", "seed-00001"), np.stack([at(0, 1), at(1, 0)]))
    decided = run({0: (10, at(1, 0.05)), 1: (1, at(1, -1))}, pool)
    assert ends(decided) == [(0, "duplicate", "seed-00001"), (1, "accepted", "")]
    assert decided[1].similarity == pytest.approx(0.7071, abs=1e-4)


@pytest.mark.parametrize("cosine", [0.5, 0.75, 1.0])
def test_a_cosine_of_exactly_the_threshold_is_a_duplicate(cosine: float) -> None:
    other = np.array([cosine, (1 - cosine**2) ** 0.5], dtype=np.float32)
    pool = Known(("seed",), np.array([[1, 0]], dtype=np.float32))
    assert run({0: (9, other)}, pool, below=cosine)[0].status == Status.DUPLICATE
    shy = np.array([cosine - 1e-3, 0], dtype=np.float32)
    assert run({0: (9, shy)}, pool, below=cosine)[0].status == Status.ACCEPTED


def test_the_first_of_an_empty_pool_has_nothing_to_be_near_to() -> None:
    assert run({0: (9, at(1, 0))})[0].similarity is None
    assert run({}) == []


def test_opposites_are_no_duplicates() -> None:
    decided = run({0: (9, at(1, 0)), 1: (8, at(-1, 0))}, below=0.1)
    assert [s.status for s in decided] == [Status.ACCEPTED, Status.ACCEPTED]
    assert decided[1].similarity == -1


@given(st.integers(0, 2**32), st.integers(0, 12), st.integers(0, 4), st.floats(0.3, 0.99))
def test_what_is_accepted_is_far_apart_whatever_the_order_of_arrival(
    seed: int, size: int, known: int, below: float
) -> None:
    draw = random.Random(seed)

    def somewhere() -> Vectors:
        return at(*(draw.gauss(0, 1) for _ in range(3)))

    pool = Known(tuple(f"seed-{n}" for n in range(known)), np.array([somewhere() for _ in range(known)]).reshape(-1, 3))
    samples = [sample(n, draw.randint(6, 9)) for n in range(size)]
    vectors = {s.id: somewhere() for s in samples}
    decided = select(samples, vectors, pool, below)

    draw.shuffle(samples)
    assert select(samples, vectors, pool, below) == decided
    assert [(-s.score, s.index) for s in decided] == sorted((-s.score, s.index) for s in samples)

    taken = dict(zip(pool.ids, pool.vectors, strict=True))
    for found in decided:
        near = {name: float(vector @ vectors[found.id]) for name, vector in taken.items()}
        assert found.similarity == (pytest.approx(max(near.values()), abs=1e-6) if near else None)
        if found.status == Status.ACCEPTED:
            assert all(cosine < below + 1e-6 for cosine in near.values())
            assert not found.duplicate_of
            taken[found.id] = vectors[found.id]
        else:
            assert found.status == Status.DUPLICATE
            assert near[found.duplicate_of] == pytest.approx(max(near.values()), abs=1e-6)
            assert near[found.duplicate_of] >= below - 1e-6
            assert found.reason
