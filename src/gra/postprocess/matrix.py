"""Many unit vectors in little room, and the exact cosine of two. Pure arithmetic; knows no samples."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
PIECE = 4096
"""Rows in one array: what is multiplied at once stays small, and a matrix that grows copies nothing."""


class Matrix:
    """Vectors of one length, one below the other, float32."""

    def __init__(self) -> None:
        self._pieces: list[Vectors] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, place: int) -> Vectors:
        row: Vectors = self._pieces[place // PIECE][place % PIECE]
        return row

    def append(self, vector: Vectors) -> None:
        """Put one more at the end."""
        if self._length == PIECE * len(self._pieces):
            self._pieces.append(np.empty((PIECE, len(vector)), np.float32))
        self._length += 1
        self[self._length - 1][:] = vector

    def pieces(self, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, Vectors]]:
        """The rows from `begin` to before `end`, piece by piece, each with the place of its first row."""
        end = self._length if end is None else end
        while begin < end:
            inside = begin % PIECE
            part = self._pieces[begin // PIECE][inside : inside + end - begin]
            yield begin, part
            begin += len(part)

    def reorder(self, order: NDArray[np.intp]) -> None:
        """Row i becomes what was row `order[i]`, without a second matrix."""
        moved = np.zeros(len(order), bool)
        for first in range(len(order)):
            if moved[first] or order[first] == first:
                continue
            kept, place = self[first].copy(), first
            while (source := int(order[place])) != first:
                self[place][:] = self[source]
                moved[place] = True
                place = source
            self[place][:] = kept
            moved[place] = True


def cosine(one: Vectors, other: Vectors) -> float:
    """The inner product of two unit vectors, correctly rounded: the same whichever comes first, on any machine."""
    return math.fsum(np.multiply(one, other, dtype=np.float64).tolist())  # each product is exact


def uncertainty(dimensions: int) -> float:
    """A bound on how far a product of two unit vectors in float32 is from `cosine`, however it was summed."""
    return 2 * dimensions * float(np.finfo(np.float32).eps)
