"""How far judges agree with people: each reviewer, the committee, and the Adjudicator's rulings. Counts alone.

People look at a few samples, and mostly at those that passed, so every share has its interval and says of how many it
is. What nobody has judged says nothing here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gra.records import Sample
from gra.report.disputes import majority
from gra.synthesis.figures import wilson

Part = Literal["reviewer", "committee", "adjudicator", "all rulings", "the end"]
PARTS: tuple[Part, ...] = ("reviewer", "committee", "adjudicator", "all rulings", "the end")


@dataclass(frozen=True, slots=True)
class Beside:
    """One who has judged samples that people have judged too."""

    part: Part
    """`committee`: what it made of a response without a dispute. `the end`: after all."""
    name: str
    """Of the model; empty for a part in whole."""
    both_keep: int = 0
    only_people: int = 0
    """It turned down what people would keep."""
    only_it: int = 0
    """It let through what people turned down."""
    both_drop: int = 0

    @property
    def n(self) -> int:
        """Samples that both have judged."""
        return self.both_keep + self.only_people + self.only_it + self.both_drop

    @property
    def agreement(self) -> tuple[float, float, float]:
        """Share on which they say the same, and Wilson's interval of 95 % for it, in [0, 1]."""
        same = self.both_keep + self.both_drop
        low, _, high = wilson(same, self.n)
        return same / self.n if self.n else 0.0, low, high

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        share, low, high = self.agreement
        return {**asdict(self), "n": self.n, "agreement": share, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class People:
    """What people's verdicts say of a run's judges."""

    samples: int = 0
    """With a verdict of a person, or whose truth is known otherwise, and with a response that was judged."""
    kept: int = 0
    """Of these, those that people would keep."""
    rows: tuple[Beside, ...] = ()
    overruled: int = 0
    """Of the samples with a ruling, those where it went against most of the reviewers."""
    rightly: int = 0
    """Of these, those where people are with the ruling."""

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "samples": self.samples,
            "kept": self.kept,
            "agreement": [row.plain() for row in self.rows],
            "overruled": self.overruled,
            "rightly": self.rightly,
        }


@dataclass
class PeopleSurvey:
    """Counts, sample by sample."""

    _counts: dict[tuple[Part, str], list[int]] = field(default_factory=dict)
    _samples: int = 0
    _kept: int = 0
    _overruled: int = 0
    _rightly: int = 0

    def add(self, sample: Sample, good: bool) -> None:
        """Count a sample of which it is known whether it is good."""
        version = sample.best
        if version is None or version.verdict is None or version.final is None:
            return
        self._samples += 1
        self._kept += good
        for name, vote in version.verdict.votes.items():
            self._count("reviewer", name, vote, good)
        if version.verdict.outcome != "dispute":
            self._count("committee", "", version.verdict.outcome == "accept", good)
        if version.ruling and not version.ruling.opinion.failure:
            ruled = version.ruling.verdict.outcome == "accept"
            self._count("adjudicator", version.ruling.opinion.model, ruled, good)
            self._count("all rulings", "", ruled, good)
            if majority(version) == ("against" if ruled else "for"):
                self._overruled += 1
                self._rightly += ruled == good
        self._count("the end", "", version.final.outcome == "accept", good)

    def found(self) -> People:
        """What they come to, part by part."""
        keys = sorted(self._counts, key=lambda key: (PARTS.index(key[0]), key[1]))
        rows = tuple(Beside(*key, *self._counts[key]) for key in keys)
        return People(self._samples, self._kept, rows, self._overruled, self._rightly)

    def _count(self, part: Part, name: str, keeps: bool, good: bool) -> None:
        counts = self._counts.setdefault((part, name), [0, 0, 0, 0])
        counts[(0 if keeps else 1) if good else (2 if keeps else 3)] += 1
