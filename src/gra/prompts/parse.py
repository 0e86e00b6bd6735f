"""From a model's reply to a value, or to a reason why it is unusable.

Strict and total: a value comes back whole and in range, or `Unusable` says what is wrong in words that a repair
turn can show to the model. There is no default, no clipping, no partial result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
MAX_REPLY = 200_000
"""Characters of a reply that are looked at."""
MAX_MENDED = 20_000
"""Characters of broken JSON that are worth mending, whose cost grows with their square."""
MAX_BROKEN = 500
"""Braces that open nothing, after which a reply is given up."""
DECODER = json.JSONDecoder(strict=False)
"""Takes the plain line breaks that small models leave inside strings."""
OPENING = re.compile(r"\{\s*[\"']")
"""How an object with a key begins; other braces are mostly mathematics or code."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A reply that cannot be used, and why."""

    why: str


Parser = Callable[[str], T | Unusable]


def read_object(text: str) -> dict[str, Any] | Unusable:
    """The last JSON object in a reply, mending what small models usually break.

    The last, because text quoted from the material under review may hold an object of its own (an answer planted
    there must not count). For the same reason a whole object inside a broken one is no answer.
    """
    text = text[:MAX_REPLY].strip()
    found, end, broken = _objects(text)
    if len(broken) == MAX_BROKEN:
        return Unusable("its JSON is broken")
    opened = [at for at in broken if OPENING.match(text, at)]
    if found and not opened and (not broken or text.count("}", end) <= text.count("{", end)):
        return found
    if not broken:
        return Unusable("it holds no JSON object")
    start = opened[0] if opened else broken[0]
    if start < end or len(text) - start > MAX_MENDED:
        return Unusable("its JSON is broken")
    from json_repair import repair_json  # 5 ms of CPU a reply, so only when plain JSON fails

    try:
        mended = repair_json(text[start:], return_objects=True)
    except (ValueError, RecursionError):
        mended = None
    return mended if isinstance(mended, dict) and mended else Unusable("its JSON is broken")


def _objects(text: str) -> tuple[dict[str, Any], int, list[int]]:
    """The last whole object, empty if there is none, where it ends, and every brace that opens no whole object."""
    found: dict[str, Any] = {}
    broken: list[int] = []
    end, place = 0, text.find("{")
    while place >= 0 and len(broken) < MAX_BROKEN:
        try:
            value, after = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            broken.append(place)
            after = place + 1
        else:
            found, end = (value, after) if value else (found, end)
        place = text.find("{", after)
    return found, end, broken


def read_scores(text: str, criteria: Sequence[str], low: int, high: int) -> dict[str, float] | Unusable:
    """Every criterion with a whole number in [low, high], no more and no fewer."""
    found = read_object(text)
    if isinstance(found, Unusable):
        return found
    scores: dict[str, float] = {}
    for criterion in criteria:
        value = found.get(criterion)
        if value is None:
            return Unusable(f"`{criterion}` is missing")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Unusable(f"`{criterion}` is not a number")
        if not low <= value <= high or value != int(value):
            return Unusable(f"`{criterion}` is not a whole number from {low} to {high}")
        scores[criterion] = float(value)
    if any(isinstance(value, int | float) for name, value in found.items() if name not in scores):
        return Unusable(f"it scores more than {', '.join(criteria)}")
    return scores


def read_text_field(text: str, field: str) -> str | Unusable:
    """One non-empty string of a JSON reply."""
    found = read_object(text)
    if isinstance(found, Unusable):
        return found
    value = found.get(field)
    if not isinstance(value, str) or not value.strip():
        return Unusable(f"`{field}` is not a text")
    return " ".join(value.split())


def read_keywords(text: str, most: int = 3, longest: int = 40) -> tuple[str, ...] | Unusable:
    """One to `most` different keywords of at most `longest` characters."""
    found = read_object(text)
    if isinstance(found, Unusable):
        return found
    values = found.get("keywords")
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        return Unusable("`keywords` is not a list of texts")
    words = tuple(dict.fromkeys(w for w in (" ".join(v.split()) for v in values) if w))
    if not 1 <= len(words) <= most:
        return Unusable(f"it gives {len(words)} keywords, not 1 to {most}")
    if any(len(w) > longest for w in words):
        return Unusable(f"a keyword is longer than {longest} characters")
    return words


def read_choice(text: str, field: str, choices: Sequence[str]) -> str | Unusable:
    """One of the choices, whatever its case."""
    value = read_text_field(text, field)
    if isinstance(value, Unusable):
        return value
    for choice in choices:
        if value.casefold() == choice.casefold():
            return choice
    return Unusable(f"`{field}` is none of: {', '.join(choices)}")


def read_plain(text: str, longest: int = MAX_REPLY) -> str | Unusable:
    """A plain text that says something."""
    text = text.strip()
    if not text:
        return Unusable("it is empty")
    if len(text) > longest:
        return Unusable(f"it is longer than {longest} characters")
    return text


def same_keywords(a: Sequence[str], b: Sequence[str]) -> bool:
    """True if two keyword tuples name the same things, whatever their order and case."""
    return {_key(w) for w in a} == {_key(w) for w in b}


def _key(word: str) -> str:
    return re.sub(r"\W+", " ", word.casefold()).strip()
