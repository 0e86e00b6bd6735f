"""Numbers as words and as shapes, for templates. Pure; colours are classes of the style sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from gra.display.safe import one_line

if TYPE_CHECKING:
    from markupsafe import Markup

WIDE, HIGH = 640.0, 380.0
"""Of the map's drawing."""
MARGIN = 14.0


class Bar(NamedTuple):
    """One bar of a histogram, in parts of a drawing of 100 by 100."""

    x: float
    y: float
    width: float
    height: float
    told: str


def bars(histogram: Mapping[str, Any]) -> list[Bar]:
    """The bars of a histogram of `digests.histogram`."""
    counts: Sequence[int] = histogram["counts"]
    edges: Sequence[float] = histogram["edges"]
    highest, width = max([*counts, 1]), 100 / max(1, len(counts))
    return [
        Bar(round(n * width, 2), round(100 - 100 * count / highest, 2), round(width - 0.6, 2),
            round(100 * count / highest, 2), f"{edges[n]:.0f} to {edges[n + 1]:.0f}: {count:,}")
        for n, count in enumerate(counts)
    ]  # fmt: skip


def dots(points: Sequence[Mapping[str, Any]], base: str, kind: str) -> Markup:
    """The points of the map: as large as it goes, with one scale for both directions. Each leads to its sample.

    Made here and not in a template, which would take ten times as long for thousands.

    Args:
        points: with `id`, `x`, `y`, `title` and `group`.
        base: address of the run.
        kind: what the classes of colours begin with.
    """
    from markupsafe import Markup, escape

    if not points:
        return Markup()
    xs, ys = [float(point["x"]) for point in points], [float(point["y"]) for point in points]
    across, down = max(xs) - min(xs), max(ys) - min(ys)
    room = ((across, WIDE - 2 * MARGIN), (down, HIGH - 2 * MARGIN))
    scale = min((space / extent for extent, space in room if extent), default=0.0)
    left, top = (WIDE - scale * across) / 2 - scale * min(xs), (HIGH - scale * down) / 2 + scale * max(ys)
    radius = 2 if len(points) > 1000 else 3 if len(points) > 200 else 4.5
    drawn = [
        f'<a href="{base}/samples/{quote(point["id"], safe="")}" tabindex="-1">'
        f'<circle class="{kind}{point["group"]:d}" cx="{left + scale * x:.1f}" cy="{top - scale * y:.1f}" r="{radius}">'
        f"<title>{escape(one_line(point['id']))} {escape(one_line(point['title'], 90))}</title></circle></a>"
        for point, x, y in zip(points, xs, ys, strict=True)
    ]
    return Markup("".join(drawn))  # noqa: S704 (numbers, quoted ids and escaped titles)


def percent(part: float | None, whole: float | None = 1.0, digits: int = 0) -> str:
    """A share in percent; a dash where there is nothing to be a share of."""
    return "\u2013" if part is None or not whole else f"{100 * part / whole:.{digits}f} %"


def share(part: float, whole: float) -> float:
    """A share of 100, for the width of a bar."""
    return round(100 * part / whole, 2) if whole else 0.0


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands apart; a dash for none."""
    return "\u2013" if value is None else f"{value:,.{digits}f}".replace("-", "\u2212")


def duration(seconds: float | None) -> str:
    """A time in the unit that suits it."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def shade(value: float | None) -> int:
    """Which of five shades shows a share in [0, 1]; 0 for none."""
    return 0 if value is None else 1 + min(4, max(0, int(5 * value)))


def words(status: str) -> str:
    """A status as people write it."""
    return status.replace("_", " ")


def tone(status: str) -> str:
    """Whether a status or an outcome is good, bad, in doubt or neither: a class of the style sheet."""
    if status in ("accepted", "accept"):
        return "good"
    if status in ("dispute", "passed", "duplicate", "surplus"):
        return "doubt"
    return "bad" if status.startswith("reject") or status in ("unusable", "failed", "filtered") else "plain"


def chart_tools() -> dict[str, Callable[..., object]]:
    """All of these by name, for templates."""
    tools = (bars, dots, percent, share, number, duration, shade, words, tone)
    return {tool.__name__: tool for tool in tools}
