"""A report as Markdown, with the same content; a plot becomes a table. Model text is escaped so that it stays text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from gra.display.safe import one_line
from gra.report.document import Bars, Block, Curve, Document, Excerpt, Histogram, Paragraph, Table
from gra.report.html_page import LONGEST

_MARKUP = re.compile(r"([\\`*_\[\]#|~$!])")
_LINKS = re.compile(r"(?i)(?<=\bhttp)(?=:)|(?<=\bhttps)(?=:)|(?<=\bftp)(?=:)|(?<=\bwww)(?=\.)")


def to_markdown(document: Document) -> str:
    """The whole page."""
    lines = [f"# {plain(document.title)}", ""]
    lines += [f"- {plain(what)}: {plain(much)}" for what, much in document.summary]
    for chapter in document.chapters:
        lines += ["", f"## {plain(chapter.title)}", ""]
        for block in chapter.blocks:
            lines += [*_block(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def plain(text: str) -> str:
    """Any text, so that Markdown shows it as it is: no markup, no HTML, no link that somebody might follow."""
    return _escaped(one_line(text, LONGEST))


def _escaped(line: str) -> str:
    return _LINKS.sub(r"\\", _MARKUP.sub(r"\\\1", html.escape(line, quote=False)))


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text):
            # What stands between backticks is code, in which nothing is markup and nothing is escaped.
            parts = one_line(text).split("`")
            yield "".join(f"`{part}`" if place % 2 else _escaped(part) for place, part in enumerate(parts))
        case Table():
            yield from _table(block.caption, block.columns, block.rows, block.numbers)
        case Bars():
            yield from _table(block.caption, ("", ""), [(name, told) for name, _, told in block.values], (1,))
        case Histogram():
            told = zip(block.edges, block.edges[1:], block.counts, strict=False)
            rows = [(f"{a:,.6g}", f"{b:,.6g}", f"{count:,}") for a, b, count in told if count]
            yield from _table(block.caption, ("from", "to", "samples"), rows, (0, 1, 2))
        case Curve():
            rows = [(f"{foretold:.2f}", f"{came:.2f}", f"{n:,}") for foretold, came, n in block.points]
            yield from _table(block.caption, ("foretold", "came", "n"), rows, (0, 1, 2))
        case Excerpt():
            yield f"**{plain(block.id)}: {plain(block.why)}**"
            yield f"({plain(block.domain)}, {plain(block.status)}, score {block.score:.2f})"
            yield ""
            yield f"- Q: {plain(block.instruction)}"
            yield f"- A: {plain(block.response)}"
            yield f"- `{one_line(block.command, LONGEST).replace('`', '')}`"


def _table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> Iterator[str]:
    yield f"**{plain(caption)}**"
    yield ""
    yield f"| {' | '.join(map(plain, columns))} |"
    yield f"| {' | '.join('---:' if place in numbers else '---' for place in range(len(columns)))} |"
    for row in rows:
        yield f"| {' | '.join(map(plain, row))} |"
