"""Greedy semantic de-duplication in descending score order against the pool (as in the paper).

What is decided depends on exact cosines alone, not on the order in which samples come or on how many are compared at
once: products of blocks in float32 only say which pairs need to be looked at.

Pure arithmetic on unit vectors; where they come from is not its business.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gra.postprocess.matrix import Matrix, Vectors, cosine, uncertainty

BLOCK = 256
"""Vectors compared at once. Fewer keep a core's arithmetic less busy, more take more room."""
_NEVER = np.float32(-4)
"""Added to a cosine that does not count."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is in the pool already: ids and their unit vectors."""

    ids: Sequence[str] = ()
    vectors: Matrix = Matrix()  # noqa: RUF009 (nothing is ever appended to this one)


@dataclass(frozen=True, slots=True)
class Decision:
    """What de-duplication says of one sample."""

    index: int
    """Its number as a candidate."""
    accepted: bool
    similarity: float | None
    """Largest cosine to the pool and to better samples that are accepted, in [-1, 1]; None where there are none."""
    near_pool: str = ""
    """Id of the pool entry that it is most similar to, if that is more similar than any better sample."""
    near_index: int = -1
    """Else the number of that better sample."""


class Selection:
    """The samples that passed, and which of them are accepted as things stand.

    Samples are gone through best first; of equal scores the candidate that was begun first. Each is accepted if its
    cosines to the pool and to those accepted before it are all below the limit. What is not accepted blocks nothing.

    Adding one sample changes little: it is compared with the others once, and then only those near to it, near to
    those, and so on, are looked at again.

    Args:
        pool: what all must differ from, besides each other.
        below: cosine that a sample must stay below, in (0, 1].
    """

    def __init__(self, pool: Known, below: float) -> None:
        self._pool, self._below = pool, below
        self._vectors = Matrix()
        self._scores, self._indexes = array("d"), array("q")
        self._groups: list[str] = []
        self._rivals: dict[int, list[int]] = {}
        """Pairs that exclude each other, by place in `_vectors`."""
        self._known: set[int] = set()
        """Places of those that the pool excludes."""
        self._excluded: set[int] = set()
        """Places of those that are not accepted."""
        self.duplicates: set[int] = set()
        """The same by their numbers, as far as they have been compared."""
        self._compared = 0
        self._accepted: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._scores)

    def add(self, index: int, score: float, vector: Vectors, group: str = "") -> None:
        """One more sample that passed.

        Args:
            index: its number.
            score: higher is better.
            vector: of length 1.
            group: under which it is counted in `accepted`.
        """
        self._vectors.append(vector)
        self._scores.append(score)
        self._indexes.append(index)
        self._groups.append(group)
        if len(self) - self._compared == BLOCK:
            self._compare()

    def accepted(self) -> Counter[str]:
        """How many are accepted as things stand, by group."""
        self._compare()
        return self._accepted

    def decisions(self) -> Iterator[Decision]:
        """What is said of each, best first. It ends the selection: nothing can be added or counted after it."""
        self._compare()
        order = np.lexsort((np.array(self._indexes, np.int64), -np.array(self._scores, np.float64)))
        accepted = np.ones(len(self), bool)
        accepted[list(self._excluded)] = False
        accepted, indexes = accepted[order], np.array(self._indexes, np.int64)[order]
        self._vectors.reorder(order)
        for begin in range(0, len(order), BLOCK):
            end = min(begin + BLOCK, len(order))
            for place, (near, similarity) in enumerate(self._nearest(begin, end, accepted), begin):
                index, own = int(indexes[place]), near - len(self._pool.ids)
                if near < 0:
                    yield Decision(index, True, None)
                elif own < 0:
                    yield Decision(index, bool(accepted[place]), similarity, near_pool=self._pool.ids[near])
                else:
                    yield Decision(index, bool(accepted[place]), similarity, near_index=int(indexes[own]))

    def _rank(self, place: int) -> tuple[float, int]:
        return -self._scores[place], self._indexes[place]

    def _compare(self) -> None:
        """Find the rivals of those that have come since, and settle who is accepted."""
        begin, end = self._compared, len(self)
        if begin == end:
            return
        self._compared = end
        block = np.concatenate([piece for _, piece in self._vectors.pieces(begin, end)])
        self._known.update(begin + row for row, _ in near(block, self._pool.vectors.pieces(), self._below))
        for row, other in near(block, self._vectors.pieces(0, end), self._below):
            if other < begin + row:
                self._rivals.setdefault(begin + row, []).append(other)
                self._rivals.setdefault(other, []).append(begin + row)
        self._accepted.update(self._groups[begin:end])  # until something speaks against it
        touched = {place for place in range(begin, end) if place in self._known or place in self._rivals}
        self._settle(touched.union(*(self._rivals.get(place, ()) for place in touched)))

    def _settle(self, places: Iterable[int]) -> None:
        """Look at these again, the best first, and at all worse ones that are touched by a change.

        Whoever is looked at has only better ones to heed, and those have been looked at before.
        """
        waiting = [(self._rank(place), place) for place in places]
        heapq.heapify(waiting)
        while waiting:
            rank, place = heapq.heappop(waiting)
            rivals = self._rivals.get(place, ())
            excluded = place in self._known or any(
                other not in self._excluded and self._rank(other) < rank for other in rivals
            )
            if excluded == (place in self._excluded):
                continue
            (self._excluded.add if excluded else self._excluded.remove)(place)
            (self.duplicates.add if excluded else self.duplicates.remove)(self._indexes[place])
            self._accepted[self._groups[place]] += -1 if excluded else 1
            for other in rivals:
                if self._rank(other) > rank:
                    heapq.heappush(waiting, (self._rank(other), other))

    def _nearest(self, begin: int, end: int, accepted: NDArray[np.bool_]) -> list[tuple[int, float]]:
        """For each row of a block, in order of rank, what is nearest among pool and better accepted ones, and how near.

        The pool comes first; the nearest is -1 where there is nothing.
        """
        block = np.concatenate([piece for _, piece in self._vectors.pieces(begin, end)])
        found = _Nearest(block)
        for start, piece in self._pool.vectors.pieces():
            found.look(start, piece, np.zeros((1, len(piece)), np.float32))
        for start, piece in self._vectors.pieces(0, end):
            counts = np.where(accepted[start : start + len(piece)], np.float32(0), _NEVER)[None, :]
            if start + len(piece) > begin:  # in the block itself only what is better counts
                better = np.arange(start, start + len(piece))[None, :] < np.arange(begin, end)[:, None]
                counts = np.where(better, counts, _NEVER)
            found.look(len(self._pool.ids) + start, piece, counts)
        return found.result()


class _Nearest:
    """Finds each row's nearest, exactly, by looking closer at all that may be it."""

    def __init__(self, block: Vectors) -> None:
        self._block = block
        self._margin = np.float32(2 * uncertainty(block.shape[1]))
        self._best = np.full(len(block), _NEVER / 2, np.float32)
        self._may_be: list[list[tuple[float, int, Vectors]]] = [[] for _ in block]

    def look(self, start: int, piece: Vectors, counts: Vectors) -> None:
        """Compare with some more: `counts` is 0 where they count, -4 where they do not."""
        found = self._block @ piece.T
        found += counts
        highest = found.max(axis=1)
        for row in np.flatnonzero(highest >= self._best - self._margin):
            self._best[row] = best = max(self._best[row], highest[row])
            near = np.flatnonzero(found[row] >= best - self._margin)
            self._may_be[row] += [(float(found[row, place]), start + int(place), piece[place]) for place in near]

    def result(self) -> list[tuple[int, float]]:
        """For each row, which place is nearest, the first of equals, and its cosine; (-1, -1) where none counts."""
        return [self._of(row) for row in range(len(self._block))]

    def _of(self, row: int) -> tuple[int, float]:
        least = self._best[row] - self._margin
        exact = [(cosine(self._block[row], v), -place) for value, place, v in self._may_be[row] if value >= least]
        nearness, place = max(exact, default=(-1.0, 1))
        return -place, nearness


def near(block: Vectors, pieces: Iterator[tuple[int, Vectors]], below: float) -> Iterator[tuple[int, int]]:
    """Pairs of a row of the block and a place in the pieces whose cosine is not below the limit, exactly."""
    margin = uncertainty(block.shape[1])
    for start, piece in pieces:
        found = (block @ piece.T).ravel()
        for flat in np.flatnonzero(found >= np.float32(below - margin)):
            row, place = divmod(int(flat), len(piece))
            if found[flat] >= below + margin or cosine(block[row], piece[place]) >= below:
                yield row, start + place
