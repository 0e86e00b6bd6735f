"""A map of texts: their embeddings in two dimensions. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Map(NamedTuple):
    """Where texts lie on a map."""

    places: NDArray[np.float64]
    """Shape (n, 2), scaled to lie in [-1, 1]."""
    explained: float
    """Share of the embeddings' variance that the two dimensions show, in [0, 1]."""


def project(vectors: NDArray[np.float32]) -> Map:
    """The first two principal components of vectors, shape (n, dimensions).

    A component's sign is chosen so that its largest weight is positive: the same vectors give the same map.
    """
    if len(vectors) < 2:
        return Map(np.zeros((len(vectors), 2)), 1.0)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    first = axes[:, ::-1][:, :2]
    first = first * np.sign(first[np.abs(first).argmax(axis=0), range(first.shape[1])])
    places = centred @ first
    if places.shape[1] < 2:  # one dimension is all there is
        places = np.hstack([places, np.zeros((len(places), 1))])
    total = float(variances.clip(0).sum())
    explained = float(variances[::-1][:2].clip(0).sum()) / total if total else 1.0
    return Map(places / max(float(np.abs(places).max()), 1e-12), explained)
