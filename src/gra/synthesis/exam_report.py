"""What an exam says of a model, in figures with their intervals. Pure arithmetic; who votes, `standing.py` decides.

All intervals are of 95 %. Of a text that was in several questions the opinion counts once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist, fmean, pstdev, stdev

from gra.records import Opinion, Stage
from gra.synthesis.exam import Answer, Sitting
from gra.synthesis.faults import kind_of
from gra.synthesis.reading import Matter
from gra.synthesis.standing import LEAST_SPREAD, feature

Z = NormalDist().inv_cdf(0.975)
Sides = tuple[list[float], list[float]]
"""Of good texts and of bad ones."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and what it could as well be."""

    value: float
    low: float
    high: float
    good: int
    """Good texts behind it, or all texts where there is no other side."""
    broken: int = 0


def auc(good: Sequence[float], broken: Sequence[float]) -> Estimate | None:
    """Probability that a good text is rated above a broken one, ties counting half; None if a side is empty.

    The interval is Newcombe's (2006, method 5): the score interval by Hanley and McNeil's variance. Unlike DeLong's it
    has a width where the two are wholly apart, and holds what it promises for a handful of texts.
    """
    m, n = len(good), len(broken)
    if not m or not n:
        return None
    value = sum((g > b) + 0.5 * (g == b) for g in good for b in broken) / (m * n)

    def variance(area: float) -> float:
        more = (m + n) / 2 - 1
        return area * (1 - area) * (1 + more * ((1 - area) / (2 - area) + area / (1 + area))) / (m * n)

    def bound(end: float) -> float:
        """Where the distance to the value is just Z standard errors."""
        inside, outside = value, end
        for _ in range(50):
            middle = (inside + outside) / 2
            near = abs(middle - value) <= Z * math.sqrt(variance(middle))
            inside, outside = (middle, outside) if near else (inside, middle)
        return inside

    return Estimate(value, bound(0.0), bound(1.0), m, n)


def separation(good: Sequence[float], broken: Sequence[float]) -> Estimate | None:
    """Cohen's d of good and broken, in deviations within; None with fewer than two of either."""
    m, n = len(good), len(broken)
    if m < 2 or n < 2:
        return None
    pooled = math.sqrt(((m - 1) * stdev(good) ** 2 + (n - 1) * stdev(broken) ** 2) / (m + n - 2))
    d = (fmean(good) - fmean(broken)) / max(pooled, LEAST_SPREAD)
    error = math.sqrt(1 / m + 1 / n + d * d / (2 * (m + n)))
    return Estimate(d, d - Z * error, d + Z * error, m, n)


def correlation(xs: Sequence[float], ys: Sequence[float]) -> Estimate | None:
    """Pearson's r with Fisher's interval; None with fewer than four, or where one side is all the same."""
    if len(xs) < 4 or pstdev(xs) < 1e-12 or pstdev(ys) < 1e-12:
        return None
    x, y = fmean(xs), fmean(ys)
    products = fmean((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    r = max(-1.0, min(1.0, products / (pstdev(xs) * pstdev(ys))))
    z, error = math.atanh(max(-1 + 1e-9, min(1 - 1e-9, r))), Z / math.sqrt(len(xs) - 3)
    return Estimate(r, math.tanh(z - error), math.tanh(z + error), len(xs))


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate | None:
    """How much larger the one mean is, with Welch's standard error; None with fewer than two of either."""
    if len(ours) < 2 or len(theirs) < 2:
        return None
    value = fmean(ours) - fmean(theirs)
    error = Z * math.sqrt(stdev(ours) ** 2 / len(ours) + stdev(theirs) ** 2 / len(theirs))
    return Estimate(value, value - error, value + error, len(ours), len(theirs))


@dataclass(frozen=True, slots=True)
class ExamReport:
    """What one model, or one verifier, has shown at one stage."""

    model: str
    stage: Stage
    auc: Estimate | None
    separation: Estimate | None
    by_kind: Mapping[str, Estimate | None]
    """AUC on faults of `form`, of `meaning`, and on `labelled` answers."""
    by_fault: Mapping[str, Estimate | None]
    """AUC on the texts with each fault against the good ones that they were made from."""
    by_domain: Mapping[str, Estimate | None]
    by_criterion: Mapping[str, Estimate | None]
    """AUC by the answers to one question alone; none for a verifier, which is asked none."""
    leniency: float | None
    """Mean score of good texts, in [0, 1]: the probability of the good answer, or the mark on its scale. None for a
    verifier, whose scale has no such ends."""
    spread: float | None
    """Population standard deviation of the same."""
    length_bias: Estimate | None
    """Correlation of the score of good texts with the logarithm of their length in characters."""
    outside: float | None
    """Mean probability that went to neither label, in [0, 1]; only of opinions read from probabilities."""
    family_preference: Estimate | None
    """How much higher it rates good answers of its own family than those of others, in log-odds or marks."""
    failures: int
    """Texts on which it could not be read."""
    silent: int
    """Texts of which it, a verifier, has nothing to say."""


def report_on(sitting: Sitting) -> ExamReport:
    """All that a sitting tells."""
    read = sitting.told
    texts = {**{a.question.good: a.good for a in read}, **{a.question.broken: a.broken for a in read}}
    good = {a.question.good: a.good for a in read}
    values = [_share(opinion) for opinion in good.values() if opinion.reading != "evidence"]
    lengths = [math.log(len(matter.response or matter.instruction)) for matter in good]
    probable = [o.outside for o in texts.values() if o.reading == "probability"]
    criteria = list(dict.fromkeys(c for o in good.values() if o.reading != "evidence" for c in o.scores))
    return ExamReport(
        model=sitting.model,
        stage=sitting.stage,
        auc=auc(*_sides(read)),
        separation=separation(*_sides(read)),
        by_kind=_by(read, lambda a: kind_of(a.question.fault)),
        by_fault=_by(read, lambda a: a.question.fault),
        by_domain=_by(read, lambda a: a.question.domain),
        by_criterion={c: auc(*_sides(read, partial(_score, c))) for c in criteria},
        leniency=fmean(values) if values else None,
        spread=pstdev(values) if values else None,
        length_bias=correlation([feature(o) for o in good.values()], lengths),
        outside=fmean(probable) if probable else None,
        family_preference=_preference(sitting.model, read),
        failures=len({m for a in sitting.answers for m, o in _halves(a) if o.failure}),
        silent=len({m for a in sitting.answers for m, o in _halves(a) if o.abstained}),
    )


def family(name: str) -> str:
    """The family that a model's name tells: its first letters, `qwen` of `Qwen2.5-0.5B` and of `qwen/qwen3`."""
    found = re.match(r"[a-z]+", name.rsplit("/", 1)[-1].casefold())
    return found[0] if found else name


def _score(criterion: str, opinion: Opinion) -> float:
    return opinion.scores[criterion]


def _halves(answer: Answer) -> tuple[tuple[Matter, Opinion], ...]:
    return (answer.question.good, answer.good), (answer.question.broken, answer.broken)


def _sides(answers: Iterable[Answer], value: Callable[[Opinion], float] = feature) -> Sides:
    listed = list(answers)
    good = {a.question.good: value(a.good) for a in listed}
    return list(good.values()), list({a.question.broken: value(a.broken) for a in listed}.values())


def _by(answers: Sequence[Answer], key: Callable[[Answer], str]) -> dict[str, Estimate | None]:
    names = sorted({key(a) for a in answers} - {""})
    return {name: auc(*_sides(a for a in answers if key(a) == name)) for name in names}


def _share(opinion: Opinion) -> float:
    if opinion.reading == "probability" or opinion.stage == "instruction":
        return opinion.mean(opinion.scores)
    return (opinion.mean(opinion.scores) - 1) / 9


def _preference(model: str, answers: Sequence[Answer]) -> Estimate | None:
    known = {a.question.good: (a.question.authors[0], feature(a.good)) for a in answers if a.question.authors[0]}
    ours = [value for author, value in known.values() if family(author) == family(model)]
    theirs = [value for author, value in known.values() if family(author) != family(model)]
    return difference(ours, theirs)
