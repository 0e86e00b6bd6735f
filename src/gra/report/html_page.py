"""A report as one HTML file that needs nothing else: no script, no font, no picture from anywhere.

Whatever a model or a person wrote is made harmless (`display.safe`), cut, and escaped, here and in `svg.py` alone. The
page's own policy forbids script and every outside resource, should anything get through.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from importlib.resources import files

from gra.display.safe import one_line
from gra.report.document import Bars, Block, Chapter, Curve, Document, Excerpt, Histogram, Paragraph, Table
from gra.report.svg import bars, curve, histogram

LONGEST = 600
"""Characters of any one text on a page."""
_CODE = re.compile(r"`([^`]+)`")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def to_html(document: Document) -> str:
    """The whole page."""
    title = escaped(document.title)
    style = files("gra.report").joinpath("page.css").read_text("utf-8")
    names = [(f"c{number}", chapter) for number, chapter in enumerate(document.chapters, 1)]
    links = "".join(f'<li><a href="#{name}">{escaped(chapter.title)}</a></li>' for name, chapter in names)
    facts = "".join(f"<div><dt>{escaped(what)}</dt><dd>{escaped(much)}</dd></div>" for what, much in document.summary)
    body = "\n".join(_chapter(name, chapter) for name, chapter in names)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{style}</style></head>\n<body><main><h1>{title}</h1>"
        f'<dl class="summary">{facts}</dl><nav aria-label="Chapters"><ul>{links}</ul></nav>\n'
        f"{body}\n</main></body></html>\n"
    )


def escaped(text: str) -> str:
    """Any text as it may stand in the page."""
    return html.escape(one_line(text, LONGEST))


def _chapter(name: str, chapter: Chapter) -> str:
    inside = "\n".join(_block(block) for block in chapter.blocks)
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{escaped(chapter.title)}</h2>\n{inside}</section>'


def _block(block: Block) -> str:
    match block:
        case Paragraph(text, note):
            inside = _CODE.sub(r"<code>\1</code>", escaped(text))
            return f'<p class="note">{inside}</p>' if note else f"<p>{inside}</p>"
        case Table():
            return _table(block)
        case Bars():
            return _figure(block.caption, bars(block))
        case Histogram():
            return _figure(block.caption, histogram(block))
        case Curve():
            return _figure(block.caption, curve(block), ' class="beside"')
        case Excerpt():
            return "".join(_excerpt(block))


def _figure(caption: str, plot: str, kind: str = "") -> str:
    return f"<figure{kind}><figcaption>{escaped(caption)}</figcaption>{plot}</figure>"


def _table(table: Table) -> str:
    def cell(place: int, text: str, kind: str) -> str:
        scope = {"th": ' scope="col"', "row": ' scope="row"'}.get(kind, "")
        number = ' class="num"' if place in table.numbers else ""
        name = "td" if kind == "td" else "th"
        return f"<{name}{scope}{number}>{escaped(text)}</{name}>"

    head = "".join(cell(place, name, "th") for place, name in enumerate(table.columns))
    rows = "".join(
        "<tr>" + "".join(cell(place, text, "td" if place else "row") for place, text in enumerate(row)) + "</tr>"
        for row in table.rows
    )
    caption = escaped(table.caption)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{caption}"><table><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _excerpt(excerpt: Excerpt) -> Iterator[str]:
    yield f"<article><h3>{escaped(excerpt.id)}: {escaped(excerpt.why)}</h3>"
    yield f'<p class="note">{escaped(excerpt.domain)}, {escaped(excerpt.status)}, score {excerpt.score:.2f}</p>'
    yield f"<p><b>Q</b> {escaped(excerpt.instruction)}</p><p><b>A</b> {escaped(excerpt.response)}</p>"
    yield f"<p><code>{escaped(excerpt.command)}</code></p></article>"
