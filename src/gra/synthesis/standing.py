"""What a reviewer has shown it can tell: its exam on known-good seeds and their broken twins.

Opinions of different models cannot be averaged raw: their leniency differs, and some cannot tell good from bad at
all (equal weights made a committee of AUC 0.90 out of a member of 0.99). So an opinion counts by where it lies
between what *this* model says of good and of broken data, in units of that model's own spread, times how well it
has shown it can tell the two apart. Pure arithmetic; the exam itself is taken in `exam.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist, fmean, stdev

from gra.records import Opinion, Stage

NORMAL = NormalDist()
CLIP = 0.001
"""Probabilities are held within [CLIP, 1 - CLIP]: beyond that a logit says how sure a model sounds, not more."""
SURE = NORMAL.inv_cdf(0.95)
"""Standard errors from 0 that a separation must be to count."""
PLAIN = NORMAL.inv_cdf(0.99)
"""Standard errors from 0 that make a part of an exam enough: stricter, because a short exam is the luckier one."""
FUTILE = 0.5
"""Standard errors from 0 below which a model is not asked on: if it is as good as it then looks, it comes to have a say
one time in ten."""
STRONG = 1.0
"""Weight (separation less its standard error) from which one model's dissent alone makes a dispute."""
LEAST_OF_DOMAIN = 8
"""Pairs of a domain, and pairs of all others, below which nothing is concluded of that domain."""
LEAST_SHARED = 4
"""Questions that members must have answered together for what they have in common to be seen in them."""
LEAST_SPREAD = 0.05
"""A model that says the same of everything has no spread to divide by."""


def sure(tries: int) -> float:
    """Standard errors from 0 that the separation must be in the last of so many tries, of which the best would count.

    `SURE` for one.
    """
    return NORMAL.inv_cdf(1 - 0.05 / tries)


def feature(opinion: Opinion) -> float:
    """An opinion as one number: the weighted mean of the good answers' log-odds, or of the written scores."""
    written = opinion.reading == "written"
    return opinion.mean({c: p if written else logit(p) for c, p in opinion.scores.items()})


def logit(p: float) -> float:
    """Log-odds of a probability, held within the bounds of `CLIP`."""
    p = min(max(p, CLIP), 1 - CLIP)
    return math.log(p / (1 - p))


@dataclass(frozen=True)
class Standing:
    """One model's exam at one stage."""

    model: str
    stage: Stage
    good: tuple[float, ...]
    """Features of the seeds, in the exam's order (the same seeds for every model)."""
    broken: tuple[float, ...]
    """Features of their broken twins, in the same order."""
    places: tuple[int, ...] = ()
    """Which questions of the exam these are of; the first ones if empty. A verifier passes some over."""
    domains: tuple[str, ...] = ()
    """What each question is about, "" where nobody says; empty if that is not known of any."""
    no_vote_in: tuple[str, ...] = ()
    """Domains in which it was found that the model cannot tell (`cannot_tell_in`), though it can on the whole."""

    @cached_property
    def spread(self) -> float:
        """Pooled standard deviation within the good and within the broken."""
        both = (stdev(self.good) ** 2 + stdev(self.broken) ** 2) / 2
        return max(math.sqrt(both), LEAST_SPREAD)

    @cached_property
    def separation(self) -> float:
        """Cohen's d between good and broken: 0 is chance, negative prefers the broken."""
        return (fmean(self.good) - fmean(self.broken)) / self.spread

    @cached_property
    def error(self) -> float:
        """Standard error of the separation."""
        n = min(len(self.good), len(self.broken))
        return math.sqrt(2 / n + self.separation**2 / (4 * n))

    @property
    def at_chance(self) -> bool:
        """True if it looks so little as if the model could tell that asking on would hardly give it a say."""
        return self.separation <= FUTILE * self.error

    @property
    def unsure(self) -> bool:
        """True if a longer exam could well change whether the model has a say."""
        return not self.at_chance and self.separation <= PLAIN * self.error

    def shown(self, tries: int = 1) -> bool:
        """True if the model has shown that it can tell, in the last of so many tries."""
        return self.separation > sure(tries) * self.error

    @cached_property
    def weight(self) -> float:
        """How much the model's say counts: the separation less one standard error, or 0 if it could well be luck.

        For independent raters of equal spread the best linear weight of a standardised opinion is its separation
        (Fisher's discriminant). A weight is earned by a separation that a model at chance reaches once in twenty
        exams: alone on a committee even a small weight decides.
        """
        return self.separation - self.error if self.shown() else 0.0

    def of_domain(self, domain: str) -> Standing:
        """The part of the exam that is about a domain, as an exam of its own."""
        at = [n for n, name in enumerate(self.domains) if name == domain]
        good, broken = (tuple(half[n] for n in at) for half in (self.good, self.broken))
        return Standing(self.model, self.stage, good, broken, tuple(self.places[n] if self.places else n for n in at))

    def cannot_tell_in(self) -> tuple[str, ...]:
        """Domains in which the model has shown that it cannot tell, of those with enough pairs; none by luck alone.

        That it has not shown there that it can is not enough: a short exam shows little of any one domain. What sets
        its pairs' two opinions apart must also be surely less there than elsewhere. By ranks (Mann and Whitney 1947),
        because log-odds have far outliers, for as many domains as are looked at (Bonferroni): of models that are
        equally able everywhere about one in twenty loses a domain at a stage.
        """
        counts = Counter(name for name in self.domains if name)
        enough = range(LEAST_OF_DOMAIN, len(self.domains) - LEAST_OF_DOMAIN + 1)
        looked_at = [name for name, count in sorted(counts.items()) if count in enough]
        if not looked_at or not self.weight:
            return ()
        least = sure(len(looked_at))
        return tuple(n for n in looked_at if not self.of_domain(n).weight and self._lower_in(n) > least)

    def _lower_in(self, domain: str) -> float:
        """Standard errors by which good and broken lie less apart in a domain than elsewhere, by ranks."""
        here, others = list[float](), list[float]()
        for name, good, broken in zip(self.domains, self.good, self.broken, strict=True):
            (here if name == domain else others).append(good - broken)
        m, n = len(here), len(others)
        lower = sum((h < o) + 0.5 * (h == o) for h in here for o in others) / (m * n)
        return (lower - 0.5) / math.sqrt((m + n + 1) / (12 * m * n))

    @cached_property
    def auc(self) -> float:
        """Probability that a seed is rated above a broken twin, ties counting half; in [0, 1]."""
        wins = sum((g > b) + 0.5 * (g == b) for g in self.good for b in self.broken)
        return wins / (len(self.good) * len(self.broken))

    def standardised(self, value: float) -> float:
        """0 half-way between what this model says of good and of broken, in units of its spread."""
        return (value - (fmean(self.good) + fmean(self.broken)) / 2) / self.spread

    def reads_as_broken(self, value: float) -> bool:
        """True if the model can tell, and rates this below the average broken twin."""
        return self.weight >= STRONG and value < fmean(self.broken)

    def reads_as_good(self, value: float) -> bool:
        """True if the model can tell, and rates this above the average seed."""
        return self.weight >= STRONG and value > fmean(self.good)


def in_common(members: Sequence[Standing]) -> list[tuple[int, ...]]:
    """For each member, where in its `good` and `broken` the questions are that all of them answered, in one order.

    Where they share fewer than `LEAST_SHARED` they stand in their own order, as if they were independent.
    """
    each = [m.places or tuple(range(len(m.good))) for m in members]
    shared = sorted(set(each[0]).intersection(*each[1:]))
    if len(shared) < LEAST_SHARED:
        return [tuple(range(min(map(len, each))))] * len(each)
    return [tuple(map(places.index, shared)) for places in each]


@dataclass(frozen=True)
class Panel:
    """Several models judging together."""

    members: tuple[Standing, ...]

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """Each member's share of the say, summing to 1; equal where nobody has shown anything."""
        total = sum(m.weight for m in self.members)
        if not total:
            return tuple(1 / len(self.members) for _ in self.members)
        return tuple(m.weight / total for m in self.members)

    @cached_property
    def can_tell(self) -> bool:
        """True if at least one member has shown that it can."""
        return any(m.weight > 0 for m in self.members)

    @property
    def shares(self) -> dict[str, float]:
        """The weights by model, for the record: all 0 where nobody has shown anything."""
        found = {m.model: 0.0 for m in self.members}
        for member, weight in zip(self.members, self.weights, strict=True):
            found[member.model] += weight if self.can_tell else 0.0  # one model may sit twice, as two parts
        return found

    def pooled(self, features: Sequence[float]) -> float:
        """The members' standardised opinions, weighted."""
        pairs = zip(self.members, self.weights, features, strict=True)
        return sum(weight * member.standardised(value) for member, weight, value in pairs)

    def rank(self, features: Sequence[float]) -> float:
        """Share of the seeds that this panel rates below these features, in (0, 1), by a normal fit."""
        mean, spread = self.fit
        return NORMAL.cdf((self.pooled(features) - mean) / spread)

    @cached_property
    def fit(self) -> tuple[float, float]:
        """Mean and deviation of what the panel says of the seeds.

        They are those that all who are heard read, so what they have in common is in it. All models read them in the
        same order, and some read fewer.
        """
        heard = [(m, w) for m, w in zip(self.members, self.weights, strict=True) if w]
        rows = in_common([m for m, _ in heard])
        seeds = zip(*([m.good[at] for at in row] for (m, _), row in zip(heard, rows, strict=True)), strict=True)
        good = [sum(w * m.standardised(f) for (m, w), f in zip(heard, seen, strict=True)) for seen in seeds]
        return fmean(good), max(stdev(good), LEAST_SPREAD)


@lru_cache(maxsize=1024)
def panel_of(members: tuple[Standing, ...]) -> Panel:
    """The panel of these members: few different ones judge a whole run."""
    return Panel(members)
