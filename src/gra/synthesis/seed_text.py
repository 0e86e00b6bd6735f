"""Reads records out of text: a JSON list, an object around one, JSON lines, or a table with a header row.

Which of them it is, is told from the text. One record at a time is held in memory, but for an object around a list,
which is read whole. Knows nothing of what a record says.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, TextIO, cast

from gra.errors import SeedError
from gra.synthesis.seed_forms import Unfit, in_short

Record = tuple[str, Any]
"""Where a record stands, in words, and what stands there: a value, or an `Unfit` if it cannot be read."""

KINDS = "JSON, JSONL, CSV, TSV, Parquet or Arrow (text may be gzipped)"
IsRecord = Callable[[Mapping[str, Any]], bool]
HEAD_BYTES = 2**16
CHUNK = 2**20
MAX_RECORD = 4 * 2**20
"""Longest line, and longest element of a list, in characters."""
MAX_WHOLE = 256 * 2**20
"""Longest text, in characters, of an object around a list."""
TORN = "nothing after it was read"

_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BETWEEN = re.compile(r"[\s,]*")


def read_text(path: Path, is_record: IsRecord) -> tuple[str, Iterator[Record]]:
    """What kind of file it is, in words, and its records.

    Args:
        path: a text file, gzipped or not.
        is_record: whether an object is a record itself; in any other, records are looked for.

    Raises:
        SeedError: it is no text.
        OSError: it cannot be read.
    """
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    with gzip.open(path) if zipped else path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    encoding = next((name for mark, name in _ENCODINGS if head.startswith(mark)), "utf-8")
    if encoding.startswith("utf-8") and b"\0" in head:
        raise SeedError(f"{path}: this is not text. Give {KINDS}; text in UTF-16 needs its byte order mark.")

    def opened() -> TextIO:
        # Invalid bytes become lone surrogates, which mark the record they stand in and no other.
        errors = "surrogateescape" if encoding.startswith("utf-8") else "surrogatepass"
        opener: Any = gzip.open if zipped else open
        return cast("TextIO", opener(path, "rt", encoding=encoding, errors=errors, newline=""))

    kind, records = _read_by(opened, is_record)
    details = [encoding.upper()] if not encoding.startswith("utf-8") else []
    return ", ".join([kind, *details, *(["gzip"] if zipped else [])]), records


def _read_by(opened: Callable[[], TextIO], is_record: IsRecord) -> tuple[str, Iterator[Record]]:
    with opened() as stream:
        head = stream.read(HEAD_BYTES).lstrip()
    if head.startswith("["):
        return "JSON", _streamed(opened, _elements)
    delimiter = _delimiter(head)
    if delimiter:
        kind = {",": "CSV", "\t": "TSV"}.get(delimiter, f"CSV with `{delimiter}`")
        return kind, _streamed(opened, lambda stream: _rows(stream, delimiter))
    if head.startswith("{"):
        whole = _whole(opened)
        if whole is not None:
            return "JSON", _contents(whole, is_record)
    return "JSONL", _streamed(opened, _json_lines)


def _streamed(opened: Callable[[], TextIO], read: Callable[[TextIO], Iterator[Record]]) -> Iterator[Record]:
    with opened() as stream:
        yield from read(stream)


def _lines(stream: TextIO) -> Iterator[str]:
    """Lines with their ends; one that is longer than a record may be is cut, and what is cut off is passed over."""
    while line := stream.readline(MAX_RECORD):
        yield line
        while len(line) == MAX_RECORD and not line.endswith(("\n", "\r")):
            line = stream.readline(MAX_RECORD)


# --- JSON -------------------------------------------------------------------------------------------------------------


def _json_lines(stream: TextIO) -> Iterator[Record]:
    for number, line in enumerate(_lines(stream), 1):
        if line.isspace():
            continue
        value = _parsed(line)
        if value is None:
            value = Unfit("malformed", "too long" if len(line) >= MAX_RECORD else "not JSON")
        yield f"line {number}", value


def _elements(stream: TextIO) -> Iterator[Record]:
    """The elements of one list, parsed one by one out of a text that is read in pieces."""
    decoder = json.JSONDecoder()
    text, line, number = stream.read(CHUNK), 1, 0
    at = text.index("[") + 1
    while True:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        if text[at : at + 1] == "]":
            break
        wrong = "it has no end"
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            value, end = None, len(text)
            wrong = "a number is too long, or brackets too deep"
            if isinstance(error, json.JSONDecodeError):
                wrong = f"{error.msg}, line {line + text.count(chr(10), 0, error.pos)}"
        # What reaches to the end of the text may go on in the next piece.
        if end < len(text) or isinstance(value, dict):
            number += 1
            yield f"record {number}", value
            at = end
            continue
        more = stream.read(CHUNK)
        if not more or len(text) - at > MAX_RECORD:
            yield f"record {number + 1}", Unfit("torn", f"the JSON list breaks here ({wrong}); {TORN}")
            return
        line += text.count("\n", 0, at)
        text, at = text[at:] + more, 0
    if (text[at + 1 :] + stream.read(CHUNK)).strip():
        yield f"after record {number}", Unfit("torn", f"the JSON list ends, but the file does not; {TORN}")


def _whole(opened: Callable[[], TextIO]) -> Mapping[str, Any] | None:
    """The one object that the whole text is, or None if its lines are to be read one by one."""
    with opened() as stream:
        lines = (line for line in _lines(stream) if not line.isspace())
        first = _parsed(next(lines, ""))
        if isinstance(first, dict) and next(lines, None) is not None:
            return None
    with opened() as stream:
        text = stream.read(MAX_WHOLE)
        value = _parsed(text) if len(text) < MAX_WHOLE else None
    return value if isinstance(value, dict) else None


def _contents(whole: Mapping[str, Any], is_record: IsRecord) -> Iterator[Record]:
    """The records of the one list in an object, or the object itself."""
    lists = {
        name: value
        for name, value in whole.items()
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    }
    if not lists or is_record(whole):
        yield "record 1", whole
        return
    if len(lists) > 1:
        yield "record 1", Unfit("malformed", f"several lists, {in_short(lists)}; give the one to use alone")
        return
    for number, record in enumerate(next(iter(lists.values())), 1):
        yield f"record {number}", record


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# --- tables -----------------------------------------------------------------------------------------------------------


def _delimiter(head: str) -> str | None:
    """What parts the cells of the header row: that which parts it into most. None if this is no table."""
    second = head.split("\n", 2)[1:2]
    if head.startswith("{") or (second and isinstance(_parsed(second[0]), dict)):
        return None  # JSON lines, the first of them perhaps broken
    widths = {}
    for delimiter in ",\t;|":
        try:
            widths[delimiter] = len(next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), ()))
        except csv.Error:
            continue
    best = max(widths, key=lambda delimiter: widths[delimiter], default=None)
    return best if best and widths[best] > 1 else None


def _rows(stream: TextIO, delimiter: str) -> Iterator[Record]:
    """The rows of a table as objects, named by the line they begin at. Strict: bad quoting may run rows together."""
    csv.field_size_limit(MAX_RECORD)  # of the whole process; its default would end a table at one long cell
    rows = csv.reader(_lines(stream), delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if "expected after" not in str(error):  # too long, or at the end: the quote was never closed
                yield f"line {line}", Unfit("torn", f"a cell is too long, or its quote is never closed; {TORN}")
                return
            yield f"line {line}", Unfit("malformed", f"bad quoting up to line {rows.line_num} ({error})")
            continue
        if row and not header:
            header = [name.strip() for name in row]
        elif len(row) > len(header):
            yield f"line {line}", Unfit("malformed", f"{len(row)} cells, under a header of {len(header)}")
        elif row:
            yield f"line {line}", dict(zip_longest(header, row, fillvalue=""))
