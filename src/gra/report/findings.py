"""Everything that a report tells of a run, gathered in one pass over its samples; memory does not grow with them."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gra.records import Entry, Sample, Status
from gra.report.bench import Bench, drawn
from gra.report.diversity import NEAR, Nearest, Vectors, covered, distinct, nearest, unit, vendi, words
from gra.report.reviewers import SEED, Reviewers
from gra.report.searching import Search
from gra.report.skew import Skew, Spoken
from gra.report.survey import Report, report_on
from gra.report.worth import Worth, Worthy

if TYPE_CHECKING:
    from gra.store.reader import Reader

TEXTS = 5_000
"""Accepted samples, and seeds, at most that diversity and words are measured on."""
LONGEST = 4_000
"""Characters of a text that are looked at for words."""
SCORES = 20
"""Bins of the scores, from 0 to 10."""
DECADES = 32
"""Bins of the lengths: eight for each power of ten of characters, from 1 to 10,000."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """How diverse some texts are."""

    name: str
    texts: int
    words: int
    """Of their instructions, counted for distinct-n."""
    distinct: tuple[float | None, ...]
    """Distinct-1, -2 and -3 of these words."""
    vectors: int
    """Texts that have an embedding."""
    nearest: Nearest | None
    vendi: float | None


@dataclass(frozen=True, slots=True)
class Difficulty:
    """Instruction-following difficulty (Li et al. 2023, arXiv 2308.12032) by one model, of accepted samples.

    The loss of the response given its instruction, over its loss alone: near 1 or above, the instruction helps little.
    """

    model: str
    n: int
    mean: float
    quantiles: tuple[float, ...]
    """At 5%, 50% and 95%."""
    counts: tuple[int, ...]
    """In bins of a tenth from 0; what is above 1.5 is in the last."""


@dataclass(frozen=True)
class Findings:
    """What there is to tell."""

    report: Report
    config: Mapping[str, Any]
    reviewers: Reviewers
    scores: Mapping[str, tuple[int, ...]]
    """Of `accepted` and `not accepted` samples with a response: how many lie where from 0 to 10."""
    lengths: tuple[int, ...]
    """Of accepted responses, by the logarithm of their characters."""
    corpora: tuple[Corpus, ...]
    """Seeds and accepted samples, as many of each; all seeds; all accepted samples."""
    coverage: float | None
    """Share of the seeds near an accepted sample; None where it cannot be said."""
    coverage_of_seeds: float | None
    """Share of the seeds near another seed."""
    embedded_by: str
    difficulty: tuple[Difficulty, ...]
    skew: tuple[Spoken, ...]
    skew_texts: int
    contamination: Mapping[str, int] = field(default_factory=dict)
    """By benchmark, accepted samples that have something in common with it; empty where none was searched."""
    worth: tuple[Worth, ...] = ()


def findings_of(
    reader: Reader, known: Mapping[str, bool] | None = None, searches: Mapping[str, Search] | None = None
) -> Findings:
    """Look at everything once.

    Args:
        reader: of the run.
        known: by a sample's id, whether it is good.
        searches: by a benchmark's name, whether a sample has something in common with it.

    Raises:
        StoreError: the run cannot be read.
    """
    bench, gathering = Bench(reader, known), Gathering(reader, searches or {})
    for sample in reader.iter_samples():
        bench.add(sample)
        gathering.add(sample)
    report = report_on(reader)
    seeds = _seeds(reader)
    corpora, coverage, own = _corpora(reader, seeds, [instruction for instruction, _ in gathering.texts])
    return Findings(
        report=report,
        config=reader.run.config,
        reviewers=bench.found(),
        scores={name: tuple(counts) for name, counts in gathering.scores.items()},
        lengths=tuple(gathering.lengths),
        corpora=corpora,
        coverage=coverage,
        coverage_of_seeds=own,
        embedded_by=reader.embedding_model(),
        difficulty=tuple(_difficulty(model, values) for model, values in sorted(gathering.ifd.items())),
        skew=gathering.skew.found(),
        skew_texts=gathering.skew.texts,
        contamination=gathering.contaminated,
        worth=gathering.worthy.found(),
    )


class Gathering:
    """Keeps what is needed of the samples that pass by."""

    def __init__(self, reader: Reader, searches: Mapping[str, Search]) -> None:
        self.places = drawn(reader.funnel().by_status.get(Status.ACCEPTED, 0), TEXTS)
        self.searches = searches
        self.accepted = 0
        self.scores = {"accepted": [0] * SCORES, "not accepted": [0] * SCORES}
        self.lengths = [0] * DECADES
        self.texts: list[tuple[str, str]] = []
        self.ifd: dict[str, list[float]] = {}
        self.skew = Skew()
        self.worthy = Worthy()
        self.contaminated = dict.fromkeys(searches, 0)

    def add(self, sample: Sample) -> None:
        """Look at one."""
        self.worthy.add(sample)
        accepted = sample.status is Status.ACCEPTED
        if sample.best and sample.best.final:
            place = min(SCORES - 1, max(0, int(sample.score / 10 * SCORES)))
            self.scores["accepted" if accepted else "not accepted"][place] += 1
        if not accepted:
            return
        self.lengths[min(DECADES - 1, int(8 * math.log10(max(1, len(sample.response)))))] += 1
        for name, search in self.searches.items():
            self.contaminated[name] += search(sample)
        if self.accepted in self.places:
            instruction, response = sample.instruction[:LONGEST], sample.response[:LONGEST]
            self.texts.append((instruction, response))
            self.skew.add(f"{instruction} {response}", sample.best.cast.generator if sample.best else "")
            for model, value in difficulties(sample).items():
                self.ifd.setdefault(model, []).append(value)
        self.accepted += 1


def difficulties(sample: Sample) -> dict[str, float]:
    """By model the instruction-following difficulty of a sample, where a verifier has measured both of its losses.

    The verifiers `@likelihood.MODEL` and `@information.MODEL` hold the logistic of the mean log-probability of a token
    given the instruction, and of how much that is above the one without.
    """
    found: dict[str, dict[str, float]] = {}
    for opinion in sample.best.opinions if sample.best else ():
        kind, _, model = opinion.model.partition(".")
        if kind in ("@likelihood", "@information") and opinion.usable and opinion.scores:
            (share,) = list(opinion.scores.values())[:1]
            if 0 < share < 1:
                found.setdefault(model, {})[kind] = math.log(share / (1 - share))
    both = {m: (v["@likelihood"], v["@likelihood"] - v["@information"]) for m, v in found.items() if len(v) == 2}
    return {model: given / alone for model, (given, alone) in both.items() if alone < 0}


def _difficulty(model: str, values: Sequence[float]) -> Difficulty:
    column = np.array(values)
    counts, _ = np.histogram(column.clip(0, 1.5), bins=15, range=(0, 1.5))
    quantiles = tuple(float(q) for q in np.quantile(column, (0.05, 0.5, 0.95)))
    return Difficulty(model, len(column), float(column.mean()), quantiles, tuple(int(c) for c in counts))


def _seeds(reader: Reader) -> list[Entry]:
    """The pool begins with the seeds; a draw of them if they are many."""
    entries = reader.entries()
    low, high = 0, len(entries)
    while low < high:  # entries of round 0 come first
        middle = (low + high) // 2
        low, high = (middle + 1, high) if entries[middle].round == 0 else (low, middle)
    return [entries[place] for place in sorted(drawn(low, TEXTS))]


def _corpora(
    reader: Reader, seeds: Sequence[Entry], accepted: Sequence[str]
) -> tuple[tuple[Corpus, ...], float | None, float | None]:
    """Seeds and accepted samples side by side, and how many seeds are near an accepted sample and another seed."""
    asked = [entry.instruction[:LONGEST] for entry in seeds]
    both = min(len(asked), len(accepted))
    some, few = _few(asked, both), _few(accepted, both)
    most = min(_words(some), _words(few))
    near, all_of_them = _vectors(reader, asked), _vectors(reader, accepted)
    corpora = (
        _corpus("seeds", some, _vectors(reader, some), most),
        _corpus("accepted, as many", few, _vectors(reader, few), most),
        _corpus("all seeds", asked, near, _words(asked)),
        _corpus("all accepted", accepted, all_of_them, _words(accepted)),
    )
    if len({v.shape[1] for v in (near, all_of_them) if len(v)}) > 1:
        return corpora, None, None
    own = nearest_share(near)
    return corpora, covered(near, all_of_them), own


def nearest_share(vectors: Vectors) -> float | None:
    """Share of vectors that have another within `NEAR`; None of fewer than two."""
    if len(vectors) < 2:
        return None
    found = 0
    for place in range(len(vectors)):
        cosines = vectors @ vectors[place]
        cosines[place] = -1.0
        found += bool(cosines.max() >= NEAR - 1e-6)
    return found / len(vectors)


def _corpus(name: str, texts: Sequence[str], vectors: Vectors, most: int) -> Corpus:
    shuffled = [words(text) for text in random.Random(SEED).sample(list(texts), len(texts))]  # noqa: S311 (no secret)
    counted = min(most, sum(map(len, shuffled)))
    found = tuple(distinct(shuffled, n, most) for n in (1, 2, 3))
    return Corpus(name, len(texts), counted, found, len(vectors), nearest(vectors), vendi(vectors))


def _few(texts: Sequence[str], most: int) -> list[str]:
    return random.Random(SEED).sample(list(texts), min(most, len(texts)))  # noqa: S311 (no secret)


def _words(texts: Sequence[str]) -> int:
    return sum(len(words(text)) for text in texts)


def _vectors(reader: Reader, texts: Sequence[str]) -> Vectors:
    found = [vector for vector in reader.vectors(texts) if vector is not None]
    length = len(found[0]) if found else 0
    return unit([vector for vector in found if len(vector) == length])
