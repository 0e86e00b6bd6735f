"""Every pair of near vectors, though most pairs are told apart by a few numbers of each: an index that misses none.

Vectors are turned so that their first dimensions hold as much of their length as can be (the principal axes of the
first of them). The product of two is that of their first dimensions, and no more than the lengths of what is left,
multiplied (the inequality of Cauchy and Schwarz). Where this bound is below the limit there is nothing to find; the
other pairs are compared whole. So what is found does not depend on the axes, only how fast it is.

Pure arithmetic on unit vectors; knows no samples.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gra.postprocess.matrix import PIECE, Matrix, Vectors, cosine, uncertainty

LEARNT_FROM = 4096
"""Vectors that the axes are taken from. As long as there are fewer, all are compared whole."""
TILE = 1024
"""Vectors that a block is compared with at once: its bounds then fit into a core's cache."""
DIMENSIONS = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""How many may be kept of each vector."""
WHOLE = 50_000
"""What it costs to compare one pair whole, in dimensions of a pair in a block (measured: about a microsecond)."""
CROWDED = 0.02
"""Share of a tile's pairs from which on it is cheaper to compare all of them whole."""
AT_ONCE = 1024
"""Pairs that are compared whole at once."""

Places = NDArray[np.intp]


class Sieve:
    """Finds the pairs whose cosine is not below a limit.

    Args:
        rows: may grow while the sieve is used.
        below: the limit, in (0, 1].
    """

    def __init__(self, rows: Matrix, below: float) -> None:
        self._rows, self._below = rows, below
        self._learnt = False
        self._axes: NDArray[np.float64] | None = None
        """One in each column; none where there are too few vectors yet, or where axes would not pay."""
        self._outlines: list[Vectors] = []
        """Of each vector the first dimensions along the axes, and the length of what is left."""
        self._outlined = 0
        self._hidden = bytearray()
        """Whether each is."""

    def hide(self, place: int) -> None:
        """This one need not be found any more, and at no limit that tells anything apart is."""
        self._hidden.extend(bytes(max(0, place + 1 - len(self._hidden))))
        self._hidden[place] = True
        if place < self._outlined:
            self._outlines[place // PIECE][place % PIECE] = 0

    def near(self, places: Places, end: int) -> Iterator[tuple[int, int, bool]]:
        """Pairs of a number in `places` and a place before `end`, and whether their vectors are the same in all.

        A vector is near to itself, and pairs within the block come both ways.
        """
        self._prepare(end)
        block = self._rows.take(places)
        short = block if self._axes is None else _outline(block, self._axes)
        least = np.float32(self._below - 2 * uncertainty(short.shape[1]))  # twice: outlines are rounded, too
        waiting: list[tuple[Places, Places]] = []
        pairs = 0
        for start, tile in self._tiles(end):
            bounds = short @ tile.T
            if self._axes is None:
                bounds[:, self._hidden_among(start, len(tile))] = -1
            rows = np.flatnonzero(bounds.max(axis=1) >= least)
            if not len(rows):
                continue
            row, other = np.nonzero(bounds[rows] >= least)
            if self._axes is not None and len(row) > CROWDED * bounds.size:
                whole = block[rows] @ self._rows.rows(start, start + len(tile)).T
                near = whole >= np.float32(self._below - uncertainty(block.shape[1]))
                row, other = np.nonzero(near & (bounds[rows] >= least))
            waiting.append((rows[row], start + other))
            pairs += len(row)
            if pairs >= 64 * AT_ONCE:
                yield from self._compare(block, waiting)
                waiting, pairs = [], 0
        yield from self._compare(block, waiting)

    def _compare(self, block: Vectors, waiting: list[tuple[Places, Places]]) -> Iterator[tuple[int, int, bool]]:
        """Of these pairs those that are near."""
        if not waiting:
            return
        all_rows, all_others = (np.concatenate(part) for part in zip(*waiting, strict=True))
        margin = uncertainty(block.shape[1])
        for begin in range(0, len(all_rows), AT_ONCE):
            rows, others = all_rows[begin : begin + AT_ONCE], all_others[begin : begin + AT_ONCE]
            distinct, which = np.unique(others, return_inverse=True)
            ours, theirs = block[rows], self._rows.take(distinct)[which]
            cosines = np.einsum("ij,ij->i", ours, theirs)
            may_be = np.flatnonzero(cosines >= np.float32(self._below - margin))
            same = (ours[may_be] == theirs[may_be]).all(axis=1)
            for pair, alike in zip(may_be, same, strict=True):
                if cosines[pair] >= self._below + margin or cosine(ours[pair], theirs[pair]) >= self._below:
                    yield int(rows[pair]), int(others[pair]), bool(alike)

    def _tiles(self, end: int) -> Iterator[tuple[int, Vectors]]:
        """What a block is multiplied with: outlines, or whole vectors as long as there are no axes."""
        if self._axes is None:
            yield from self._rows.pieces(0, end)
            return
        for start in range(0, end, PIECE):
            piece = self._outlines[start // PIECE][: end - start]
            for inside in range(0, len(piece), TILE):
                yield start + inside, piece[inside : inside + TILE]

    def _prepare(self, end: int) -> None:
        """See that there are outlines of all before `end`, if there are so many that it is worth while."""
        if not self._learnt and end >= LEARNT_FROM:
            self._axes, self._learnt = axes(self._rows.rows(0, LEARNT_FROM), self._below), True
        if self._axes is None:
            return
        while self._outlined < end:
            begin, inside = self._outlined, self._outlined % PIECE
            if not inside:
                self._outlines.append(np.empty((PIECE, self._axes.shape[1] + 1), np.float32))
            self._outlined = min(end, begin - inside + PIECE)
            rows = self._rows.rows(begin, self._outlined)
            outlines = self._outlines[-1][inside : inside + len(rows)]
            outlines[:] = _outline(rows, self._axes)
            outlines[self._hidden_among(begin, len(rows))] = 0

    def _hidden_among(self, start: int, count: int) -> Places:
        return np.flatnonzero(np.frombuffer(self._hidden[start : start + count], np.int8))


def axes(sample: Vectors, below: float) -> NDArray[np.float64] | None:
    """The principal axes of these vectors, as many as make the work least; shape (dimensions, how many).

    None if it is less work to compare all pairs whole.
    """
    rows = sample.astype(np.float64)
    turned = np.linalg.eigh(rows.T @ rows).eigenvectors[:, ::-1]
    del rows
    least, chosen = float(sample.shape[1]), 0
    for kept in DIMENSIONS:
        if kept >= least:
            break
        outlines = _outline(sample, turned[:, :kept])
        some = outlines[::8]
        doubtful = np.count_nonzero(some @ outlines.T >= below) - len(some)  # each with itself is not one
        work = kept + WHOLE * doubtful / (len(some) * len(outlines))
        if work < least:
            least, chosen = work, kept
    return np.ascontiguousarray(turned[:, :chosen]) if chosen else None


def _outline(rows: Vectors, axes: NDArray[np.float64]) -> Vectors:
    """The rows along the axes, and the lengths of what is left of them: shape (rows, axes + 1)."""
    whole = rows.astype(np.float64)
    along = whole @ axes
    of_all, of_these = (np.einsum("ij,ij->i", part, part) for part in (whole, along))  # squares of lengths
    left = np.sqrt(np.maximum(0, of_all - of_these))
    return np.column_stack([along, left]).astype(np.float32)
