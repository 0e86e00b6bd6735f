"""Rows that have something of a benchmark in them: its words, or its meaning.

Words: a run of 13 words in common, as Brown et al. 2020 (arXiv 2005.14165, appendix C) look for it; an item that is
shorter, but has 8 words at least, must be there whole. Meaning: the embedding of the row's instruction is near that of
an item's first text. What is shorter than 8 words (choices, numbers) is not looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gra.errors import ConfigError, SeedError
from gra.export.filters.words import grams, words
from gra.export.rows import LeftOut, Row
from gra.synthesis.seed_files import open_file

if TYPE_CHECKING:
    from gra.postprocess.matrix import Vectors

RUN = 13
SHORTEST = 8
DISTINCT = 6
"""Different words of three letters and more that a run must have: `0, 0, 0` and `for i in range(2, n)` are nobody's."""
KIND = "contaminated"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a benchmark."""

    name: str
    """Its file and its place in it, from 1."""
    texts: tuple[str, ...]
    """Those that are looked for; the first is the question, as benchmarks are written."""


def read_benchmark(path: Path) -> Iterator[Item]:
    """The items of a file: JSON, JSONL, CSV, TSV, Parquet or Arrow, or plain text with an item a line.

    Raises:
        ConfigError: it cannot be read, or holds nothing to look for.
    """
    found = False
    for number, record in enumerate(_records(path), 1):
        texts = tuple(text for text in _texts(record) if len(words(text)) >= SHORTEST)
        if texts:
            found = True
            yield Item(f"{path.name}:{number}", texts)
    if not found:
        raise ConfigError(f"{path}: no text of {SHORTEST} words or more, so no row could ever be found to be from it")


def _records(path: Path) -> Iterator[Any]:
    try:
        if path.suffix.lower() in (".txt", ".md"):
            with path.open(encoding="utf-8", errors="surrogateescape") as lines:
                yield from lines
            return
        for where, record in open_file(path, lambda record: any(isinstance(v, str) for v in record.values())).records:
            if isinstance(record, Exception):
                raise ConfigError(f"{path}, {where}: {record}. A benchmark that is read in part would let rows through")
            yield record
    except (SeedError, OSError) as error:
        raise ConfigError(f"the benchmark cannot be read. {error}") from None


def _texts(value: Any) -> Iterator[str]:
    """Every text in a record, in its order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


class Contamination:
    """A filter: leaves out rows that share words with a benchmark."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._names = [item.name for item in items]
        self._runs: dict[int, int] = {}
        """Of every run of words its hash, and the first item that has it."""
        self._short: dict[int, list[tuple[tuple[str, ...], int]]] = {}
        """The same of the beginnings of short texts, which must be there whole."""
        for place, item in enumerate(items):
            for tokens in map(words, item.texts):
                if len(tokens) < RUN and telling(tokens):
                    self._short.setdefault(hash(tokens[:SHORTEST]), []).append((tokens, place))
                for gram in filter(telling, grams(tokens, RUN)):
                    self._runs.setdefault(hash(gram), place)

    def __call__(self, row: Row) -> LeftOut | None:
        """Left out if its instruction or its response has a run of an item's words."""
        for field in ("instruction", "response"):
            tokens = words(getattr(row.sample, field))
            if found := self._run(tokens) or self._whole(tokens):
                shared, place = found
                told = f"its {field} has {len(shared)} words of {self._names[place]}: `{' '.join(shared)[:160]}`"
                return LeftOut(KIND, told)
        return None

    def _run(self, tokens: tuple[str, ...]) -> tuple[tuple[str, ...], int] | None:
        found = ((gram, self._runs.get(hash(gram))) for gram in grams(tokens, RUN))
        return next(((gram, place) for gram, place in found if place is not None and telling(gram)), None)

    def _whole(self, tokens: tuple[str, ...]) -> tuple[tuple[str, ...], int] | None:
        for begin, gram in enumerate(grams(tokens, SHORTEST)) if self._short else ():
            for text, place in self._short.get(hash(gram), ()):
                if tokens[begin : begin + len(text)] == text:
                    return text, place
        return None


def telling(tokens: Sequence[str]) -> bool:
    """Whether words say so much that only a copy has them: idioms of code and rows of numbers do not."""
    return len({word for word in tokens if word.isalpha() and (len(word) > 2 or word > "\u2e80")}) >= DISTINCT


class Paraphrases:
    """A filter: leaves out rows whose instruction means what an item of a benchmark asks.

    Args:
        items: of the benchmarks.
        vectors: unit vectors of their first texts, shape (items, dimensions).
        above: cosine from which a row is left out, in (0, 1].
        vector_of: the unit vector of a row's instruction by the same model; None if it has none.
    """

    def __init__(
        self, items: Sequence[Item], vectors: Vectors, above: float, vector_of: Callable[[Row], Vectors | None]
    ) -> None:
        self._names = [item.name for item in items]
        self._vectors, self._above, self._vector_of = vectors, above, vector_of

    def __call__(self, row: Row) -> LeftOut | None:
        """Left out if the nearest item is near enough."""
        vector = self._vector_of(row)
        if vector is None:
            return None
        cosines = self._vectors @ vector
        nearest = int(cosines.argmax())
        if cosines[nearest] < self._above:
            return None
        return LeftOut(KIND, f"its instruction means what {self._names[nearest]} does (cosine {cosines[nearest]:.2f})")
