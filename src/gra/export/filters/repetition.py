"""Text that goes round in circles, as small models write it. Pure.

The measures are those of Gopher (Rae et al. 2021, arXiv 2112.11446, table A1), which were made for web pages. Answers
are shorter, and lists, tables and code repeat themselves by nature, so each measure asks for a least number of words
and repetitions, and the limits are wider; `benchmarks/filters.py` has what either does to clean seeds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from operator import eq

from gra.export.filters.words import grams, words

LEAST_WORDS = 24
"""Shorter texts are not judged, but for one piece over and over."""
LINES = 0.5
"""Share of lines that were there before (Gopher: 0.30), of at least `LEAST_LINES`."""
LEAST_LINES = 6
TOP = 0.40
"""Share of the words that the commonest run of 2, 3 or 4 covers (Gopher: 0.20, 0.18, 0.16)."""
LEAST_TIMES = 5
"""How often it must be there."""
AGAIN = 0.60
"""Share of the words in runs of 5 that were there before (Gopher: 0.15)."""
TIMES = 12
"""How often a piece of up to `PIECE` words must follow itself; one of numbers alone, four times as often."""
PIECE = 8
_ROUND = re.compile(r"([^\W_]{1,4}?)\1{23,}")
"""A few letters or digits 24 times without a break."""


def found_repetition(text: str) -> str | None:
    """How a text repeats itself, in words and numbers; None if it does not, more than texts do."""
    tokens = words(text)
    return _in_place(text, tokens) or _of_words(tokens) or _of_lines(text)


def _in_place(text: str, tokens: Sequence[str]) -> str | None:
    if match := _ROUND.search(text):
        return f"`{match[1]}` {len(match[0]) // len(match[1])} times in a row"
    for size in range(1, min(PIECE, len(tokens) // TIMES) + 1):
        place = 0
        for same, run in groupby(map(eq, tokens, tokens[size:])):
            length = len(list(run))
            piece, times = tokens[place : place + size], length // size + 1
            if same and times >= TIMES * (1 if any(map(str.isalpha, piece)) else 4):
                return f"`{' '.join(piece)[:40]}` {times} times in a row"
            place += length
    return None


def _of_words(tokens: Sequence[str]) -> str | None:
    if len(tokens) < LEAST_WORDS:
        return None
    for n in (2, 3, 4):
        gram, times = Counter(grams(tokens, n)).most_common(1)[0]
        if times >= LEAST_TIMES and times * n > TOP * len(tokens):
            return f"`{' '.join(gram)[:60]}` {times} times in {len(tokens)} words"
    share = again(tokens, 5)
    return f"{share:.0%} of its words in runs of 5 that were there before" if share > AGAIN else None


def again(tokens: Sequence[str], n: int) -> float:
    """Share of the words that lie in a run of `n` words which was there before, in [0, 1]."""
    seen: set[tuple[str, ...]] = set()
    covered, upto = 0, 0
    for place, gram in enumerate(grams(tokens, n)):
        if gram in seen:
            covered += place + n - max(upto, place)
            upto = place + n
        else:
            seen.add(gram)
    return covered / len(tokens) if tokens else 0.0


def _of_lines(text: str) -> str | None:
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if len(words(line)) > 2]
    if len(lines) < LEAST_LINES:
        return None
    repeated = len(lines) - len(set(lines))
    return f"{repeated} of {len(lines)} lines were there before" if repeated > LINES * len(lines) else None
