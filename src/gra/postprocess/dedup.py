"""Greedy semantic de-duplication in descending score order against the pool (as in the paper).

What is decided depends on exact cosines alone, not on the order in which samples come or on how many are compared at
once: products of blocks in float32 only say which pairs need to be looked at.

Pure arithmetic on unit vectors; where they come from is not its business.
"""

from __future__ import annotations

import heapq
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gra.postprocess.matrix import PIECE, Matrix, Vectors, cosine, uncertainty
from gra.postprocess.sieve import Places, Sieve

BLOCK = 256
"""Vectors compared at once. Fewer keep a core's arithmetic less busy, more take more room."""
NEAREST_UP_TO = 200_000
"""Vectors, of pool and samples together, up to which the nearest of every sample is looked for. Beyond, only that of
those that are not accepted is: for the others it takes whole products of all pairs, and decides nothing."""
_NEVER = np.float32(-4)
"""Added to a cosine that does not count."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is in the pool already: ids and their unit vectors."""

    ids: Sequence[str] = ()
    vectors: Matrix = field(default_factory=Matrix)


@dataclass(frozen=True, slots=True)
class Decision:
    """What de-duplication says of one sample."""

    index: int
    """Its number as a candidate."""
    accepted: bool
    similarity: float | None
    """Largest cosine to the pool and to better samples that are accepted, in [-1, 1].

    None where there are none; and, of an accepted sample, where there are more vectors than `NEAREST_UP_TO`.
    """
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
        pool: what all must differ from, besides each other. It is used up: samples are appended to its vectors.
        below: cosine that a sample must stay below, in (0, 1].
    """

    def __init__(self, pool: Known, below: float) -> None:
        assert len(pool.ids) == len(pool.vectors), "the pool has been used up"
        self._ids, self._vectors = pool.ids, pool.vectors
        self._sieve = Sieve(self._vectors, below)
        self._first = len(pool.ids)
        """The place of the first sample; the pool's come before."""
        self._scores, self._indexes = array("d"), array("q")
        self._groups: list[str] = []
        self._rivals: dict[int, list[int]] = {}
        """Pairs of samples that exclude each other, by place."""
        self._out: set[int] = set()
        """Places of those that are excluded for good: near to the pool, or the same in all as a better one."""
        self._excluded: set[int] = set()
        """Places of those that are not accepted."""
        self.duplicates: set[int] = set()
        """The same by their numbers, as far as they have been compared."""
        self._compared = self._first
        self._accepted: Counter[str] = Counter()

    def add(self, index: int, score: float, vector: Vectors, group: str = "") -> None:
        """One more sample that passed.

        Args:
            index: its number.
            score: higher is better.
            vector: of length 1.
            group: under which it is counted in `accepted`.

        Raises:
            StoreError: vectors beyond the first few thousand cannot be written to a temporary file.
        """
        self._vectors.append(vector)
        self._scores.append(score)
        self._indexes.append(index)
        self._groups.append(group)
        if len(self._vectors) - self._compared == BLOCK:
            self._compare()

    def accepted(self) -> Counter[str]:
        """How many are accepted as things stand, by group."""
        self._compare()
        return self._accepted

    def decisions(self) -> Iterator[Decision]:
        """What is said of each, best first. It ends the selection: nothing can be added or counted after it."""
        self._compare()
        indexes = np.array(self._indexes, np.int64)
        order = np.lexsort((indexes, -np.array(self._scores, np.float64)))
        accepted = np.ones(len(self._vectors), bool)
        accepted[list(self._excluded)] = False
        if len(self._vectors) <= NEAREST_UP_TO:
            nearest = self._nearest_of_all(order + self._first, accepted)
        else:
            nearest = self._nearest_of_excluded(order + self._first, accepted)
        for own, (near, similarity) in zip(order, nearest, strict=True):
            decision = Decision(int(indexes[own]), bool(accepted[self._first + own]), similarity)
            if near >= self._first:
                decision = replace(decision, near_index=int(indexes[near - self._first]))
            elif near >= 0:
                decision = replace(decision, near_pool=self._ids[near])
            yield decision

    def _rank(self, place: int) -> tuple[float, int]:
        """Sorts the better one first, and the pool before all."""
        own = place - self._first
        return (-self._scores[own], self._indexes[own]) if own >= 0 else (-math.inf, own)

    def _compare(self) -> None:
        """Find the rivals of those that have come since, and settle who is accepted."""
        begin, end = self._compared, len(self._vectors)
        if begin == end:
            return
        self._compared = end
        self._accepted.update(self._groups[begin - self._first :])  # until something speaks against it
        touched = set[int]()
        for row, other, same in self._sieve.near(np.arange(begin, end), end):
            place = begin + row
            if other >= place or place in self._out or other in self._out:
                continue
            touched.add(place)
            if other < self._first or same:
                out = max(place, other, key=self._rank)
                self._out.add(out)
                self._sieve.hide(out)
                touched.add(out)
            else:
                self._rivals.setdefault(place, []).append(other)
                self._rivals.setdefault(other, []).append(place)
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
            excluded = place in self._out or any(
                other not in self._excluded and self._rank(other) < rank for other in rivals
            )
            if excluded == (place in self._excluded):
                continue
            own = place - self._first
            (self._excluded.add if excluded else self._excluded.remove)(place)
            (self.duplicates.add if excluded else self.duplicates.remove)(self._indexes[own])
            self._accepted[self._groups[own]] += -1 if excluded else 1
            for other in rivals:
                if self._rank(other) > rank:
                    heapq.heappush(waiting, (self._rank(other), other))

    def _nearest_of_all(self, order: Places, accepted: NDArray[np.bool_]) -> Iterator[tuple[int, float | None]]:
        """For each in order what is nearest among pool and better accepted ones, and how near; (-1, None) for nothing.

        Those that count are put in order on the way, so that all before a block are rows of a matrix again.
        """
        before, places = Matrix(self._vectors.folder), array("q", range(self._first))
        everything = np.zeros((1, 1), np.float32)
        for begin in range(0, len(order), BLOCK):
            block = order[begin : begin + BLOCK]
            vectors, counts = self._vectors.take(block), accepted[block]
            found = _Nearest(vectors)
            for start, piece in self._vectors.pieces(0, self._first):
                found.look(start, piece, everything)
            for start, piece in before.pieces():
                found.look(self._first + start, piece, everything)
            better = np.tri(len(block), k=-1, dtype=bool)  # in the block itself only what is better counts
            found.look(len(places), vectors, np.where(better & counts, np.float32(0), _NEVER))
            here = array("q", block.tolist())
            for near, similarity in found.result():
                if near < 0:
                    yield -1, None
                else:
                    yield places[near] if near < len(places) else here[near - len(places)], similarity
            for row in np.flatnonzero(counts):
                before.append(vectors[row])
                places.append(here[row])

    def _nearest_of_excluded(self, order: Places, accepted: NDArray[np.bool_]) -> Iterator[tuple[int, float | None]]:
        """The same, but (-1, None) for whatever is accepted."""
        for place in self._excluded:
            self._sieve.hide(place)
        for begin in range(0, len(order), PIECE):
            piece = order[begin : begin + PIECE]
            block = piece[~accepted[piece]]
            best: dict[int, tuple[float, tuple[float, int], int]] = {}
            for row, other, _ in self._sieve.near(block, len(self._vectors)):
                place, rank = int(block[row]), self._rank(other)
                if accepted[other] and rank < self._rank(place):
                    found = (-cosine(*self._vectors.take([place, other])), rank, other)
                    best[place] = min(found, best.get(place, found))
            for place in piece.tolist():
                yield (best[place][2], -best[place][0]) if place in best else (-1, None)


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
            self._may_be[row] += [(float(found[row, place]), start + int(place), piece[place].copy()) for place in near]

    def result(self) -> list[tuple[int, float]]:
        """For each row, which place is nearest, the first of equals, and its cosine; (-1, -1) where none counts."""
        return [self._of(row) for row in range(len(self._block))]

    def _of(self, row: int) -> tuple[int, float]:
        least = self._best[row] - self._margin
        exact = [(cosine(self._block[row], v), -place) for value, place, v in self._may_be[row] if value >= least]
        nearness, place = max(exact, default=(-1.0, 1))
        return -place, nearness
