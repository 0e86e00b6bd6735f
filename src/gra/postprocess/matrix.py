"""Many unit vectors in little memory, and the exact cosine of two. Pure arithmetic but for a file; knows no samples."""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gra.errors import StoreError

Vectors = NDArray[np.float32]
PIECE = 4096
"""Rows read at once, and most that are in memory."""


class Matrix:
    """Vectors of one length, one below the other, float32.

    Only the last piece is in memory. Those before it are in a file without a name, which ends with the matrix or with
    the process: there is nothing to clear away, and nothing to find after a crash.

    Args:
        folder: on the disk where the file is to be, if there are so many vectors; None is the system's temporary one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._file: FileIO | None = None
        self._last: Vectors = np.empty((0, 0), np.float32)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, vector: Vectors) -> None:
        """Put one more at the end.

        Raises:
            StoreError: the file cannot be written.
        """
        inside = self._length % PIECE
        if not inside:
            self._write_last()
            self._last = np.empty((PIECE, len(vector)), np.float32)
        self._last[inside] = vector
        self._length += 1

    def rows(self, begin: int, end: int) -> Vectors:
        """The rows from `begin` to before `end`, which are no more than can be in memory."""
        written = self._written
        if begin >= written or begin == end:
            return self._last[max(0, begin - written) : max(0, end - written)]
        found = np.empty((end - begin, self._last.shape[1]), np.float32)
        self._read(begin, found[: written - begin])
        found[written - begin :] = self._last[: max(0, end - written)]
        return found

    def take(self, places: Sequence[int] | NDArray[np.intp]) -> Vectors:
        """The rows at these places, in their order."""
        written = self._written
        found = np.empty((len(places), self._last.shape[1]), np.float32)
        for row, place in enumerate(places):
            if place >= written:
                found[row] = self._last[place - written]
            else:
                self._read(int(place), found[row : row + 1])
        return found

    def pieces(self, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, Vectors]]:
        """The rows from `begin` to before `end`, piece by piece, each with the place of its first row."""
        end = self._length if end is None else end
        for start in range(begin, end, PIECE):
            yield start, self.rows(start, min(start + PIECE, end))

    @property
    def _written(self) -> int:
        return max(0, self._length - 1) // PIECE * PIECE

    def _write_last(self) -> None:
        if not self._length:
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115 (closed with self)
                weakref.finalize(self, self._file.close)
            self._file.seek((self._length - PIECE) * self._last.itemsize * self._last.shape[1])
            remaining = self._last.data.cast("B")
            while remaining:
                remaining = remaining[self._file.write(remaining) :]
        except OSError as error:
            place = self.folder or tempfile.gettempdir()
            raise StoreError(
                f"Embeddings of what has passed cannot be written in {place}: {error}. Make room there, then resume."
            ) from error

    def _read(self, place: int, into: Vectors) -> None:
        assert self._file is not None
        self._file.seek(place * self._last.shape[1] * self._last.itemsize)
        remaining = into.data.cast("B")
        while remaining:
            remaining = remaining[self._file.readinto(remaining) or _cut_off() :]


def _cut_off() -> int:
    raise StoreError("A temporary file of embeddings has been cut off while it was in use. Resume the run.")


def cosine(one: Vectors, other: Vectors) -> float:
    """The inner product of two unit vectors, correctly rounded: the same whichever comes first, on any machine."""
    return math.fsum(np.multiply(one, other, dtype=np.float64).tolist())  # each product is exact


def uncertainty(dimensions: int) -> float:
    """A bound on how far a product of two unit vectors in float32 is from `cosine`, however it was summed."""
    return 2 * dimensions * float(np.finfo(np.float32).eps)
