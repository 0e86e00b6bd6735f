"""What `reviewers.py` prints: pools, ways to decide, and what they come to. Pure.

Exams are of 24 of the pairs for choosing, and such an exam is one draw: all figures are means over 20 draws (without
replacement, so from 28 to 32 pairs they overlap much). Figures are of the pairs for reporting alone, but for members
alone, to which nothing is fitted: they are of all pairs. `Both ways` is that, and the same with the halves of the pairs
in each other's place, averaged. Intervals are of 95 %, by drawing pairs with replacement 2,000 times, both responses of
a pair together; of differences with the same draws for both. They do not count that exams differ. Where no member has
shown in its exam that it can tell, the gate `calibrated` knows nothing: those draws count as AUC 0.5, and nothing is
kept. Who had nothing to say of a text is not on the committee for it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gra.config.synthesis import PaperGate
from gra.records import VERIFIER
from gra.synthesis.calibration import committee_of
from gra.synthesis.exam import LEAST_QUESTIONS
from gra.synthesis.faults import kind_of
from gra.synthesis.forms import FEWEST, TELLING
from gra.synthesis.standing import CLIP, Panel, Standing

Array = NDArray[np.float64]
EXAM = 24
"""Pairs of an exam, as in a run."""
EXAMS = 20
MATH = f"{VERIFIER}math."
"""Before the names of those who have solved the exercise."""
DRAWS = 2000
"""Of the bootstrap."""
PRECISIONS = (0.8, 0.9)
"""`keep_precision`, with as many good responses as bad, as here."""
FEW = (1, 2, 3)
"""How many of its best questions a model is asked alone."""


@dataclass(frozen=True)
class Pair:
    """One instruction with a good and a bad response."""

    set: str
    number: int
    instruction: str
    good: str
    bad: str
    fault: str

    @property
    def name(self) -> str:
        """As of a sample."""
        return f"{self.set}-{self.number:03d}"


@dataclass(frozen=True)
class Member:
    """What a model or a verifier said of every pair."""

    name: str
    features: Array
    """Shape (pairs, 2), of the good response and of the bad; nan where it said nothing."""
    questions: Mapping[str, Array]
    """By criterion, the probability of the good answer, in the same shape; none of a verifier."""
    paid: Mapping[tuple[str, int], Mapping[str, float]]
    """By the pair's name and the half (0 or 1): what was asked for the verdict, with its seconds."""


@dataclass(frozen=True)
class Set:
    """The pairs of one kind, as places in all arrays."""

    name: str
    kinds: Mapping[str, NDArray[np.int_]]
    """Places of the pairs by the kind of what is wrong: form, meaning, or labelled."""
    choosing: NDArray[np.int_]
    reporting: NDArray[np.int_]


def split(name: str, pairs: Sequence[Pair], models: Sequence[Member], swap: bool = False) -> Set:
    """Even pairs for choosing and odd ones for reporting, or the other way; what a model could not read is left out."""
    rows = [n for n, pair in enumerate(pairs) if pair.set == name]
    rows = [n for n in rows if not any(np.isnan(m.features[n]).any() for m in models)]
    halves = [np.array([n for n in rows if pairs[n].number % 2 == odd], dtype=int) for odd in (swap, not swap)]
    of_kind = {n: kind_of(pairs[n].fault) for n in rows}
    kinds = {kind: np.array([n for n in rows if of_kind[n] == kind], dtype=int) for kind in sorted({*of_kind.values()})}
    return Set(name, kinds, *halves)


def exams(rows: NDArray[np.int_]) -> list[NDArray[np.int_]]:
    """The draws of an exam."""
    draw = np.random.default_rng(11)
    return [np.sort(draw.choice(rows, min(EXAM, len(rows)), replace=False)) for _ in range(EXAMS)]


def briefed(member: Member) -> Member:
    """As a run asks: the fewest questions."""
    names = TELLING["response"][: FEWEST["response"]]
    if not {*names} <= {*member.questions}:
        return member
    said = np.stack([_logits(member.questions[name]) for name in names], axis=-1)
    return replace(member, features=said.mean(axis=-1))


def _logits(p: Array) -> Array:
    held = np.clip(p, CLIP, 1 - CLIP)
    return np.asarray(np.log(held / (1 - held)))


# --- ways to decide ---------------------------------------------------------------------------------------------------


def standing(member: Member, exam: NDArray[np.int_]) -> Standing:
    """What a member has shown in an exam: nothing, if it had nothing to say of more than half of it."""
    said = member.features[exam]
    places = np.flatnonzero(~np.isnan(said).any(axis=1))
    told = said[places]
    if len(told) < max(LEAST_QUESTIONS, math.ceil(len(exam) / 2)):
        told, places = np.zeros((LEAST_QUESTIONS, 2)), np.arange(LEAST_QUESTIONS)
    return Standing(member.name, "response", tuple(told[:, 0]), tuple(told[:, 1]), tuple(map(int, places)))


Way = Callable[[Sequence[Standing], Sequence[float]], float]
"""The standings of those who had something to say, and what it was, to a score; 0 is the operating point."""


def best(who: Sequence[Standing], values: Sequence[float]) -> float:
    """The member that was best in the exam, alone."""
    first = max(range(len(who)), key=lambda n: who[n].separation)
    return who[first].standardised(values[first])


def equal(who: Sequence[Standing], values: Sequence[float]) -> float:
    """Equal weights of standardised opinions: leniency and scale removed, no more."""
    return float(np.mean([s.standardised(value) for s, value in zip(who, values, strict=True)]))


def separated(who: Sequence[Standing], values: Sequence[float]) -> float:
    """Weights by separation: the gate `seeds`."""
    return Panel(tuple(who)).pooled(values)


def calibrated(who: Sequence[Standing], values: Sequence[float]) -> float:
    """The gate `calibrated`."""
    return committee_of(tuple(who)).log_odds(values)


def above(precision: float, who: Sequence[Standing], values: Sequence[float]) -> float:
    """How far it lies above the bar of that gate; never where nobody can tell."""
    committee = committee_of(tuple(who))
    return committee.log_odds(values) - committee.threshold(precision, 0.5)


WAYS: Mapping[str, Way] = {
    "best by its exam": best,
    "equal weights": equal,
    "by separation": separated,
    "calibrated": calibrated,
}


def scores(way: Way, members: Sequence[Member], exam: NDArray[np.int_], rows: NDArray[np.int_]) -> Array:
    """Shape (rows, 2). Nobody to say anything is 0."""
    sat = [(m, s) for m in members if any((s := standing(m, exam)).good)]

    def score(row: int, half: int) -> float:
        told = [(s, float(m.features[row, half])) for m, s in sat if not np.isnan(m.features[row, half])]
        return way([s for s, _ in told], [value for _, value in told]) if told else 0.0

    return np.array([[score(row, half) for half in (0, 1)] for row in rows])


def papers(models: Sequence[Member], rows: NDArray[np.int_]) -> Array:
    """The paper's mean of scores from 1 to 10, of the probabilities on that scale, less TAU."""
    means = [np.mean([1 + 9 * p[rows] for p in m.questions.values()], axis=0) for m in models]
    found: Array = np.mean(means, axis=0) - PaperGate().tau
    return found


# --- figures ----------------------------------------------------------------------------------------------------------


def wins(found: Array) -> Array:
    """Whether good text i is above bad text j, a tie counting half: shape (pairs, pairs), its mean is the AUC."""
    good, bad = found[:, :1], found[:, 1]
    return np.asarray((good > bad) + 0.5 * (good == bad), dtype=float)


def mean_wins(
    way: Way, members: Sequence[Member], draws: Sequence[NDArray[np.int_]], rows: NDArray[np.int_], brief: bool = False
) -> Array:
    """Over all exams; `brief` is with the questions that a run asks."""
    found = []
    for exam in draws:
        asked = [briefed(m) for m in members] if brief else members
        found.append(wins(scores(way, asked, exam, rows)))
    return np.asarray(np.mean(found, axis=0))


@dataclass(frozen=True)
class Figure:
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def signed(self) -> str:
        """As a difference."""
        return f"{self.value:+.2f} ({self.low:+.2f} to {self.high:+.2f})"


def figure(*tables: Array) -> Figure:
    """The mean of such tables, or of the differences of such, and its interval over the pairs of each."""
    draw = np.random.default_rng(7)

    def drawn(won: Array) -> float:
        at = draw.integers(0, len(won), len(won))
        return float(won[np.ix_(at, at)].mean())

    found = [np.mean([drawn(won) for won in tables]) for _ in range(DRAWS)]
    low, high = np.quantile(found, [0.025, 0.975])
    return Figure(float(np.mean([won.mean() for won in tables])), float(low), float(high))


def accuracy(found: Array) -> float:
    """Of good ones the share at or above the operating point, and of bad ones below, averaged."""
    return float(((found[:, 0] >= 0).mean() + (found[:, 1] < 0).mean()) / 2)


def kept(members: Sequence[Member], draws: Sequence[NDArray[np.int_]], rows: NDArray[np.int_], asked: float) -> str:
    """The share that is good of what all draws keep, and how much of the good that is."""
    passed, slipped = np.mean(
        [(scores(partial(above, asked), members, exam, rows) >= 0).mean(axis=0) for exam in draws], axis=0
    )
    return f"{passed / (passed + slipped):.2f}, {passed:.0%}" if passed + slipped else "nothing"


def seconds(members: Sequence[Member], at: Set) -> float:
    """Of a verdict, the median over those that were clocked: what several members ask alike is asked once."""
    verdicts = {verdict for m in members for verdict in m.paid if verdict[0].startswith(f"{at.name}-")}
    spent = [
        sum({key: s for m in members for key, s in m.paid.get(verdict, {}).items()}.values()) for verdict in verdicts
    ]
    return float(np.median(spent)) if spent else 0.0


# --- the tables -------------------------------------------------------------------------------------------------------


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """In Markdown."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def pools(names: Sequence[str], members: Mapping[str, Member], at: Set) -> dict[str, list[Member]]:
    """Up to the second largest, the largest alone, and all; each without and with verifiers."""
    found: dict[str, list[Member]] = {}
    chosen = {f"up to {names[-2]}": names[:-1], f"{names[-1]} alone": names[-1:], "all": names}
    for title, models in chosen.items():
        found[title] = [members[name] for name in models]
        solved = [v for v in members if v.startswith(MATH) and {*v.removeprefix(MATH).split("+")} <= {*models}]
        wanted = [*(v for v in members if v.startswith(VERIFIER) and not v.startswith(MATH)), *solved[-1:]]
        heard = [members[v] for v in wanted if not np.isnan(members[v].features[at.reporting]).all()]
        found[f"{title}, verifiers"] = [*found[title], *heard]
    return found


def tables(
    names: Sequence[str], members: Mapping[str, Member], pairs: Sequence[Pair], swap: bool = False
) -> Iterator[str]:
    """Everything, for each set of pairs: `names` of models, smallest first."""
    models = [members[name] for name in names]
    kinds = list(dict.fromkeys(pair.set for pair in pairs))
    one, other = ([split(name, pairs, models, way) for name in kinds] for way in (swap, not swap))
    yield from _short(names, members, one, other)
    for at in one:
        if len(at.reporting) < 2:
            continue
        yield from (f"## {at.name}: {len(at.choosing)} pairs for choosing, {len(at.reporting)} for reporting", "")
        yield from _members(at, members)
        yield from _questions(at, models)
        for title, rows in papers_for(at, one).items():
            yield from _pools(at, pools(names, members, at), title, exams(rows), members[names[-1]])


def papers_for(at: Set, sets: Sequence[Set]) -> dict[str, NDArray[np.int_]]:
    """Pairs to make exams of: a set's own, and those of the first, all that a run has without labelled answers."""
    found = {"its own pairs": at.choosing, sets[0].name: sets[0].choosing}
    if at is sets[0]:
        del found["its own pairs"]
    return {title: rows for title, rows in found.items() if len(rows) >= LEAST_QUESTIONS}


def _short(
    names: Sequence[str], members: Mapping[str, Member], one: Sequence[Set], other: Sequence[Set]
) -> Iterator[str]:
    """Each half reported by exams made of the other: twice the pairs, and nothing is fitted to what it reports."""
    areas: dict[str, dict[str, str]] = {}
    less: dict[str, dict[str, str]] = {}
    for at, back in zip(one, other, strict=True):
        if min(len(at.reporting), len(back.reporting)) < 2:
            continue
        for title, rows in papers_for(at, one).items():
            ways = [(at, exams(rows)), (back, exams(papers_for(back, other)[title]))]
            reference = [mean_wins(calibrated, [members[names[-1]]], draws, half.reporting) for half, draws in ways]
            for pool, who in pools(names, members, at).items():
                won = [mean_wins(calibrated, who, draws, half.reporting) for half, draws in ways]
                column = f"{at.name}, exam on {title}"
                areas.setdefault(pool, {})[column] = str(figure(*won))
                differences = [mine - its for mine, its in zip(won, reference, strict=True)]
                less.setdefault(pool, {})[column] = figure(*differences).signed
    for title, found in (("AUC, both ways", areas), (f"less {names[-1]} alone", less)):
        columns = list(dict.fromkeys(column for row in found.values() for column in row))
        rows_of = [(pool, *(row.get(column, "-") for column in columns)) for pool, row in found.items()]
        yield from table((f"`calibrated`: {title}", *columns), rows_of)


def _members(at: Set, members: Mapping[str, Member]) -> Iterator[str]:
    """Each alone, on all pairs: nothing is fitted."""
    of = {"AUC": np.concatenate([at.choosing, at.reporting]), **(at.kinds if len(at.kinds) > 1 else {})}
    rows = []
    for member in sorted(members.values(), key=lambda m: m.name.startswith(VERIFIER)):
        told = {title: said[~np.isnan(said).any(axis=1)] for title, said in _parts(member, of).items()}
        if len(told["AUC"]):
            found = [str(figure(wins(said))) if len(said) > 1 else "-" for said in told.values()]
            cost = "not clocked" if member.name.startswith(MATH) and not member.paid else f"{seconds([member], at):.2f}"
            rows.append((member.name, *found, str(len(told["AUC"])), cost))
    yield from table(("alone, all pairs", *of, "pairs it tells of", "seconds a verdict"), rows)


def _parts(member: Member, of: Mapping[str, NDArray[np.int_]]) -> dict[str, Array]:
    return {title: member.features[rows] for title, rows in of.items()}


def _questions(at: Set, models: Sequence[Member]) -> Iterator[str]:
    """How many of the questions are needed: the best by an exam, reported on other pairs."""
    draws, rows = exams(at.choosing), []
    for member in models:
        asked = {c: _logits(p) for c, p in member.questions.items()}
        for criterion, values in asked.items():
            rows.append((member.name, criterion, str(figure(wins(values[at.reporting])))))
        for few in FEW:
            won, chosen = [], Counter[str]()
            for exam in draws:
                ranked = sorted(asked, key=lambda c: -float(wins(asked[c][exam]).mean()))[:few]
                won.append(wins(np.mean([asked[c][at.reporting] for c in ranked], axis=0)))
                chosen.update(ranked)
            mostly = ", ".join(c for c, _ in chosen.most_common(few))
            rows.append((member.name, f"best {few} by the exam, mostly {mostly}", str(figure(np.mean(won, axis=0)))))
        rows.append(
            (member.name, "as a run asks, two of them", str(figure(wins(briefed(member).features[at.reporting]))))
        )
        rows.append((member.name, "mean of all", str(figure(wins(member.features[at.reporting])))))
    yield from table(("model", "question", "AUC"), rows)


def _pools(
    at: Set, pools: Mapping[str, Sequence[Member]], title: str, draws: Sequence[NDArray[np.int_]], largest: Member
) -> Iterator[str]:
    yield from (f"Exam on {len(draws[0])} of {title}.", "")
    reference = mean_wins(calibrated, [largest], draws, at.reporting)
    ways, gates = [], []
    for pool, members in pools.items():
        found = {way: mean_wins(WAYS[way], members, draws, at.reporting) for way in WAYS}
        opinions = all(m.questions for m in members)
        paper = papers(members, at.reporting) if opinions else None
        own = "-" if paper is None else str(figure(wins(paper)))
        brief = mean_wins(calibrated, members, draws, at.reporting, brief=True)
        ways.append((pool, own, *(str(figure(won)) for won in found.values()), str(figure(brief))))
        right = np.mean([accuracy(scores(calibrated, members, exam, at.reporting)) for exam in draws])
        unable = np.mean([not committee_of(tuple(standing(m, exam) for m in members)).can_tell for exam in draws])
        gates.append(
            (
                pool,
                figure(found["calibrated"] - reference).signed,
                f"{right:.2f}",
                "-" if paper is None else f"{accuracy(paper):.2f}",
                *(kept(members, draws, at.reporting, asked) for asked in PRECISIONS),
                f"{unable:.0%}",
                f"{seconds(members, at):.1f}",
            )
        )
    yield from table(("pool, AUC", "paper's mean", *WAYS, "calibrated, questions as needed"), ways)
    yield from table(
        (
            "pool, `calibrated`",
            f"AUC less {largest.name} alone",
            "accuracy",
            "accuracy of the paper's mean",
            *(f"precision and share of good kept at {asked}" for asked in PRECISIONS),
            "exams that find nobody",
            "seconds a verdict",
        ),
        gates,
    )
    everybody = list(pools.values())[-1]
    whole = mean_wins(calibrated, everybody, draws, at.reporting)
    lost = []
    for member in everybody:
        others = [other for other in everybody if other is not member]
        lost.append((member.name, figure(whole - mean_wins(calibrated, others, draws, at.reporting)).signed))
    yield from table(("without", "AUC that all lose"), lost)
