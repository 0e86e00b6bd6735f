"""The page on the data that came out, and the page on two runs, as plain data. Knows no HTML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gra.inspector.listing import BadQuestion
from gra.inspector.pages import Sight, common
from gra.report.difference import IDENTITIES, differing

COLOURED = ("domain", "generator", "round", "score")
"""What a point's colour can mean."""
POINTS = 2_000
"""Points drawn; of more, evenly spread ones."""
COLOURS = 8
"""Different colours; what is rarer than the commonest seven is of one colour."""
OTHERS = "others"
NAMED = 200
"""Samples named that only one of two runs has."""


def data(sight: Sight, query: Mapping[str, str]) -> dict[str, Any]:
    """What the accepted samples are like.

    Raises:
        BadQuestion: there is no such colouring.
    """
    colour = query.get("colour") or COLOURED[0]
    if colour not in COLOURED:
        raise BadQuestion(f"there is no colouring by `{colour[:40]}`; there are: {', '.join(COLOURED)}")
    rows = _points(sight, colour)
    groups = legend([row[4] for row in rows], colour)
    names = {name: place for place, (name, _) in enumerate(groups)}
    points = [
        {"id": id, "x": x, "y": y, "title": title, "group": names.get(group_of(value, colour), len(names) - 1)}
        for id, x, y, title, value in rows
    ]
    return {
        **common(sight),
        "colour": colour,
        "colours": COLOURED,
        "map": sight.index.digest("map") or {"points": 0, "explained": 0.0},
        "groups": [{"name": name, "count": count} for name, count in groups],
        "points": points,
        "keywords": sight.index.digest("keywords"),
        "lengths": sight.index.digest("lengths"),
        "clusters": sight.index.digest("clusters") or [],
    }


def _points(sight: Sight, column: str) -> list[tuple[Any, ...]]:
    """Where samples lie on the map, and the value that their colour means."""
    numbers = [n for (n,) in sight.index.rows("SELECT n FROM points ORDER BY n")]
    step = max(1.0, len(numbers) / POINTS)
    chosen = [numbers[int(place * step)] for place in range(min(len(numbers), POINTS))]
    places = ", ".join("?" * len(chosen))
    return sight.index.rows(
        f"SELECT id, x, y, title, {column} FROM points JOIN samples USING (n) WHERE n IN ({places}) ORDER BY n",  # noqa: S608
        chosen,
    )


def group_of(value: Any, colour: str) -> str:
    """The group that a point is of; scores are grouped by twos."""
    if colour != "score":
        return str(value)
    low = 2 * min(4, max(0, int(float(value) // 2)))
    return f"{low} to {low + 2}"


def legend(values: list[Any], colour: str) -> list[tuple[str, int]]:
    """The groups and how many points are of each: the commonest first, scores and rounds in their order."""
    counts = Counter(group_of(value, colour) for value in values)
    named = counts.most_common(COLOURS if len(counts) <= COLOURS else COLOURS - 1)
    rest = sum(counts.values()) - sum(count for _, count in named)
    if colour in ("score", "round"):
        named.sort(key=lambda group: float(group[0].split()[0]))
    return [*named, *([(OTHERS, rest)] if rest else [])]


def compare(first: Sight, second: Sight) -> dict[str, Any]:
    """Two runs side by side."""
    documents = [sight.indexer.run.document for sight in (first, second)]
    query = "SELECT asked FROM samples WHERE status = 'accepted'"
    asked = [{text for (text,) in sight.index.rows(query)} for sight in (first, second)]
    only = [(first, asked[0] - asked[1]), (second, asked[1] - asked[0])]
    return {
        "runs": [common(sight) for sight in (first, second)],
        "same": first.indexer.run.fingerprint == second.indexer.run.fingerprint,
        "config": differing(*(sight.indexer.run.config for sight in (first, second))),
        "made_by": differing(*({key: document.get(key) for key in IDENTITIES} for document in documents)),
        "reports": [sight.index.digest("report") for sight in (first, second)],
        "scores": [sight.index.digest("scores") for sight in (first, second)],
        "lengths": [sight.index.digest("lengths") for sight in (first, second)],
        "keywords": [sight.index.digest("keywords") for sight in (first, second)],
        "common": len(asked[0] & asked[1]),
        "only": [{"count": len(texts), "ids": _some(sight, texts)} for sight, texts in only],
    }


def _some(sight: Sight, texts: set[int]) -> list[str]:
    """Ids of accepted samples with these instructions, at most `NAMED`."""
    some = json.dumps(sorted(texts)[:NAMED])
    query = "SELECT id FROM samples WHERE status = 'accepted' AND asked IN (SELECT value FROM json_each(?)) ORDER BY n"
    return [id for (id,) in sight.index.rows(query, [some])]
