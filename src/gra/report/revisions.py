"""What new versions of responses came to, and what they cost: how often one was tried, won side by side, and kept.

Told by what there was to go by: who wrote the comments, how long they were, and how far below the bar the response was.
In refinement a new response is a version too, one without comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gra.records import SEED, Sample, Version
from gra.store.reader import Reader

WORDS = ((8, "under 8"), (16, "8 to 15"), (10**9, "16 or more"))
"""Bounds of the mean length of the comments that a revision was written after."""
BANDS = ((2.5, "under 2.5"), (5.0, "2.5 to 5"), (7.5, "5 to 7.5"), (float("inf"), "7.5 or more"))
"""Bounds of the score that the response before it had."""
UNCOMMENTED = "nobody"


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

    @property
    def tokens_per_gained(self) -> float | None:
        """What a sample costs that passed because of them; None if none did."""
        return self.tokens / self.gained if self.gained else None


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
    places: tuple[Place, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        groups = {"by_author": self.by_author, "by_words": self.by_words, "by_score": self.by_score}
        return {
            **_plain(self.all),
            **{name: {key: _plain(tries) for key, tries in group.items()} for name, group in groups.items()},
            "position_bias": [asdict(place) for place in self.places],
        }


def _plain(tries: Tries) -> dict[str, Any]:
    return {**asdict(tries), "tokens_per_gained": tries.tokens_per_gained}


class RevisionSurvey:
    """Counts them, sample by sample."""

    def __init__(self) -> None:
        self._tries: list[tuple[str, int, Tries, tuple[str, ...], str, str]] = []
        """Sample, version, what it came to, authors, words and band."""
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
            comments = list(_followed(old))
            words = [len(comment.split()) for _, comment in comments]
            length = _band(WORDS, sum(words) / len(words)) if words else ""
            band = _band(BANDS, old.final.score) if old.final else ""
            authors = tuple(sorted({author for author, _ in comments})) or (UNCOMMENTED,)
            self._tries.append((sample.id, new.number, came, authors, length, band))

    def revisions(self, reader: Reader) -> Revisions:
        """All of them, with what they cost."""
        whole = Tries()
        groups: tuple[dict[str, Tries], ...] = ({}, {}, {})
        for sample, number, came, authors, length, band in self._tries:
            tries = came + Tries(tokens=_tokens(reader.tokens_by_step(sample), number))
            whole += tries
            for group, keys in zip(groups, (authors, (length,), (band,)), strict=True):
                for key in filter(None, keys):
                    group[key] = group.get(key, Tries()) + tries
        author, length_of, score = groups
        return Revisions(
            whole,
            dict(sorted(author.items())),
            {name: length_of[name] for _, name in WORDS if name in length_of},
            {name: score[name] for _, name in BANDS if name in score},
            tuple(self._place(model) for model in sorted(self._places)),
        )

    def _place(self, model: str) -> Place:
        read, unread = self._places[model], self._unread[model]
        return Place(model, len(read) + unread, sum(read) / len(read) if read else 0.0, unread)


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


def _tokens(by_step: Mapping[str, int], number: int) -> int:
    """What version `number` cost; the comments on the one before, unless an Adjudicator had to read them anyway."""
    before = f"v{number - 1}."
    ruled = any(step.startswith(f"{before}adjudicate.") for step in by_step)
    own = sum(tokens for step, tokens in by_step.items() if step.startswith(f"v{number}."))
    comments = sum(t for step, t in by_step.items() if step.startswith(before) and step.endswith(".comment"))
    return own + (0 if ruled else comments)
