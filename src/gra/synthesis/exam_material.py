"""What an exam is set from besides the user's seeds: answers that a person has labelled, and gra's own exercises."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from gra.config.material import ExamConfig
from gra.errors import SeedError
from gra.records import Entry
from gra.synthesis.seed_forms import Unfit, text_of

LONGEST = 20_000
"""Characters of one field."""
LONGEST_NAME = 200
"""Characters of a domain or of an author."""
SHOWN = 20
"""Problems told one by one; the rest are counted."""
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

    @property
    def characters(self) -> int:
        """Of an instruction and its answer together, the longer of the two."""
        return max(len(self.instruction) + len(self.good), len(self.bad_instruction) + len(self.bad))

    @property
    def claim(self) -> tuple[str, ...]:
        """Of a pair, what it says: an instruction and two answers, whichever is the better one."""
        return _plain(self.instruction), *sorted((_plain(self.good), _plain(self.bad)))

    @property
    def so(self) -> bool:
        """Which of the two it is."""
        return _plain(self.good) < _plain(self.bad)


class Answers(NamedTuple):
    """What the files hold."""

    labelled: tuple[Labelled, ...]
    problems: tuple[str, ...]
    """What was left out and where, in words."""


Row = tuple[Mapping[str, Any], str]
"""A record, and where it stands."""


def read_labelled(config: ExamConfig, judged: Iterable[Row] = ()) -> Answers:
    """The user's labelled answers; what is said twice counts once, and what is contradicted does not count.

    Args:
        config: names their files.
        judged: more graded answers, as records of such a file: what people have said of samples of earlier runs.

    Raises:
        SeedError: a file cannot be read, a line of it is none, or nothing of it is left; the message names it.
    """
    pairs, problems = _consistent([(_pair(row, where), where) for row, where in _rows(config.pairs)])
    rows = chain(_rows(config.graded), judged)
    graded, more = _consistent([(_grade(row, where), where) for row, where in rows])
    named = [replace(pair, name=f"p{n:03d}") for n, pair in enumerate(pairs)]
    sources = ", ".join(map(str, filter(None, (config.graded, *config.people))))
    return Answers((*named, *_paired(graded, sources)), _in_short(problems + more))


def digest_of(labelled: Sequence[Labelled]) -> str:
    """A hash of their content; empty without any."""
    if not labelled:
        return ""
    text = json.dumps([asdict(pair) for pair in labelled], ensure_ascii=True, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def strange_domains(labelled: Sequence[Labelled], known: Iterable[str]) -> tuple[str, ...]:
    """A line on the domains that samples are never of, if labelled answers name such."""
    strange = sorted({pair.domain for pair in labelled if pair.domain} - set(known))
    if not strange:
        return ()
    named = ", ".join(f"`{name}`" for name in strange[:5])
    return (f"labelled answers name domains that `domains` does not have ({named}): no sample is of one",)


def bundled() -> list[Entry]:
    """General exercises of gra's own with their answers, in English, for whoever has no seeds."""
    rows = json.loads(files("gra").joinpath("data", "exam", "general.json").read_text(encoding="utf-8"))
    return [
        Entry(f"general-{n:03d}", 0, row["domain"], (), "", row["instruction"], row["response"])
        for n, row in enumerate(rows)
    ]


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


_Said = TypeVar("_Said", Labelled, "_Grade")


@dataclass(frozen=True, slots=True)
class _Grade:
    """One graded answer."""

    instruction: str
    response: str
    correct: bool
    domain: str
    author: str

    @property
    def claim(self) -> tuple[str, ...]:
        """What it says, beside whether that is so."""
        return _plain(self.instruction), _plain(self.response)

    @property
    def so(self) -> bool:
        """Whether it is so."""
        return self.correct


def _pair(row: Mapping[str, Any], where: str) -> Labelled:
    instruction, good, bad = (_text(row, key, where) for key in ("instruction", "chosen", "rejected"))
    if _plain(good) == _plain(bad):
        raise SeedError(f"{where}: `chosen` and `rejected` are the same")
    authors = [_name(row, (f"{half}_author",), where) for half in ("chosen", "rejected")]
    return Labelled("", "rejected", instruction, good, instruction, bad, _name(row, ("domain",), where), *authors)


def _grade(row: Mapping[str, Any], where: str) -> _Grade:
    instruction, response = (_text(row, key, where) for key in ("instruction", "response"))
    if not isinstance(row.get("correct"), bool):
        raise SeedError(f"{where}: `correct` is not there, or is neither true nor false")
    names = (_name(row, keys, where) for keys in (("domain",), _AUTHORS))
    return _Grade(instruction, response, row["correct"], *names)


def _consistent(rows: Sequence[tuple[_Said, str]]) -> tuple[list[_Said], list[str]]:
    """Each once, in order, without those of which the opposite is said too; and what was left out.

    Of answers that are rejected in one pair and chosen in another nothing is wrong: it may be the better of two.
    """
    first: dict[tuple[str, ...], tuple[_Said, str]] = {}
    torn: set[tuple[str, ...]] = set()
    problems = []
    for row, where in rows:
        if row.claim not in first:
            first[row.claim] = row, where
            continue
        before, there = first[row.claim]
        if before.so == row.so:
            problems.append(f"{where}: the same as {there}")
        else:
            problems.append(f"{where}: it contradicts {there}; neither counts")
            torn.add(row.claim)
    kept = [row for claim, (row, _) in first.items() if claim not in torn]
    if rows and not kept:
        raise SeedError(f"{rows[0][1]}: nothing is left of the file; {problems[0]}")
    return kept, problems


def _in_short(problems: Sequence[str]) -> tuple[str, ...]:
    more = len(problems) - SHOWN
    return (*problems[:SHOWN], *([f"and {more} more labelled answers, left out"] if more > 0 else []))


def _paired(rows: Sequence[_Grade], sources: str) -> Iterator[Labelled]:
    """Right and wrong answers in pairs: to one instruction where there are both, then what is left over."""
    right: dict[str, list[_Grade]] = defaultdict(list)
    wrong: dict[str, list[_Grade]] = defaultdict(list)
    for row in rows:
        (right if row.correct else wrong)[row.instruction].append(row)
    if rows and not (right and wrong):
        raise SeedError(f"{sources}: all answers there are {'right' if right else 'wrong'}; both are needed")
    couples = []
    for instruction in right:
        ours, theirs = right[instruction], wrong[instruction]
        while ours and theirs:
            couples.append((ours.pop(0), theirs.pop(0)))
    # Then within a domain: two of different domains say nothing of either.
    spare: dict[str, deque[_Grade]] = defaultdict(deque)
    for bad in chain.from_iterable(wrong.values()):
        spare[bad.domain].append(bad)
    alone = []
    for good in chain.from_iterable(right.values()):
        if spare[good.domain]:
            couples.append((good, spare[good.domain].popleft()))
        else:
            alone.append(good)
    couples += zip(alone, chain.from_iterable(spare.values()), strict=False)
    for number, (good, bad) in enumerate(couples):
        texts = (good.instruction, good.response, bad.instruction, bad.response)
        domain = good.domain if bad.domain in ("", good.domain) else ""
        yield Labelled(f"g{number:03d}", "wrong", *texts, domain, good.author, bad.author)


def _name(row: Mapping[str, Any], keys: Sequence[str], where: str) -> str:
    """A short text under the first of these keys that has one; empty without."""
    for key in keys:
        if not (value := row.get(key)):
            continue
        try:
            name = text_of(value, key)
        except Unfit as unfit:
            raise SeedError(f"{where}: {unfit}") from None
        if len(name) > LONGEST_NAME:
            raise SeedError(f"{where}: `{key}` has {len(name):,} characters; {LONGEST_NAME} is the most")
        if name:
            return name
    return ""


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    text = row.get(key)
    if not isinstance(text, str) or not text.strip():
        raise SeedError(f"{where}: `{key}` is not there, or is no text")
    if len(text) > LONGEST:
        raise SeedError(f"{where}: `{key}` has {len(text):,} characters; {LONGEST:,} is the most")
    try:
        text_of(text, key)
    except Unfit as unfit:
        raise SeedError(f"{where}: {unfit}") from None
    return text


def _plain(text: str) -> str:
    """A text by which two are known to be the same; spaces aside."""
    return " ".join(text.split())
