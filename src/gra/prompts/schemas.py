"""JSON schemas of the replies, for servers that can enforce one. The parsers hold with or without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def record(**fields: Schema) -> Schema:
    """An object with exactly these fields, in this order."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def text(longest: int) -> Schema:
    """A string of at most `longest` characters."""
    return {"type": "string", "minLength": 1, "maxLength": longest}


def choice(values: Sequence[str]) -> Schema:
    """One of these strings."""
    return {"type": "string", "enum": list(values)}


def keywords(most: int = 3) -> Schema:
    """One to `most` short strings."""
    return {"type": "array", "items": text(30), "minItems": 1, "maxItems": most}


def whole(low: int, high: int) -> Schema:
    """A whole number in [low, high]."""
    return {"type": "integer", "minimum": low, "maximum": high}
