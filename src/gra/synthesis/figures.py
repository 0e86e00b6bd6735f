"""What the opinions on some samples come to: agreement, two by two, and what the gate expects of what it kept.

Counted sample by sample, in memory that does not grow with them, and stored for each round when it is closed, so that
whoever looks at a run need not read it. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from statistics import NormalDist
from typing import Any, Literal, Self

from gra.records import VERIFIER, Opinion, Sample, Stage, Status, Verdict
from gra.synthesis.agreement import Alpha, Correlation, Pair

FACT = "figures"
"""The figures of every round that is closed, by its number as text."""
MOST_DOMAINS = 200
"""Domains that are stored of a round, about: those with the most texts. A refinement may have one for each seed."""
Z = NormalDist().inv_cdf(0.975)
By = Literal["all", "criterion", "domain", "round"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's alpha over the texts of one kind."""

    stage: Stage
    by: By
    name: str
    """Of the criterion or the domain, or the round's number; empty for all."""
    texts: int
    """Judged by two or more who could be read."""
    scores: float | None
    """Alpha for interval data; None where nothing can be said."""
    votes: float | None
    """Alpha of what each would have made of it alone; None for a criterion, which nobody votes on."""


@dataclass(frozen=True, slots=True)
class Two:
    """Two reviewers who have judged the same texts."""

    stage: Stage
    pair: Pair
    """Their votes."""
    n: int
    """Texts that both have scored."""
    correlation: float | None
    """Pearson's, of their scores."""

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        told = {"agreement": self.pair.agreement, "kappa": self.pair.kappa}
        return {"stage": self.stage, **asdict(self.pair), "voted": self.pair.n, **told, "scored": self.n} | {
            "correlation": self.correlation
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """What the calibrated gate expects of what it kept, if its probabilities are right."""

    precision: float | None
    """Mean probability of being good, over accepted samples; in [0, 1]."""
    low: float | None
    """Where the precision lies with 95 %, as `Expected.interval` reckons; None where the exam's doubt is not known."""
    high: float | None
    recall: float | None
    """Good responses that the gate let through, of all good ones that came before it, both by their probabilities."""
    accepted: int
    judged: int
    """Responses that were judged at all: an instruction that is turned down has none."""


@dataclass(slots=True)
class Expected:
    """Sums of the calibrated gate's probabilities."""

    accepted: int = 0
    mass: float = 0.0
    """Of accepted samples: their probabilities of being good, added up."""
    luck: float = 0.0
    """The same of p(1 - p): the variance of how many are good, if the probabilities are right."""
    shift: float = 0.0
    """By how much `mass` moves if all log-odds are off by the standard error that comes of the exam being short."""
    unsure: int = 0
    """Accepted samples of which that error is not known."""
    through: float = 0.0
    """Probabilities of all responses that the gate let through, added up; some of them were duplicates, or too many."""
    judged: int = 0
    before: float = 0.0
    """Probabilities of all responses that were judged."""

    def add(self, sample: Sample, doubt: float | None) -> None:
        """Count one.

        Args:
            sample: it counts if it has a response with reviews and a verdict.
            doubt: standard error of its committee's log-odds; None where that is not known.
        """
        version = sample.best
        final = version.final if version else None
        if version is None or final is None or not version.opinions:
            return
        p = final.score / 10
        self.judged += 1
        self.before += p
        if final.outcome == "accept":
            self.through += p
        if sample.status is Status.ACCEPTED:
            self.accepted += 1
            self.mass += p
            self.luck += p * (1 - p)
            self.shift += (doubt or 0.0) * p * (1 - p)
            self.unsure += doubt is None

    def plus(self, other: Expected) -> Expected:
        """Both together."""
        return Expected(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the share of good ones among the accepted lies with 95 %; None where that cannot be said.

        Two things are unsure: which of them are good, given their probabilities (a Poisson-binomial, by its normal
        limit), and the probabilities themselves, as the exam was short: its error moves all of them together, so it
        does not shrink with their number. What samples have that no exam had is in neither.
        """
        if not self.accepted or self.unsure or not math.isfinite(self.shift):
            return None
        mean, error = self.mass / self.accepted, Z * math.hypot(math.sqrt(self.luck), self.shift) / self.accepted
        return max(0.0, mean - error), min(1.0, mean + error)

    def kept(self) -> Kept:
        """What they come to."""
        low, high = self.interval or (None, None)
        precision = self.mass / self.accepted if self.accepted else None
        recall = self.through / self.before if self.before > 0 else None
        return Kept(precision, low, high, recall, self.accepted, self.judged)


@dataclass
class Figures:
    """Counts over samples, shown to it one by one."""

    calibrated: bool
    """Whether the gate's scores are probabilities."""
    samples: int = 0
    accepted: int = 0
    expected: Expected = field(default_factory=Expected)
    scores: dict[tuple[Stage, By, str], Alpha] = field(default_factory=dict)
    votes: dict[tuple[Stage, By, str], Alpha] = field(default_factory=dict)
    voted: dict[tuple[Stage, str, str], list[int]] = field(default_factory=dict)
    scored: dict[tuple[Stage, str, str], Correlation] = field(default_factory=dict)

    def add(self, sample: Sample, doubt: float | None = None) -> None:
        """Count one; `doubt` as in `Expected.add`."""
        self.samples += 1
        self.accepted += sample.status is Status.ACCEPTED
        if sample.opinions:
            self._text(sample, "instruction", sample.opinions, sample.verdict)
        for version in sample.versions:
            self._text(sample, "response", version.opinions, version.verdict)
        if self.calibrated:
            self.expected.add(sample, doubt)

    def agreement(self) -> tuple[Agreement, ...]:
        """In whole, and by criterion, domain and round."""
        keys = sorted(self.scores.keys() | self.votes.keys(), key=lambda key: (key[0], key[1], _natural(key[2])))
        both = ((key, self.scores.get(key, Alpha()), self.votes.get(key, Alpha())) for key in keys)
        return tuple(Agreement(*key, scores.texts, scores.value, votes.value) for key, scores, votes in both)

    def pairs(self) -> tuple[Two, ...]:
        """Two by two."""
        return tuple(self._two(*key) for key in sorted(self.scored.keys() | self.voted.keys()))

    def kept(self) -> Kept | None:
        """What the gate expects of what it kept; None with another gate than `calibrated`."""
        return self.expected.kept() if self.calibrated else None

    def glance(self) -> dict[str, Any]:
        """The few numbers that a run as a whole is told with, as JSON data."""
        whole = [row for row in self.agreement() if row.by == "all"]
        alphas = {row.stage: {"scores": row.scores, "votes": row.votes, "texts": row.texts} for row in whole}
        kept = self.kept()
        return {"samples": self.samples, "alpha": alphas, "kept": asdict(kept) if kept else None}

    def plain(self) -> dict[str, Any]:
        """As JSON data, with the sums that several of them can be added up by."""
        rows = [row for row in self.agreement() if row.by != "round" and row.texts]
        often = sorted((row for row in rows if row.by == "domain"), key=lambda row: -row.texts)
        domains = {(row.stage, row.name) for row in often[: 2 * MOST_DOMAINS]}
        kept = self.kept()
        sums = {
            "scores": {stage: asdict(of) for (stage, by, _), of in sorted(self.scores.items()) if by == "all"},
            "votes": {stage: asdict(of) for (stage, by, _), of in sorted(self.votes.items()) if by == "all"},
            "expected": asdict(self.expected) if self.calibrated else None,
        }
        return {
            "samples": self.samples,
            "accepted": self.accepted,
            "agreement": [asdict(row) for row in rows if row.by != "domain" or (row.stage, row.name) in domains],
            "pairs": [two.plain() for two in self.pairs()],
            "kept": asdict(kept) if kept else None,
            "sums": sums,
        }

    @classmethod
    def over(cls, stored: Iterable[Mapping[str, Any]]) -> Self:
        """The figures of several rounds together, from what `plain` gave of each: the whole, without its parts."""
        found = cls(calibrated=False)
        for row in stored:
            found.samples += row["samples"]
            found.accepted += row["accepted"]
            for name, alphas in (("scores", found.scores), ("votes", found.votes)):
                for stage, of in row["sums"][name].items():
                    key: tuple[Stage, By, str] = (stage, "all", "")
                    alphas[key] = alphas.get(key, Alpha()).plus(Alpha(**of))
            if row["sums"]["expected"]:
                found.calibrated = True
                found.expected = found.expected.plus(Expected(**row["sums"]["expected"]))
        return found

    def _text(self, sample: Sample, stage: Stage, opinions: tuple[Opinion, ...], verdict: Verdict | None) -> None:
        """Agreement on one text."""
        read = said_by_models(opinions)
        ratings = [rating(o) for o in alike(read)]
        votes = {o.model: verdict.votes[o.model] for o in read if o.model in verdict.votes} if verdict else {}
        places: tuple[tuple[By, str], ...] = (("all", ""), ("domain", sample.domain), ("round", str(sample.round)))
        for by, name in places:
            self.scores.setdefault((stage, by, name), Alpha()).add(ratings)
            self.votes.setdefault((stage, by, name), Alpha()).add([float(vote) for vote in votes.values()])
        for criterion in {c for o in read for c in o.scores} if len(read) > 1 else ():
            values = [on_ten(o, o.scores[criterion]) for o in read if criterion in o.scores]
            self.scores.setdefault((stage, "criterion", criterion), Alpha()).add(values)
        by_model = {o.model: o for o in read}
        for a, b in _pairs(by_model):
            if both := alike((by_model[a], by_model[b])):
                self.scored.setdefault((stage, a, b), Correlation()).add(*map(rating, both))
        for a, b in _pairs(votes):
            counts = self.voted.setdefault((stage, a, b), [0, 0, 0, 0])
            counts[(0 if votes[b] else 1) if votes[a] else (2 if votes[b] else 3)] += 1

    def _two(self, stage: Stage, a: str, b: str) -> Two:
        pair = Pair(a, b, *self.voted.get((stage, a, b), ()))
        scored = self.scored.get((stage, a, b), Correlation())
        return Two(stage, pair, scored.n, scored.value)


def wilson(kept: float, of: int, deviations: float = Z) -> tuple[float, float, float]:
    """Wilson's score interval of a share: low, centre and high, in [0, 1].

    The centre is not `kept / of` but drawn towards a half, so it is defined, and positive, when nothing is known yet.
    """
    if not of:
        return 0.0, 0.5, 1.0
    share, square = kept / of, deviations**2
    centre = (share + square / (2 * of)) / (1 + square / of)
    half = deviations / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    low = 0.0 if not kept else max(0.0, centre - half)
    return low, centre, 1.0 if kept == of else min(1.0, centre + half)


def doubts(stored: Mapping[str, Any] | None) -> dict[int, float | None]:
    """By round the mean standard error of the committees' log-odds, None where that is not known.

    Of the rounds whose figures are stored, and only where the gate's scores are probabilities.
    """
    sums = {int(number): row["sums"]["expected"] for number, row in (stored or {}).items()}
    return {
        number: float(of["shift"] / of["luck"]) if of["luck"] > 0 and not of["unsure"] else None
        for number, of in sums.items()
        if of
    }


def rating(opinion: Opinion) -> float:
    """An opinion's mean score on a scale of 0 to 10."""
    return on_ten(opinion, opinion.mean(opinion.scores))


def alike(opinions: Sequence[Opinion]) -> list[Opinion]:
    """The opinions as far as they can be compared: of the criteria that all of them are about; none if there is none.

    Models are asked about as many criteria as each needs (`exam_ways.py`), and a mean of two is not one of six.
    """
    shared = set.intersection(*(set(o.scores) for o in opinions)) if opinions else set()
    return [replace(o, scores={c: o.scores[c] for c in o.scores if c in shared}) for o in opinions] if shared else []


def on_ten(opinion: Opinion, score: float) -> float:
    """A score of an opinion on a scale of 0 to 10; those that are written of responses are from 1 to 10 already."""
    return score if opinion.reading == "written" and opinion.stage == "response" else 10 * score


def said_by_models(opinions: Iterable[Opinion]) -> list[Opinion]:
    """What models have said; what verifiers measure is on no scale of theirs."""
    return [o for o in opinions if o.usable and o.scores and not o.model.startswith(VERIFIER)]


def _pairs(judged: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    names = sorted(judged)
    return ((a, b) for place, a in enumerate(names) for b in names[place + 1 :])


def _natural(name: str) -> tuple[int, str]:
    """Rounds in the order of their numbers."""
    return (int(name), "") if name.isdigit() else (0, name)
