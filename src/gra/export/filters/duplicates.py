"""Rows that say the same in nearly the same words as an earlier one.

A run's own de-duplication compares the meaning of instructions, by embedding, against the pool and within a round, and
keeps the better sample. It sees no responses, and nothing of other runs that are exported together. This compares the
words of the whole row, instruction and response, and keeps the first.

MinHash (Broder 1997) over runs of three words, in bands as FineWeb has them (14 of 8, arXiv 2406.17557): a pair that
has 80 % of its runs in common is looked at with a probability of 0.92, one with 90 % with 0.9996; the share that counts
is then estimated from 112 hashes, with a standard deviation of 0.04 at 0.8.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array

import numpy as np
from numpy.typing import NDArray

from gra.export.filters.words import grams, signs, words
from gra.export.rows import LeftOut, Row

ALIKE = 0.8
"""Jaccard similarity of the runs of three words from which two rows are near-duplicates."""
BANDS, WIDTH = 14, 8
SHINGLE = 3
_PRIME = np.uint64((1 << 61) - 1)
_rng = np.random.default_rng(20_250_412)
_A = _rng.integers(1, 1 << 28, BANDS * WIDTH, np.uint64)[:, None]
_B = _rng.integers(0, 1 << 60, BANDS * WIDTH, np.uint64)[:, None]

Signature = NDArray[np.uint32]


class Duplicates:
    """A filter: leaves out what an earlier row says. It keeps about 2 kB of each row."""

    def __init__(self) -> None:
        self._exact: dict[bytes, int] = {}
        self._bands: dict[bytes, int] = {}
        """The first row with these numbers in a band."""
        self._signatures = array("I")
        self._ids: list[str] = []

    def __call__(self, row: Row) -> LeftOut | None:
        """Left out if an earlier row has its instruction but for case and punctuation, or nearly all of its words."""
        asked, answered = words(row.sample.instruction), words(row.sample.response)
        digest = hashlib.sha256("\0".join(signs(row.sample.instruction)).encode("utf-8", "surrogatepass")).digest()[:12]
        if asked and (same := self._exact.get(digest)) is not None:
            return LeftOut("exact duplicate", f"its instruction has the same words as that of {self._ids[same]}")
        mine = signature([*asked, "\n", *answered])
        keys = [bytes([n]) + mine[n * WIDTH : (n + 1) * WIDTH].tobytes() for n in range(BANDS)]
        for place in sorted({self._bands[key] for key in keys if key in self._bands}):
            share = float(np.mean(mine == self._signature(place)))
            if share >= ALIKE:
                return LeftOut("near duplicate", f"{share:.0%} of its runs of words are those of {self._ids[place]}")
        place = len(self._ids)
        self._ids.append(row.key)
        self._exact[digest] = place
        self._signatures.frombytes(mine.tobytes())
        for key in keys:
            self._bands.setdefault(key, place)
        return None

    def _signature(self, place: int) -> Signature:
        size = BANDS * WIDTH
        return np.frombuffer(self._signatures[place * size : (place + 1) * size], np.uint32)


def signature(tokens: list[str]) -> Signature:
    """The smallest hashes of a text's runs of words; equal in as large a share as two texts have runs in common."""
    runs = {" ".join(gram) for gram in grams(tokens, min(SHINGLE, max(1, len(tokens))))}
    hashes = np.array([zlib.crc32(run.encode("utf-8", "surrogatepass")) for run in sorted(runs)] or [0], np.uint64)
    mixed = (_A * hashes[None, :] + _B) % _PRIME
    smallest: Signature = (mixed & np.uint64(0xFFFF_FFFF)).min(axis=1).astype(np.uint32)
    return smallest
