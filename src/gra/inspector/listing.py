"""Which samples a list shows: filters, search and order, as SQL over the index.

A page is found by the last key of the one before, so that the thousandth takes as long as the first.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gra.errors import GraError
from gra.inspector.index import Index

PAGE = 50
"""Samples on a page."""
MOST_COUNTED = 10_000
"""Samples counted; beyond it is only said that there are more."""
FEW = 2_000
"""Hits of a search that are looked up one by one."""
SHOWN = (
    "id, round, status, domain, generator, score, disagreement, split, disputed, revisions, response_length, "
    "similarity, duplicate_of, title"
)
SORTS: Mapping[str, tuple[str, str]] = {
    "order": ("n", "ASC"),
    "newest": ("n", "DESC"),
    "best": ("score", "DESC"),
    "worst": ("score", "ASC"),
    "disagreement": ("disagreement", "DESC"),
    "longest": ("response_length", "DESC"),
    "shortest": ("response_length", "ASC"),
}
"""The orders, by name: the column, and its direction."""
STANCES: Mapping[str, str] = {
    "split": "split",
    "disputed": "disputed",
    "revised": "revisions > 0",
    "ruled": "ruled",
}
"""How a sample was received, by name, as a condition."""
_COLUMNS = ("status", "domain", "generator", "reason")
_UNSAID = re.compile(r'["\x00-\x1f\ud800-\udfff]')
"""What would end a term, or what SQLite does not take."""
_TERM = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')


class BadQuestion(GraError):
    """What was asked of a list cannot be understood; its text says what can be."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is to show. Every field is text, as it stands in the page's address; empty where nothing is said."""

    q: str = ""
    status: str = ""
    domain: str = ""
    generator: str = ""
    reason: str = ""
    round: str = ""
    least: str = ""
    """Lowest score, 0 to 10."""
    most: str = ""
    """Highest score."""
    stance: str = ""
    """One of `STANCES`."""
    person: str = ""
    """`accepted`, `rejected`, `judged` or `open`: what a person has said."""
    yes: str = ""
    """A reviewer that would accept, where `no` would not."""
    no: str = ""
    stage: str = ""
    """Of `yes` and `no`."""
    of: str = ""
    """Id of what the samples are duplicates of."""
    sort: str = ""
    """One of `SORTS`."""
    after: str = ""
    """Key of the sample before the page's first."""
    before: str = ""
    """Key of the sample behind the page's last."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Wanted:
        """From the address of a page; what it does not know is passed over."""
        return cls(**{name: query[name].strip() for name in cls.__slots__ if name in query})

    def query(self, **changes: str) -> dict[str, str]:
        """As part of an address, with changes; a page's place is left out unless it is one of them."""
        changed = replace(self, **{"after": "", "before": "", **changes})
        said = {name: getattr(changed, name) for name in self.__slots__}
        return {name: value for name, value in said.items() if value}

    @property
    def narrowed(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.query(sort=""))


@dataclass(frozen=True, slots=True)
class Judged:
    """Ids of the samples that a person has judged."""

    accepted: Collection[str] = ()
    rejected: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some samples of a list."""

    rows: list[dict[str, Any]]
    """`SHOWN`, and `key`, which is the sample's place in the list."""
    count: int
    """Samples of the whole list, at most `MOST_COUNTED` + 1."""
    earlier: bool
    """Whether there are samples before these."""
    later: bool


def page_of(index: Index, wanted: Wanted, judged: Judged = Judged(), size: int = PAGE) -> Page:
    """A page of a list.

    Raises:
        BadQuestion: there is no such order, or a number or a place is none.
    """
    where, values = conditions(index, wanted, judged)
    column, direction = _order(wanted)
    count = index.rows(
        f"SELECT count(*) FROM (SELECT 1 FROM samples WHERE {where} LIMIT {MOST_COUNTED + 1})",  # noqa: S608
        values,
    )[0][0]
    if not count:
        return Page([], 0, earlier=False, later=False)
    backwards = bool(wanted.before)
    place, at = _place(wanted.before or wanted.after, column, (direction == "ASC") != backwards)
    turned = {"ASC": "DESC", "DESC": "ASC"}[direction] if backwards else direction
    query = (
        f"SELECT {SHOWN}, {column}, n FROM samples WHERE {where} AND {place} "  # noqa: S608
        f"ORDER BY {column} {turned}, n {turned} LIMIT {size + 1}"
    )
    found = index.rows(query, (*values, *at))
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    names = SHOWN.split(", ")
    rows = [{**dict(zip(names, row[:-2], strict=True)), "key": f"{row[-2]!r}:{row[-1]}"} for row in found]
    if backwards:
        return Page(rows, count, earlier=more, later=True)
    return Page(rows, count, earlier=bool(wanted.after), later=more)


def neighbours(index: Index, wanted: Wanted, judged: Judged, id: str) -> tuple[str, str]:
    """Ids of the samples before and behind one in a list; empty where there is none."""
    column, _ = _order(wanted)
    where = conditions(index, wanted, judged)
    rows = index.rows(f"SELECT {column}, n FROM samples WHERE id = ?", (id,))  # noqa: S608
    if not rows:
        return "", ""
    key = f"{rows[0][0]!r}:{rows[0][1]}"
    places = (replace(wanted, after="", before=key), replace(wanted, after=key, before=""))
    before, behind = (_first(index, place, *where) for place in places)
    return before, behind


def _first(index: Index, wanted: Wanted, where: str, values: tuple[Any, ...]) -> str:
    column, direction = _order(wanted)
    rising = (direction == "ASC") != bool(wanted.before)
    place, at = _place(wanted.before or wanted.after, column, rising)
    turned = "ASC" if rising else "DESC"
    query = f"SELECT id FROM samples WHERE {where} AND {place} ORDER BY {column} {turned}, n {turned} LIMIT 1"  # noqa: S608
    rows = index.rows(query, (*values, *at))
    return str(rows[0][0]) if rows else ""


def conditions(index: Index, wanted: Wanted, judged: Judged) -> tuple[str, tuple[Any, ...]]:
    """What samples must meet, and the values in it. Words are searched for here, once.

    Raises:
        BadQuestion: a number is none, or there is no such choice.
    """
    parts: list[tuple[str, tuple[Any, ...]]] = [("TRUE", ())]
    parts += [(f"{name} = ?", (said,)) for name in _COLUMNS if (said := getattr(wanted, name))]
    if wanted.round:
        parts.append(("round = ?", (_number(wanted.round, "round"),)))
    if wanted.least:
        parts.append(("score >= ?", (_number(wanted.least, "lowest score"),)))
    if wanted.most:
        parts.append(("score <= ?", (_number(wanted.most, "highest score"),)))
    if wanted.of:
        parts.append(("duplicate_of = ?", (wanted.of,)))
    if wanted.stance:
        parts.append((_choice(wanted.stance, STANCES, "kind of review"), ()))
    if wanted.yes and wanted.no:
        stage = " AND stage = ?" if wanted.stage else ""
        apart = f"n IN (SELECT n FROM disagreements WHERE yes = ? AND no = ?{stage})"  # noqa: S608
        parts.append((apart, (wanted.yes, wanted.no, *([wanted.stage] if wanted.stage else []))))
    if wanted.person:
        parts.append(_of_person(wanted.person, judged))
    if wanted.q:
        hits = index.search(match(wanted.q))
        # `+` keeps SQLite from looking hits up one by one, where they are so many that it had better go by the order.
        found = f"{'' if hits <= FEW else '+'}doc IN (SELECT doc FROM hits)"  # noqa: S608
        parts.append((found if hits else "FALSE", ()))
    return " AND ".join(part for part, _ in parts), tuple(value for _, some in parts for value in some)


def match(words: str) -> str:
    """What a person types as a question to the index of words.

    All words must occur; `word*` stands for all that begin so, `"some words"` for these one after another, and `-word`
    must not occur. Nothing else has a meaning.

    Raises:
        BadQuestion: it has nothing to look for.
    """
    terms: dict[str, list[str]] = {"": [], "-": []}
    for sign, phrase, word in _TERM.findall(words):
        text = phrase or word
        if any(c.isalnum() for c in text):
            beginning = "*" if not phrase and word.endswith("*") else ""
            terms[sign].append('"' + _UNSAID.sub(" ", text.rstrip("*")) + '"' + beginning)
    if not terms[""]:
        raise BadQuestion("a search needs a word to look for: letters or digits, not only what must not occur")
    return " AND ".join(terms[""]) + "".join(f" NOT {term}" for term in terms["-"])


def searchable() -> bool:
    """Whether this machine's SQLite can search texts."""
    try:
        sqlite3.connect(":memory:").execute("CREATE VIRTUAL TABLE t USING fts5(x)").connection.close()
    except sqlite3.Error:
        return False
    return True


def _of_person(said: str, judged: Judged) -> tuple[str, tuple[str]]:
    chosen: Mapping[str, tuple[str, Collection[str]]] = {
        "accepted": ("IN", judged.accepted),
        "rejected": ("IN", judged.rejected),
        "judged": ("IN", (*judged.accepted, *judged.rejected)),
        "open": ("NOT IN", (*judged.accepted, *judged.rejected)),
    }
    operator, ids = chosen[_choice(said, {name: name for name in chosen}, "verdict of a person")]
    return f"id {operator} (SELECT value FROM json_each(?))", (json.dumps(sorted(ids)),)  # noqa: S608


def _order(wanted: Wanted) -> tuple[str, str]:
    name = wanted.sort or "order"
    if name not in SORTS:
        raise BadQuestion(f"there is no order `{name}`; there are: {', '.join(SORTS)}")
    return SORTS[name]


def _place(key: str, column: str, rising: bool) -> tuple[str, tuple[float, int] | tuple[()]]:
    """A condition for what lies behind a key in the order."""
    if not key:
        return "TRUE", ()
    value, _, n = key.partition(":")
    operator = ">" if rising else "<"
    return f"({column}, n) {operator} (?, ?)", (_number(value, "place"), int(_number(n, "place")))


def _number(text: str, what: str) -> float:
    try:
        number = int(text) if text.isdecimal() and text.isascii() else float(text)
    except ValueError:
        raise BadQuestion(f"`{text[:40]}` is no {what}: a number is needed") from None
    if not abs(number) < 2**62:
        raise BadQuestion(f"`{text[:40]}` is no {what}: it is out of all bounds")
    return number


def _choice(said: str, among: Mapping[str, str], what: str) -> str:
    if said not in among:
        raise BadQuestion(f"there is no {what} `{said[:40]}`; there are: {', '.join(among)}")
    return among[said]
