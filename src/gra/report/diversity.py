"""How different texts are from each other, in numbers. Pure; given texts and unit vectors, knows no run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
QUANTILES = (0.05, 0.5, 0.95)
NEAR = 0.7
"""Cosine from which a sample counts as near a seed."""
BLOCK = 1000
"""Rows of a table of cosines that are there at once."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Nearest:
    """Each text's cosine to the nearest other."""

    n: int
    mean: float
    quantiles: tuple[float, ...]
    """At `QUANTILES`."""


def words(text: str) -> list[str]:
    """Lower-cased runs of letters and digits; a text in a script without blanks is few long ones."""
    return _WORD.findall(text.lower())


def distinct(texts: Iterable[Sequence[str]], n: int, most: int) -> float | None:
    """Distinct-n (Li et al. 2016, arXiv 1510.03055): different n-grams of all n-grams, in (0, 1].

    It falls as texts grow, so only corpora of one length can be compared.

    Args:
        texts: as words, in the order in which they count.
        n: 1 for words, 2 for pairs of words.
        most: words of all texts together that are looked at.

    Returns:
        None if there is no n-gram.
    """
    seen: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        cut = text[:most]
        most -= len(cut)
        for start in range(len(cut) - n + 1):
            seen.add(tuple(cut[start : start + n]))
            total += 1
    return len(seen) / total if total else None


def nearest(vectors: Vectors) -> Nearest | None:
    """Self-similarity: the cosine to the nearest other, over all; None of fewer than two.

    Args:
        vectors: unit rows, shape (texts, dimensions).
    """
    if len(vectors) < 2:
        return None
    found = np.empty(len(vectors), dtype=np.float64)
    for start in range(0, len(vectors), BLOCK):
        cosines = vectors[start : start + BLOCK] @ vectors.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        found[start : start + BLOCK] = cosines.max(axis=1)
    return Nearest(len(vectors), float(found.mean()), tuple(float(q) for q in np.quantile(found, QUANTILES)))


def covered(seeds: Vectors, samples: Vectors, near: float = NEAR) -> float | None:
    """Share of the seeds that have a sample within a cosine, in [0, 1]; None without seeds or samples.

    Args:
        seeds: unit rows, shape (seeds, dimensions).
        samples: unit rows, shape (samples, dimensions).
        near: the cosine.
    """
    if not len(seeds) or not len(samples):
        return None
    best = np.full(len(seeds), -np.inf, dtype=np.float32)
    for start in range(0, len(samples), BLOCK):
        np.maximum(best, (seeds @ samples[start : start + BLOCK].T).max(axis=1), out=best)
    return float((best >= near - 1e-6).mean())


def vendi(vectors: Vectors) -> float | None:
    """The Vendi score (Friedman and Dieng 2022, arXiv 2210.02410) with cosine as the kernel.

    The exponential of the entropy of the eigenvalues of K/n: the number of texts that, all unlike each other, would be
    as diverse. From 1 (all the same) to n. K = X X' and X' X have the same eigenvalues but for zeros, so the smaller is
    taken.

    Args:
        vectors: unit rows, shape (n, dimensions).

    Returns:
        None without any.
    """
    if not len(vectors):
        return None
    x = vectors.astype(np.float64)
    gram = x.T @ x if x.shape[1] < len(x) else x @ x.T
    values = np.linalg.eigvalsh(gram / len(x))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def unit(rows: Sequence[NDArray[np.float32]]) -> Vectors:
    """Vectors as unit rows; those of length 0 are left out. Shape (at most len(rows), dimensions)."""
    if not rows:
        return np.zeros((0, 1), np.float32)
    table = np.stack(rows).astype(np.float32)
    lengths = np.linalg.norm(table, axis=1)
    return np.asarray(table[lengths > 0] / lengths[lengths > 0, None], np.float32)
