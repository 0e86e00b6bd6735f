"""Training and test rows that have nothing in common: rows that are alike go to the same side, always.

Two rows are alike if their instructions are near in meaning (by the run's own embeddings) or the same in words, or if
they have the same keywords, the same seed, or the same passage of a document. What is alike to something alike is in
the same group, and a group is never divided. Which groups are for the test is drawn from the run's seed and the words
of the instructions, so the same rows are always divided in the same way, in whatever order and folder they are.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from gra.errors import ConfigError
from gra.ids import derived_seed
from gra.postprocess.dedup import BLOCK
from gra.postprocess.matrix import Matrix, Vectors
from gra.postprocess.sieve import Sieve
from gra.records import Sample

if TYPE_CHECKING:
    from gra.export.rows import Row

Side = Literal["train", "test"]
SAME_WORDS = 0.6
"""Cosine of `word_vector`s from which two instructions are alike, where there is no embedding to compare."""
WORD_DIMENSIONS = 512
LONGEST = 1000
"""Characters of an instruction whose words are compared, as many as are embedded."""


@dataclass(frozen=True, slots=True)
class Split:
    """Which row is on which side."""

    places: dict[str, int]
    """Of every row, by its key."""
    test: frozenset[int]
    """Places of the rows for the test."""
    groups: int
    largest: int
    """Rows of the largest group."""

    def side(self, row: Row) -> Side | None:
        """None for a row that was not there when the groups were made."""
        place = self.places.get(row.key)
        return None if place is None else "test" if place in self.test else "train"


class Grouping:
    """Rows, and which of them are alike.

    Args:
        above: cosine of two instructions' embeddings from which they are alike, in (0, 1].
    """

    def __init__(self, above: float) -> None:
        self._above = above
        self._places: dict[str, int] = {}
        self._parents = array("q")
        self._counts = bytearray()
        self._names = array("Q")
        """Of every row, a number that its instruction gives."""
        self._linked: dict[bytes, int] = {}
        self._vectors, self._embedded = Matrix(), array("q")
        """Embeddings, and the places of their rows."""
        self._unembedded = array("q")
        self._texts: list[str] = []
        """Of every row, as much of its instruction as is compared: for those that have no embedding."""

    def __len__(self) -> int:
        return len(self._parents)

    def add(self, row: Row, vector: Vectors | None, counts: bool = True) -> None:
        """One more row.

        Args:
            row: it.
            vector: embedding of its instruction, None if there is none.
            counts: whether it is a row that the share is measured by.
        """
        place = self._places[row.key] = len(self._parents)
        self._parents.append(place)
        self._counts.append(counts)
        self._names.append(int.from_bytes(_digest(row.sample.instruction)[:8], "big"))
        for link in _links(row.sample):
            self._join(place, self._linked.setdefault(link, place))
        self._texts.append(row.sample.instruction[:LONGEST])
        if vector is None:
            self._unembedded.append(place)
        else:
            self._vectors.append(_unit(vector))
            self._embedded.append(place)

    def split(self, share: float, seed: int) -> Split:
        """Divide them: groups are taken for the test in a drawn order while they fit into the share.

        Raises:
            ConfigError: no group fits.
        """
        for one, other in self._near():
            self._join(one, other)
        groups: dict[int, list[int]] = {}
        for place in range(len(self)):
            groups.setdefault(self._root(place), []).append(place)
        sizes = {root: sum(self._counts[place] for place in members) for root, members in groups.items()}
        drawn = sorted(groups, key=lambda root: derived_seed(seed, "split", min(self._names[p] for p in groups[root])))
        room = wanted = round(share * sum(self._counts))
        test: list[int] = []
        for root in drawn:
            if 0 < sizes[root] <= room:
                room -= sizes[root]
                test += groups[root]
        largest = max(sizes.values(), default=0)
        if room == wanted:
            raise ConfigError(
                f"no test of {wanted} of {sum(self._counts)} rows can be set apart: they fall into {len(groups)} "
                f"groups of rows that are alike, the largest of {largest}. Ask for a larger share, or call fewer rows "
                "alike with a higher --alike"
            )
        return Split(self._places, frozenset(test), len(groups), largest)

    def _near(self) -> Iterator[tuple[int, int]]:
        """Pairs of places whose instructions are near: by embedding, or by words where one of them has none."""
        for one, other in _pairs(self._vectors, self._above):
            yield self._embedded[one], self._embedded[other]
        if not self._unembedded:
            return
        words = Matrix()
        for text in self._texts:
            words.append(word_vector(text))
        alone = frozenset(self._unembedded)
        for one, other in _pairs(words, SAME_WORDS):
            if one in alone or other in alone:
                yield one, other

    def _root(self, place: int) -> int:
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parents[second] = first


def _pairs(vectors: Matrix, above: float) -> Iterator[tuple[int, int]]:
    """Pairs of places whose vectors are near; each also with itself."""
    sieve = Sieve(vectors, above)
    for begin in range(0, len(vectors), BLOCK):
        end = min(begin + BLOCK, len(vectors))
        for row, other, _ in sieve.near(np.arange(begin, end), end):
            yield begin + row, other


def _links(sample: Sample) -> Iterator[bytes]:
    """What a row has in common with others that are certainly alike."""
    yield _digest("words", *_words(sample.instruction))
    if len(sample.keywords) > 1:  # a single keyword is a field, not a task
        yield _digest("keywords", *sorted({" ".join(_words(keyword)) for keyword in sample.keywords}))
    if sample.seed:
        yield _digest("seed", sample.seed)
    if sample.source:
        yield _digest("source", sample.source)


def word_vector(instruction: str) -> Vectors:
    """A unit vector of an instruction's words and pairs of words, each at a place that its name gives."""
    words = _words(instruction)
    found = np.zeros(WORD_DIMENSIONS, np.float32)
    for feature, count in Counter([*words, *(f"{a} {b}" for a, b in pairwise(words))]).items():
        number = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
        found[number % WORD_DIMENSIONS] += count if number >> 31 else -count
    return _unit(found)


def _unit(vector: Vectors) -> Vectors:
    unit: Vectors = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return unit


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()[:12]
