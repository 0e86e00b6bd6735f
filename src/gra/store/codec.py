"""How a value becomes one database column and comes back the same. Knows no tables.

A column holds JSON as TEXT, or, as a BLOB, the same JSON deflated. It is a BLOB in two cases: where that is
asked for and pays (requests and replies, which nobody queries by content), and where the text has lone surrogates,
which model output may and SQLite's UTF-8 may not contain. So nothing a model can write is lost or stops a run.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import pydantic_core
from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
Column = str | bytes

DEFLATE_FROM = 4096
"""Characters from which deflating pays. Measured on English prose, per byte saved: 0.15 us of CPU at 500 characters,
0.05 us at 6,000; below, it would cost more than all the rest of a commit, and a row no longer readable by eye."""
# Setting up deflate's usual 32 KiB window takes as long as deflating 1,000 characters. 8 KiB takes a quarter of that
# and comes out no larger at this size; any `zlib.decompress` reads it.
_LEVEL, _WINDOW, _MEMORY = 1, 13, 6
_EXACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=asdict)
_adapters: dict[type[Any], TypeAdapter[Any]] = {}  # made when first needed: a millisecond each


def to_json(value: object) -> str:
    """Compact JSON of a record or of plain data. `NaN` and `Infinity` pass, as Python's reader takes them."""
    try:
        return pydantic_core.to_json(value, inf_nan_mode="constants").decode()
    except pydantic_core.PydanticSerializationError:
        return _EXACT.encode(value)  # half as fast; keeps lone surrogates


def from_json(kind: type[T], text: str) -> T:
    """The record of this kind that `to_json` wrote.

    Raises:
        ValueError: it is not one.
    """
    try:
        return _adapter(kind).validate_json(text)
    except ValidationError:
        return _adapter(kind).validate_python(json.loads(text))


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def readable(text: str) -> Column:
    """A column that SQL can look into, as long as the text is valid Unicode."""
    return text if _is_unicode(text) else _deflate(text)


def compact(text: str) -> Column:
    """A column that takes little room."""
    if len(text) < DEFLATE_FROM:
        return readable(text)
    deflated = _deflate(text)
    return deflated if len(deflated) < len(text) or not _is_unicode(text) else text


def text_of(column: Column) -> str:
    """The text that `readable` or `compact` stored.

    Raises:
        ValueError: the bytes are not what was stored.
    """
    if isinstance(column, str):
        return column
    try:
        return zlib.decompress(column).decode("utf-8", "surrogatepass")
    except (zlib.error, TypeError) as error:
        raise ValueError(f"cannot be read: {error}") from error


def label(text: str) -> str:
    """Text for a column that is only searched and shown, with lone surrogates spelled out."""
    return text if _is_unicode(text) else text.encode("utf-8", "backslashreplace").decode()


def checksum(fields: Sequence[object], *texts: str) -> str:
    """Tagged hash of a row: its small fields, then its JSON texts (which hold no raw line break)."""
    joined = "\n".join([_EXACT.encode(fields), *texts])
    return "sha256:" + hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _deflate(text: str) -> bytes:
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)
    return stream.compress(text.encode("utf-8", "surrogatepass")) + stream.flush()
