"""The pieces that all views are made of: headings, lines, tables and numbers. Knows nothing of runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gra.display.safe import one_line, safe

NARROW = 56
"""Columns of a terminal below which a table is hard to read."""


def heading(text: str) -> Text:
    """A heading, with a blank line above."""
    return Text(f"\n{one_line(text)}", style="bold")


def line(text: str, style: str = "", indent: int = 0) -> RenderableType:
    """One paragraph; line breaks in it become blanks."""
    return _indented(Text(one_line(text), style=style), indent)


def prose(text: str, indent: int = 2, style: str = "") -> RenderableType:
    """A text with its own line breaks."""
    return _indented(Text(safe(text), style=style), indent)


class Unbroken(Text):
    """Text that stays on one line however narrow the terminal is, so that it can be copied."""


def path_line(label: str, path: str) -> Unbroken:
    """A path or a command, with what it is."""
    return Unbroken(f"  {label:<10} {one_line(path)}")


def print_parts(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print what a view returned."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Unbroken))


@dataclass(frozen=True)
class Rows:
    """A table without lines; where the terminal is too narrow for one, each row as a paragraph."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int]
    """Places of the columns that hold numbers."""
    whole: int
    """So many columns from the left are never broken over lines."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As `rich` wants it."""
        if options.max_width < NARROW:
            yield from self._paragraphs()
            return
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
        for place, name in enumerate(self.columns):
            justify: JustifyMethod = "right" if place in self.numbers else "left"
            grid.add_column(Text(name), justify=justify, overflow="fold", no_wrap=place < self.whole)
        for row in self.rows:
            grid.add_row(*map(Text, row))
        yield grid

    def _paragraphs(self) -> Iterator[RenderableType]:
        for first, *others in self.rows:
            yield Text(first)
            told = [f"{name} {cell}" for name, cell in zip(self.columns[1:], others, strict=True) if cell]
            yield _indented(Text(", ".join(told), style="dim"), 2)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = (), whole: int = 1
) -> RenderableType:
    """A table of any texts; see `Rows`."""
    return _indented(Rows(columns, [[one_line(cell) for cell in row] for row in rows], numbers, whole), 2)


def _indented(what: RenderableType, indent: int) -> RenderableType:
    return Padding(what, (0, 0, 0, indent), expand=False) if indent else what


def count(number: int, noun: str) -> str:
    """A number of things, for example `1 sample` or `12,000 samples`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def size(number: int) -> str:
    """A size of a file."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
