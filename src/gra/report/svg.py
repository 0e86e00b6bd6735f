"""Plots as inline SVG: bars, histogram, reliability curve. No script, no outside resource; colours come from the page.

Every plot has a title and a description for those who do not see it. All text is escaped here.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from gra.display.safe import one_line
from gra.report.document import Bars, Curve, Histogram

WIDTH = 640
NAMES = 190
"""Left part of a plot of bars, for their names."""
ROW = 24
LONGEST_NAME = 28
HEIGHT = 200
SIDE = 300
"""Of a reliability curve."""
EDGE = 36


def bars(plot: Bars) -> str:
    """Horizontal bars, the longest as wide as there is room."""
    most = max((size for _, size, _ in plot.values), default=0.0) or 1.0
    room = WIDTH - NAMES - 130

    def drawn() -> Iterator[str]:
        for row, (name, size, told) in enumerate(plot.values):
            top, width = row * ROW, max(0.0, size) / most * room
            yield f'<text class="name" x="{NAMES - 8}" y="{top + 16}" text-anchor="end">{_text(name)}</text>'
            yield f'<rect class="bar" x="{NAMES}" y="{top + 4}" width="{width:.1f}" height="{ROW - 8}" rx="2"/>'
            yield f'<text x="{NAMES + width + 6:.1f}" y="{top + 16}">{_text(told)}</text>'

    said = "; ".join(f"{name}: {told}" for name, _, told in plot.values)
    return _svg(WIDTH, len(plot.values) * ROW + 4, plot.caption, said, "".join(drawn()))


def histogram(plot: Histogram) -> str:
    """Upright bars side by side, over an axis with its ends and middle named."""
    most, n = max(plot.counts, default=0) or 1, max(1, len(plot.counts))
    low, high = (plot.edges[0], plot.edges[-1]) if plot.edges else (0.0, 1.0)
    step, room = (WIDTH - 2 * EDGE) / n, HEIGHT - 2 * EDGE + 8
    base = HEIGHT - EDGE + 8

    def drawn() -> Iterator[str]:
        for place, count in enumerate(plot.counts):
            height = count / most * room
            left = EDGE + place * step
            yield (
                f'<rect class="bar" x="{left + 0.5:.1f}" y="{base - height:.1f}" width="{max(0.5, step - 1):.1f}" '
                f'height="{height:.1f}"/>'
            )
        yield f'<line class="axis" x1="{EDGE}" y1="{base}" x2="{WIDTH - EDGE}" y2="{base}"/>'
        for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
            at, value = EDGE + share * (WIDTH - 2 * EDGE), low + share * (high - low)
            yield f'<text x="{at:.1f}" y="{base + 18}" text-anchor="{anchor}">{_number(value)}</text>'
        yield f'<text x="{EDGE}" y="14">{most:,} at most</text>'

    told = zip(plot.edges, plot.edges[1:], plot.counts, strict=False)
    said = "; ".join(f"{_number(a)} to {_number(b)}: {count:,}" for a, b, count in told if count)
    return _svg(WIDTH, HEIGHT, plot.caption, said, "".join(drawn()))


def curve(plot: Curve) -> str:
    """A square with its diagonal, and a point for each bin, larger where there is more in it."""
    size, most = SIDE - 2 * EDGE, max((n for *_, n in plot.points), default=1) or 1

    def place(foretold: float, came: float) -> tuple[float, float]:
        return EDGE + foretold * size, SIDE - EDGE - came * size

    def drawn() -> Iterator[str]:
        yield f'<rect class="frame" x="{EDGE}" y="{EDGE}" width="{size}" height="{size}"/>'
        yield f'<line class="axis dashed" x1="{EDGE}" y1="{SIDE - EDGE}" x2="{SIDE - EDGE}" y2="{EDGE}"/>'
        corners = " ".join("{:.1f},{:.1f}".format(*place(foretold, came)) for foretold, came, _ in plot.points)
        yield f'<polyline class="line" points="{corners}"/>'
        for foretold, came, n in plot.points:
            x, y = place(foretold, came)
            yield f'<circle class="bar" cx="{x:.1f}" cy="{y:.1f}" r="{3 + 5 * (n / most) ** 0.5:.1f}"/>'
        for value in (0.0, 0.5, 1.0):
            x, y = place(value, value)
            yield f'<text x="{x:.1f}" y="{SIDE - EDGE + 16}" text-anchor="middle">{value:g}</text>'
            yield f'<text x="{EDGE - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        yield f'<text x="{SIDE / 2}" y="{SIDE - 4}" text-anchor="middle">foretold</text>'
        yield f'<text x="{EDGE}" y="{EDGE - 10}">came</text>'

    said = "; ".join(f"foretold {a:.2f}, came {b:.2f}, of {n:,}" for a, b, n in plot.points)
    return _svg(SIDE, SIDE, plot.caption, said, "".join(drawn()), "square")


def _svg(width: int, height: int, title: str, description: str, inside: str, kind: str = "wide") -> str:
    return (
        f'<svg class="{kind}" role="img" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{_escaped(title)}</title><desc>{_escaped(description)}</desc>{inside}</svg>"
    )


def _text(text: str) -> str:
    return html.escape(one_line(text, LONGEST_NAME))


def _escaped(text: str) -> str:
    return html.escape(one_line(text, 2000))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
