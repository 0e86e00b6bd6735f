"""What an exam is set from besides the user's seeds: answers that a person has labelled, and gra's own exercises."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from gra.config.material import ExamConfig
from gra.errors import SeedError
from gra.records import Entry

LONGEST = 20_000
"""Characters of one field."""
LARGEST = 100_000_000
"""Bytes of one file."""
MOST = 20_000
"""Lines of one file."""
_AUTHORS = ("author", "system", "model")
"""Under one of these a record says who wrote its answer."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A good answer and a bad one, by the word of whoever made the file."""

    name: str
    """`p` or `g`, for pairs or graded, and a number from 0 in the file's order."""
    kind: str
    """What the bad one is: `rejected` (of a pair) or `wrong` (graded)."""
    instruction: str
    good: str
    bad_instruction: str
    """The bad answer's; another one where a graded file has no good and bad answers to one instruction."""
    bad: str
    domain: str = ""
    good_author: str = ""
    bad_author: str = ""


def read_labelled(config: ExamConfig) -> tuple[Labelled, ...]:
    """The user's labelled answers.

    Raises:
        SeedError: a file cannot be read, or a line of it is none; the message names it.
    """
    pairs = [_pair(n, row, where) for n, (row, where) in enumerate(_rows(config.pairs))]
    return (*pairs, *_paired(list(_rows(config.graded))))


def digest_of(labelled: Sequence[Labelled]) -> str:
    """A hash of their content; empty without any."""
    if not labelled:
        return ""
    text = json.dumps([asdict(pair) for pair in labelled], ensure_ascii=True, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def bundled() -> list[Entry]:
    """General exercises of gra's own with their answers, in English, for whoever has no seeds."""
    rows = json.loads(files("gra").joinpath("data", "exam", "general.json").read_text(encoding="utf-8"))
    return [
        Entry(f"general-{n:03d}", 0, row["domain"], (), "", row["instruction"], row["response"])
        for n, row in enumerate(rows)
    ]


Row = tuple[Mapping[str, Any], str]
"""A record, and where it stands."""


def _rows(path: Path | None) -> Iterator[Row]:
    if path is None:
        return
    try:
        if path.stat().st_size > LARGEST:
            raise SeedError(f"the exam's file {path} has more than {LARGEST // 10**6} MB. Give a part of it")
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # a string may hold other ends of lines
    except (OSError, UnicodeDecodeError) as error:
        raise SeedError(f"the exam's file {path} cannot be read: {error}. It is to be JSON Lines in UTF-8") from None
    full = [(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    if len(full) > MOST:
        raise SeedError(f"the exam's file {path} has {len(full):,} lines; {MOST:,} is the most. Give a part of it")
    if not full:
        raise SeedError(f"the exam's file {path} is empty")
    for number, line in full:
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise SeedError(f"{where}: no JSON object")
        yield row, where


def _pair(number: int, row: Mapping[str, Any], where: str) -> Labelled:
    instruction, good, bad = (_text(row, key, where) for key in ("instruction", "chosen", "rejected"))
    if good.split() == bad.split():
        raise SeedError(f"{where}: `chosen` and `rejected` are the same")
    authors = [str(row.get(f"{half}_author") or "") for half in ("chosen", "rejected")]
    domain = str(row.get("domain") or "")
    return Labelled(f"p{number:03d}", "rejected", instruction, good, instruction, bad, domain, *authors)


def _paired(rows: Sequence[Row]) -> Iterator[Labelled]:
    """Right and wrong answers in pairs: to one instruction where there are both, then what is left over."""
    right: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    wrong: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row, where in rows:
        instruction, _ = (_text(row, key, where) for key in ("instruction", "response"))
        if not isinstance(row.get("correct"), bool):
            raise SeedError(f"{where}: `correct` is not there, or is neither true nor false")
        (right if row["correct"] else wrong)[instruction].append(row)
    if rows and not (right and wrong):
        raise SeedError(f"{rows[0][1]}: all answers of the file are {'right' if right else 'wrong'}; both are needed")
    couples = []
    for instruction in right:
        ours, theirs = right[instruction], wrong[instruction]
        while ours and theirs:
            couples.append((ours.pop(0), theirs.pop(0)))
    couples += zip(_left(right), _left(wrong), strict=False)
    for number, (good, bad) in enumerate(couples):
        texts = (good["instruction"], good["response"], bad["instruction"], bad["response"])
        domain = str(good.get("domain") or "")
        yield Labelled(f"g{number:03d}", "wrong", *texts, domain, _author(good), _author(bad))


def _left(answers: Mapping[str, list[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    return [row for rows in answers.values() for row in rows]


def _author(row: Mapping[str, Any]) -> str:
    return next((str(row[key]) for key in _AUTHORS if row.get(key)), "")


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    text = row.get(key)
    if not isinstance(text, str) or not text.strip():
        raise SeedError(f"{where}: `{key}` is not there, or is no text")
    if len(text) > LONGEST:
        raise SeedError(f"{where}: `{key}` has {len(text):,} characters; {LONGEST:,} is the most")
    return text
