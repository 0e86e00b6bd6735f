"""Which answers are better than which: pairs and single judgements, from what the reviewers have said. No file format.

Pairs come from revisions (an accepted version and one of the same sample that was judged worse) and from answers that
other samples, or other runs, gave to the same instruction and that were rejected.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from gra.export.rows import Row, metadata
from gra.records import Status, Version

ALIKE = 0.95
"""Share of words in common from which two responses are nearly the same. Training on pairs that differ in a word or two
pushes the good answer down with the bad one (Pal et al. 2024, arXiv 2402.13228)."""
REJECTED = (Status.REJECTED_RESPONSE, Status.REJECTED_RULING)
"""Samples whose instruction was good enough, and whose response was not."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one instruction, the first judged better by the same gate."""

    row: Row
    """The accepted sample; its response is the chosen one."""
    rejected: Row
    """The same sample, or another with the same instruction; it has only the version that is meant."""
    score_chosen: float
    score_rejected: float
    """0-10 both."""
    origin: Literal["revision", "answer"]

    @property
    def margin(self) -> float:
        """By how much the chosen one is better, 0-10."""
        return round(self.score_chosen - self.score_rejected, 6)

    def known(self) -> dict[str, Any]:
        """What is known of it beside its texts."""
        worse = metadata(self.rejected)
        return {
            **metadata(self.row),
            "origin": self.origin,
            **{f"rejected_{name}": worse[name] for name in ("id", "run", "generator", "reviewers")},
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer, and whether it is a good one."""

    row: Row
    """Its sample has only the version that is meant."""
    label: bool

    def known(self) -> dict[str, Any]:
        """What is known of it beside its texts."""
        return metadata(self.row)


def pairs(row: Row, rivals: Iterable[Row], least_margin: float, left: Counter[str]) -> Iterator[Pair]:
    """The pairs of an accepted sample, in the order of its versions, then of its rivals.

    Args:
        row: the accepted sample.
        rivals: rejected samples with the same instruction.
        least_margin: what a pair must have at least, 0-10; one without any margin is none.
        left: counts what is no pair, by the reason.
    """
    chosen = row.sample.best
    if not chosen or not chosen.final:
        return
    for other, origin in _worse(row, chosen, rivals):
        final = other.sample.versions[0].final
        if final is None:
            continue
        pair = Pair(row, other, chosen.final.score, final.score, origin)
        if alike(chosen.response, other.sample.response):
            left["nearly the same answer"] += 1
        elif pair.margin <= 0 or pair.margin < least_margin:
            left["margin too small"] += 1
        else:
            yield pair


def _worse(row: Row, chosen: Version, rivals: Iterable[Row]) -> Iterator[tuple[Row, Literal["revision", "answer"]]]:
    yield from ((only(row, version), "revision") for version in row.sample.versions if version is not chosen)
    yield from ((only(rival, rival.sample.best), "answer") for rival in rivals if rival.sample.best)


def judged(row: Row) -> Iterator[Judged]:
    """An accepted sample's versions: the one that counts is good, those that were turned down are not."""
    best = row.sample.best
    for version in row.sample.versions:
        if version is best:
            yield Judged(only(row, version), True)
        elif turned_down(version):
            yield Judged(only(row, version), False)


def turned_down(version: Version) -> bool:
    """Whether it was judged, and did not pass."""
    return version.final is not None and version.final.outcome != "accept"


def only(row: Row, version: Version) -> Row:
    """The row as if its sample had only this version."""
    score = version.final.score if version.final else row.sample.score
    return Row(replace(row.sample, versions=(version,), score=score), row.run)


def alike(one: str, other: str) -> bool:
    """Whether two responses are the same, or nearly, whatever their case, spaces and punctuation."""
    first, second = _words(one), _words(other)
    if first == second:
        return True
    common = (Counter(first) & Counter(second)).total()
    return 2 * common >= ALIKE * (len(first) + len(second))


def _words(text: str) -> list[str]:
    words = (word.strip(string.punctuation) for word in re.findall(r"\S+", text.casefold()))
    return [word for word in words if word]
