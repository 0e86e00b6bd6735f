"""Greedy semantic de-duplication in descending score order against the pool (paper, section 1.6).

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
    ids, chosen = list(pool.ids), [*pool.vectors]
    decided = []
    for sample in sorted(passed, key=lambda s: (-s.score, s.index)):
        vector = vectors[sample.id]
        nearest, cosine = _nearest(vector, chosen)
        if nearest >= 0 and cosine >= below:
            reason = f"cosine {cosine:.3f} to {ids[nearest]}, {below:g} or more"
            decided.append(
                replace(sample, status=Status.DUPLICATE, reason=reason, duplicate_of=ids[nearest], similarity=cosine)
            )
            continue
        decided.append(replace(sample, status=Status.ACCEPTED, similarity=cosine if nearest >= 0 else None))
        ids.append(sample.id)
        chosen.append(vector)
    return decided


def _nearest(vector: Vectors, others: Sequence[Vectors]) -> tuple[int, float]:
    if not others:
        return -1, -1.0
    cosines = np.stack(others) @ vector
    place = int(np.argmax(cosines))
    return place, float(cosines[place])
