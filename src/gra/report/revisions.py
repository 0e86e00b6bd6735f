"""What new versions of responses came to, and what they cost: how often one was tried, won side by side, and kept.

Told by what there was to go by: who wrote the comments, how long they were, how much of the say was theirs, who had
ruled, what was found worst, and how far below the bar the response was. Of a few revisions the share that gained
something says next to nothing, so it has its interval, and none is told of fewer than `LEAST`. In refinement a new
response is a version too, one without comments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from statistics import NormalDist, fmean
from typing import Any

from gra.records import SEED, Sample, Version
from gra.store.reader import Reader
from gra.synthesis.figures import Z, alike, on_ten, wilson
from gra.synthesis.mending import caused

WORDS = ((8, "under 8"), (16, "8 to 15"), (10**9, "16 or more"))
"""Bounds of the mean length of the comments that a revision was written after."""
BANDS = ((2.5, "under 2.5"), (5.0, "2.5 to 5"), (7.5, "5 to 7.5"), (float("inf"), "7.5 or more"))
"""Bounds of the score that the response before it had."""
SAYS = ((0.5, "under half"), (0.9, "half to 0.9"), (float("inf"), "0.9 or more"))
"""Bounds of the share of the say that the commenters had together."""
UNCOMMENTED = "nobody"
UNRULED = "nobody"
LEAST = 8
"""Revisions of which a share is told."""


@dataclass(frozen=True, slots=True)
class Tries:
    """New versions together."""

    tried: int = 0
    compared: int = 0
    """Of these, set side by side with the one before."""
    won: int = 0
    """Of those, preferred to it."""
    gained: int = 0
    """The version that passed, and counts."""
    tokens: int = 0
    """Of everything that was asked because of them: comments, writing, comparison, review and ruling."""

    def __add__(self, other: Tries) -> Tries:
        """Both together."""
        return Tries(
            self.tried + other.tried,
            self.compared + other.compared,
            self.won + other.won,
            self.gained + other.gained,
            self.tokens + other.tokens,
        )

    def __sub__(self, part: Tries) -> Tries:
        """All but those that are part of these."""
        return Tries(
            self.tried - part.tried,
            self.compared - part.compared,
            self.won - part.won,
            self.gained - part.gained,
            self.tokens - part.tokens,
        )

    @property
    def tokens_per_gained(self) -> float | None:
        """What a sample costs that passed because of them; None if none did."""
        return self.tokens / self.gained if self.gained else None

    @property
    def share(self) -> Share | None:
        """Of these, gained; None of too few."""
        if self.tried < LEAST:
            return None
        low, _, high = wilson(self.gained, self.tried)
        return Share(self.gained / self.tried, low, high)


@dataclass(frozen=True, slots=True)
class Share:
    """A share, or a difference of two, and the interval of 95 % that it lies in."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Place:
    """How much a model favours what it reads first."""

    model: str
    asked: int
    """Pairs, each in both orders."""
    log_odds: float
    """Mean log-odds of whatever stands first; 0 is no bias."""
    unread: int
    """Of the pairs, those that it gave no readable answer to."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """New versions over a whole run."""

    all: Tries = Tries()
    by_author: Mapping[str, Tries] = field(default_factory=dict)
    """By who had written a comment that was followed; one with several authors counts for each."""
    by_words: Mapping[str, Tries] = field(default_factory=dict)
    """By the comments' mean length, where there were any."""
    by_score: Mapping[str, Tries] = field(default_factory=dict)
    """By the score of the response before, where it had one."""
    by_say: Mapping[str, Tries] = field(default_factory=dict)
    """By the share of the say that the commenters had together, where there were any."""
    by_ruler: Mapping[str, Tries] = field(default_factory=dict)
    """By the Adjudicator that had ruled on the response before."""
    by_criterion: Mapping[str, Tries] = field(default_factory=dict)
    """By the criterion on which the response before was lowest, of those that all with a say were asked about."""
    places: tuple[Place, ...] = ()

    @property
    def groups(self) -> dict[str, Mapping[str, Tries]]:
        """All of them, by name."""
        names = ("by_author", "by_words", "by_say", "by_ruler", "by_criterion", "by_score")
        return {name: getattr(self, name) for name in names}

    def against_others(self, group: str, key: str) -> Share | None:
        """By how much the share gained is higher than that of all other revisions; None if either are too few.

        Newcombe's interval of a difference (1998, method 10), so wide that of all keys of the group together one in
        twenty is apart by luck (Bonferroni).
        """
        keys = self.groups[group]
        here, others = keys[key], self.all - keys[key]
        if not here.share or not others.share:
            return None
        sure = NormalDist().inv_cdf(1 - 0.025 / len(keys)) if len(keys) > 1 else Z
        low, _, high = wilson(here.gained, here.tried, sure)
        other_low, _, other_high = wilson(others.gained, others.tried, sure)
        one, other = here.share.value, others.share.value
        difference = one - other
        below = math.hypot(one - low, other_high - other)
        above = math.hypot(high - one, other - other_low)
        return Share(difference, difference - below, difference + above)

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        groups: dict[str, Any] = {}
        for name, group in self.groups.items():
            against = {key: self.against_others(name, key) for key in group}
            groups[name] = {
                key: {**_plain(tries), "against_others": asdict(apart) if (apart := against[key]) else None}
                for key, tries in group.items()
            }
        return {**_plain(self.all), **groups, "position_bias": [asdict(place) for place in self.places]}


def _plain(tries: Tries) -> dict[str, Any]:
    share = tries.share
    return {
        **asdict(tries),
        "tokens_per_gained": tries.tokens_per_gained,
        "share": asdict(share) if share else None,
    }


class RevisionSurvey:
    """Counts them, sample by sample."""

    def __init__(self) -> None:
        self._tries: list[tuple[str, int, Tries, dict[str, tuple[str, ...]]]] = []
        """Sample, version, what it came to, and its keys in each group."""
        self._places: dict[str, list[float]] = {}
        self._unread: dict[str, int] = {}

    def add(self, sample: Sample) -> None:
        """Count the new versions of one sample."""
        best = sample.best
        for old, new in zip(sample.versions, sample.versions[1:], strict=False):
            comparison = new.comparison
            for said in comparison.preferences if comparison else ():
                of = self._places.setdefault(said.model, [])
                self._unread[said.model] = self._unread.get(said.model, 0) + bool(said.failure)
                of.extend([] if said.failure else [said.position])
            gained = best is new and new.final is not None and new.final.outcome == "accept"
            came = Tries(1, int(comparison is not None), int(bool(comparison and comparison.won)), int(gained))
            self._tries.append((sample.id, new.number, came, _keys(old)))

    def revisions(self, reader: Reader) -> Revisions:
        """All of them, with what they cost."""
        whole = Tries()
        groups: dict[str, dict[str, Tries]] = {}
        for sample, number, came, keys_of in self._tries:
            by_step = reader.tokens_by_step(sample)
            tries = came + Tries(tokens=sum(by_step[step] for step in caused(by_step, number)))
            whole += tries
            for name, keys in keys_of.items():
                group = groups.setdefault(name, {})
                for key in keys:
                    group[key] = group.get(key, Tries()) + tries
        orders = {"by_words": WORDS, "by_say": SAYS, "by_score": BANDS}
        ordered = {
            name: {key: group[key] for key in ([k for _, k in orders.get(name, ())] or sorted(group)) if key in group}
            for name, group in groups.items()
        }
        return Revisions(whole, places=tuple(self._place(model) for model in sorted(self._places)), **ordered)

    def _place(self, model: str) -> Place:
        read, unread = self._places[model], self._unread[model]
        return Place(model, len(read) + unread, sum(read) / len(read) if read else 0.0, unread)


def _keys(old: Version) -> dict[str, tuple[str, ...]]:
    """What there was to go by, by the name of the group; none where that cannot be said."""
    comments = list(_followed(old))
    found = {"by_author": tuple(sorted({author for author, _ in comments})) or (UNCOMMENTED,)}
    if comments:
        final = old.final or old.verdict
        shares = final.weights if final else {}
        found["by_words"] = (_band(WORDS, fmean(len(comment.split()) for _, comment in comments)),)
        found["by_say"] = (_band(SAYS, sum(shares.get(author, 0.0) for author in found["by_author"])),)
    if old.final:
        found["by_score"] = (_band(BANDS, old.final.score),)
        found["by_ruler"] = (old.ruling.opinion.model if old.ruling else UNRULED,)
    if lowest := _lowest(old):
        found["by_criterion"] = (lowest,)
    return found


def _lowest(old: Version) -> str:
    """The criterion on which a version was lowest, and of how many, in the mean of those whose say counted.

    Of those that all of them were asked about, the first of equals; empty where these are not several.
    """
    shares = old.verdict.weights if old.verdict else {}
    heard = [o for o in old.opinions if o.usable and o.reading != "evidence" and shares.get(o.model, 0.0) > 0]
    marks: dict[str, list[float]] = {}
    for opinion in alike(heard):
        for criterion, score in opinion.scores.items():
            marks.setdefault(criterion, []).append(on_ten(opinion, score))
    if len(marks) < 2:
        return ""
    return f"{min(marks, key=lambda criterion: fmean(marks[criterion]))} (of {len(marks)})"


def _followed(old: Version) -> Iterator[tuple[str, str]]:
    """Author and text of each comment on a version that a revision of it is written after, as `review.py` has it."""
    if old.cast.generator == SEED or old.verdict is None:  # whoever answers a seed anew sees no comments on it
        return
    rulings = [(old.ruling.opinion, old.ruling.verdict)] if old.ruling else []
    for opinion, verdict in [*((o, old.verdict) for o in old.opinions), *rulings]:
        if opinion.comment and verdict.weights.get(opinion.model, 0.0) > 0:
            yield opinion.model, opinion.comment


def _band(bounds: Iterable[tuple[float, str]], value: float) -> str:
    return next(name for bound, name in bounds if value < bound)
