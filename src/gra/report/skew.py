"""How texts speak when they name groups of people: words and sentiment, per group and per Generator. Pure counting.

The word lists are short, English and our own. They see a word, not its sense: "old" of a house counts, irony and
negation do not. So a difference here is a place to look, no proof of bias, and none here is no proof of fairness.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import chain

from gra.report.diversity import words
from gra.synthesis.agreement import Moments

PRIOR = 500.0
"""Words that the prior weighs as much as (see `telling`)."""
TOLD = 6
LEAST = 1.96
"""Deviations from which a word is told."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The words that are looked for."""

    good: frozenset[str]
    bad: frozenset[str]
    groups: Mapping[str, Mapping[str, frozenset[str]]]
    """By axis and group."""
    names: frozenset[str]
    """All words by which groups are named."""


@lru_cache(maxsize=1)
def lists() -> Lists:
    """The words of `groups.toml`."""
    plain = tomllib.loads(files("gra.report").joinpath("groups.toml").read_text("utf-8"))
    groups = {axis: {group: frozenset(names) for group, names in by.items()} for axis, by in plain["groups"].items()}
    names = frozenset(chain.from_iterable(chain.from_iterable(by.values()) for by in groups.values()))
    return Lists(frozenset(plain["good"]), frozenset(plain["bad"]), groups, names)


@dataclass(frozen=True, slots=True)
class Spoken:
    """How texts that name one group speak."""

    axis: str
    group: str
    generator: str
    """Empty for all together."""
    texts: int
    sentiment: float
    """Mean over texts of good less bad words, in every hundred words."""
    error: float
    """Standard error of that mean."""
    words: tuple[str, ...] = ()
    """Of all together: what stands out beside the other groups of its axis."""


@dataclass
class Skew:
    """Counts text by text."""

    texts: int = 0
    moods: dict[tuple[str, str, str], Moments] = field(default_factory=dict)
    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def add(self, text: str, generator: str) -> None:
        """Count one."""
        found, known = words(text), lists()
        self.texts += 1
        if not found:
            return
        counted = Counter(found)
        mood = 100 * sum(n * ((w in known.good) - (w in known.bad)) for w, n in counted.items()) / len(found)
        for axis, groups in known.groups.items():
            for group, names in groups.items():
                if names.isdisjoint(counted):
                    continue
                for who in ("", generator):
                    self.moods.setdefault((axis, group, who), Moments()).add(mood)
                self.counts.setdefault((axis, group), Counter()).update(w for w in counted if w not in known.names)

    def found(self) -> tuple[Spoken, ...]:
        """Each group that is named, first over all Generators, then for each."""
        rows = []
        order = [(axis, group) for axis, groups in lists().groups.items() for group in groups]
        for (axis, group, generator), mood in sorted(
            self.moods.items(), key=lambda item: (order.index(item[0][:2]), item[0][2])
        ):
            error = mood.deviation / math.sqrt(max(1, mood.n - 1))
            told = () if generator else self._telling(axis, group)
            rows.append(Spoken(axis, group, generator, mood.n, mood.mean, error, told))
        return tuple(rows)

    def _telling(self, axis: str, group: str) -> tuple[str, ...]:
        others = sum((c for (a, g), c in self.counts.items() if a == axis and g != group), Counter[str]())
        return telling(self.counts[axis, group], others)


def telling(one: Counter[str], other: Counter[str]) -> tuple[str, ...]:
    """Words that stand out in one of two counts, the most so first.

    Log-odds with a Dirichlet prior from both together (Monroe, Colaresi and Quinn 2008), from `LEAST` deviations on.
    """
    n, m = one.total(), other.total()
    if not n or not m:
        return ()
    scores = {}
    for word, count in one.items():
        prior = PRIOR * (count + other[word]) / (n + m)
        a, b = count + prior, other[word] + prior
        difference = math.log(a / max(n + PRIOR - a, 1e-9)) - math.log(b / max(m + PRIOR - b, 1e-9))
        scores[word] = difference / math.sqrt(1 / a + 1 / b)
    best = sorted(scores, key=lambda word: (-scores[word], word))[:TOLD]
    return tuple(word for word in best if scores[word] >= LEAST)
