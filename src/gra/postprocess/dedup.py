"""Greedy semantic de-duplication in descending score order against the pool (as in the paper).

Pure arithmetic on unit vectors; where they come from is not its business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gra.records import Sample, Status

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Known:
    """What is in the pool already: ids and their unit vectors, shape (n, dimensions)."""

    ids: tuple[str, ...]
    vectors: Vectors


def select(passed: Sequence[Sample], vectors: Mapping[str, Vectors], pool: Known, below: float) -> list[Sample]:
    """Each sample as `accepted`, with its largest cosine, or as a `duplicate` of what it is too close to.

    Args:
        passed: samples that the review let through.
        vectors: a unit vector for each sample's id.
        pool: what they must differ from, besides each other.
        below: cosine that a sample must stay below, in (0, 1].

    Returns:
        All of `passed`, best first. Ties go to the candidate that was begun first, so the order is total.
    """
    ordered = sorted(passed, key=lambda s: (-s.score, s.index))
    ids = list(pool.ids)
    # One matrix, filled as samples are chosen: the pool once, then the round's own.
    known = np.empty((len(ids) + len(ordered), _dimensions(ordered, vectors)), np.float32)
    if len(ids) and len(ordered):
        known[: len(ids)] = pool.vectors
    decided = []
    for sample in ordered:
        vector = vectors[sample.id]
        nearest, cosine = _nearest(vector, known[: len(ids)])
        if nearest >= 0 and cosine >= below:
            reason = f"cosine {cosine:.3f} to {ids[nearest]}, {below:g} or more"
            twin = replace(sample, status=Status.DUPLICATE, reason=reason, duplicate_of=ids[nearest], similarity=cosine)
            decided.append(twin)
            continue
        decided.append(replace(sample, status=Status.ACCEPTED, similarity=cosine if nearest >= 0 else None))
        known[len(ids)] = vector
        ids.append(sample.id)
    return decided


def _dimensions(samples: Sequence[Sample], vectors: Mapping[str, Vectors]) -> int:
    return len(vectors[samples[0].id]) if samples else 0


def _nearest(vector: Vectors, others: Vectors) -> tuple[int, float]:
    if not len(others):
        return -1, -1.0
    cosines = others @ vector
    place = int(np.argmax(cosines))
    return place, float(cosines[place])
