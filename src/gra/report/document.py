"""What a report consists of, before it is a page: chapters of paragraphs, tables, plots and excerpts. Data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences."""

    text: str
    note: bool = False
    """True for how a figure is defined, and the like: small print."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a head; the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    """Places of the columns that hold numbers."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Named numbers, none below 0."""

    caption: str
    values: Sequence[tuple[str, float, str]]
    """Name, size, and the size in words."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many lie where."""

    caption: str
    edges: Sequence[float]
    """One more than there are counts."""
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Curve:
    """What was foretold against what came: points near the diagonal are well calibrated."""

    caption: str
    points: Sequence[tuple[float, float, int]]
    """Foretold and came, both in [0, 1], and how many that is of."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A sample that is worth a look, cut short. All texts are a model's."""

    id: str
    why: str
    domain: str
    status: str
    score: float
    instruction: str
    response: str
    command: str
    """That shows all of it."""


Block = Paragraph | Table | Bars | Histogram | Curve | Excerpt


@dataclass(frozen=True, slots=True)
class Chapter:
    """One matter."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report."""

    title: str
    summary: Sequence[tuple[str, str]]
    """The few figures to begin with: what, and how much."""
    chapters: Sequence[Chapter]
