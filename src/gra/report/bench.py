"""Counts what `reviewers.py` tells, over the samples of a run: one pass, flat memory.

Agreement and the matrix are sums over all samples. What needs the texts one by one (self-preference, length,
calibration, removal) is taken from a sample of stated size, drawn with a stated seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from gra.records import Opinion, Sample, Stage, Status, Verdict
from gra.report.agreement import Alpha, Correlation, Moments, Pair
from gra.report.bias import family
from gra.report.disputes import DisputeSurvey
from gra.report.judged import Row, calibrations, length_biases, own_preferences, standardised
from gra.report.opening import written_config
from gra.report.people import PeopleSurvey
from gra.report.removal import removals_of
from gra.report.reviewers import SEED, Agreement, By, Cell, Kept, Reviewers, Two
from gra.store.verdicts import verdicts

if TYPE_CHECKING:
    from gra.store.reader import Reader

TEXTS = 20_000
"""Samples at most that bias is measured on."""
REMOVALS = 2_000
"""Samples at most that are decided again; with an exam to weigh, that takes a few milliseconds each."""


def reviewers_of(reader: Reader, known: Mapping[str, bool] | None = None) -> Reviewers:
    """Everything that the stored opinions show.

    Args:
        reader: of the run.
        known: by a sample's id, whether it is good, beside what people have said in `gra view`.

    Raises:
        StoreError: the run cannot be read.
    """
    bench = Bench(reader, known)
    for sample in reader.iter_samples():
        bench.add(sample)
    return bench.found()


def first_of(reader: Reader, most: int) -> Reviewers:
    """Agreement, and what was kept, among a run's first samples: a look at a run stays a short one however long it is.

    Raises:
        StoreError: the run cannot be read.
    """
    bench = Bench(reader, whole=False)
    for sample in islice(reader.iter_samples(), most):
        bench.add(sample)
    return bench.found()


class Bench:
    """Counts over the samples of a run, shown to it in their order.

    Args:
        reader: of the run.
        known: by a sample's id, whether it is good, beside what people have said in `gra view`.
        whole: False to leave out bias and removal, which take most of the time and memory.
    """

    def __init__(self, reader: Reader, known: Mapping[str, bool] | None = None, whole: bool = True) -> None:
        total = sum(reader.funnel().by_status.values())
        self.rows_at = drawn(total, TEXTS) if whole else frozenset()
        self.removed_at = drawn(total, REMOVALS)
        self.known = known or {}
        self.said = verdicts(reader.run) if whole else {}
        self.exam = reader.fact("exam") or ()
        self.readings: Mapping[str, str] = reader.fact("readings") or {}
        self.calibrated = dict(written_config(reader.run).get("gate") or {}).get("type") == "calibrated"
        self.families = families(written_config(reader.run).get("models") or ())
        self.removals = removals_of(reader) if whole else None
        self.scores: dict[tuple[Stage, By, str], Alpha] = {}
        self.votes: dict[tuple[Stage, By, str], Alpha] = {}
        self.voted: dict[tuple[Stage, str, str], list[int]] = {}
        self.scored: dict[tuple[Stage, str, str], Correlation] = {}
        self.each: dict[str, Moments] = {}
        self.cells: dict[tuple[str, str], Moments] = {}
        self.rows: list[Row] = []
        self.labelled: list[tuple[str, float, bool]] = []
        self.masses: dict[str, Moments] = {name: Moments() for name in ("accepted", "let through", "judged")}
        self.people, self.disputes = PeopleSurvey(), DisputeSurvey()
        self.totals = reader.totals() if whole else None
        self.samples = 0

    def add(self, sample: Sample) -> None:
        """Count one sample."""
        if sample.opinions:
            self._text(sample, "instruction", sample.opinions, sample.verdict)
        for version in sample.versions:
            self._text(sample, "response", version.opinions, version.verdict)
            for opinion in _read(version.opinions):
                score = rating(opinion)
                self.each.setdefault(opinion.model, Moments()).add(score)
                self.cells.setdefault((version.cast.generator, opinion.model), Moments()).add(score)
            if self.samples in self.rows_at and version.opinions:
                scores = {o.model: rating(o) for o in _read(version.opinions)}
                self.rows.append(Row(version.cast.generator, math.log1p(len(version.response)), scores))
        if self.removals and self.samples in self.removed_at:
            self.removals.add(sample)
        self.disputes.add(sample)
        self._probability(sample)
        self.samples += 1

    def found(self) -> Reviewers:
        """What all of them come to."""
        keys = sorted(self.scores.keys() | self.votes.keys(), key=lambda key: (key[0], key[1], _natural(key[2])))
        cells = {
            key: (of, (of.mean - self.each[key[1]].mean) / self.each[key[1]].deviation if self._varies(key[1]) else 0.0)
            for key, of in sorted(self.cells.items())
        }
        rows = standardised(self.rows, {m: (e.mean, e.deviation) for m, e in self.each.items() if self._varies(m)})
        return Reviewers(
            agreement=tuple(self._agreement(*key) for key in keys),
            pairs=tuple(self._two(*key) for key in sorted(self.scored.keys() | self.voted.keys())),
            matrix=tuple(Cell(*key, of.n, of.mean, z) for key, (of, z) in cells.items()),
            own=own_preferences(rows, SEED, self.families),
            length=length_biases(rows),
            calibration=calibrations(self.exam, self.readings, self.labelled),
            removal=self.removals.found() if self.removals else (),
            removal_samples=self.removals.samples if self.removals else 0,
            removal_unlike=self.removals.unlike if self.removals else 0,
            kept=self._kept(),
            people=self.people.found(),
            disputes=self.disputes.disputes(self.totals),
            samples=self.samples,
            drawn=min(self.samples, TEXTS),
        )

    def _text(self, sample: Sample, stage: Stage, opinions: tuple[Opinion, ...], verdict: Verdict | None) -> None:
        """Agreement on one text."""
        read = _read(opinions)
        ratings = {o.model: rating(o) for o in read}
        votes = {model: vote for model, vote in verdict.votes.items() if model in ratings} if verdict else {}
        places: tuple[tuple[By, str], ...] = (("all", ""), ("domain", sample.domain), ("round", str(sample.round)))
        for by, name in places:
            self.scores.setdefault((stage, by, name), Alpha()).add(list(ratings.values()))
            self.votes.setdefault((stage, by, name), Alpha()).add([float(vote) for vote in votes.values()])
        for criterion in {c for o in read for c in o.scores} if len(read) > 1 else ():
            values = [on_ten(o, o.scores[criterion]) for o in read if criterion in o.scores]
            self.scores.setdefault((stage, "criterion", criterion), Alpha()).add(values)
        for a, b in _pairs(ratings):
            self.scored.setdefault((stage, a, b), Correlation()).add(ratings[a], ratings[b])
        for a, b in _pairs(votes):
            counts = self.voted.setdefault((stage, a, b), [0, 0, 0, 0])
            counts[(0 if votes[b] else 1) if votes[a] else (2 if votes[b] else 3)] += 1

    def _probability(self, sample: Sample) -> None:
        """What the gate foretold of the response that counts, and what is known of it."""
        version = sample.best
        final = version.final if version else None
        if version is None or final is None:
            return
        good = self._good(sample)
        if good is not None:
            self.people.add(sample, good)
            self.labelled += [(o.model, stated(o), good) for o in _read(version.opinions)]
            if self.calibrated:
                self.labelled.append(("the gate", final.score / 10, good))
        if self.calibrated and version.opinions:
            self.masses["judged"].add(final.score / 10)
            if final.outcome == "accept":
                self.masses["let through"].add(final.score / 10)
            if sample.status is Status.ACCEPTED:
                self.masses["accepted"].add(final.score / 10)

    def _good(self, sample: Sample) -> bool | None:
        """Whether it is good, as far as that is known; what was made anew since a person judged it is not."""
        said = self.said.get(sample.id)
        person = said.accept if said and said.is_about(sample) else None
        return self.known.get(sample.id, person)

    def _agreement(self, stage: Stage, by: By, name: str) -> Agreement:
        scores = self.scores.get((stage, by, name), Alpha())
        votes = self.votes.get((stage, by, name), Alpha())
        return Agreement(stage, by, name, scores.texts, scores.value, votes.value)

    def _two(self, stage: Stage, a: str, b: str) -> Two:
        pair = Pair(a, b, *self.voted.get((stage, a, b), ()))
        scored = self.scored.get((stage, a, b), Correlation())
        return Two(stage, pair, scored.n, scored.value)

    def _kept(self) -> Kept | None:
        if not self.calibrated:
            return None
        accepted, through, judged = (self.masses[name] for name in ("accepted", "let through", "judged"))
        mass = judged.n * judged.mean
        recall = through.n * through.mean / mass if mass > 0 else None
        return Kept(accepted.mean if accepted.n else None, recall, accepted.n, judged.n)

    def _varies(self, reviewer: str) -> bool:
        return self.each[reviewer].deviation > 1e-9


def rating(opinion: Opinion) -> float:
    """An opinion's mean score on a scale of 0 to 10."""
    return on_ten(opinion, opinion.mean(opinion.scores))


def on_ten(opinion: Opinion, score: float) -> float:
    """A score of an opinion on a scale of 0 to 10; those that are written of responses are from 1 to 10 already."""
    return score if opinion.reading == "written" and opinion.stage == "response" else 10 * score


def families(models: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The family of each model of a configuration, by what it is where that is told, else by the name it was given."""
    return {str(m["name"]): family(str(m.get("catalogue") or m.get("model") or m["name"])) for m in models}


def stated(opinion: Opinion) -> float:
    """What an opinion says of the probability of being good, in [0, 1]: written scores run from 1 to 10."""
    score = rating(opinion)
    return (score - 1) / 9 if opinion.reading == "written" and opinion.stage == "response" else score / 10


def drawn(total: int, most: int) -> frozenset[int]:
    """Places of so many samples at most, drawn from all with `SEED`; all of them if they are not more."""
    if total <= most:
        return frozenset(range(total))
    return frozenset(random.Random(SEED).sample(range(total), most))  # noqa: S311 (a sample, no secret)


def _read(opinions: tuple[Opinion, ...]) -> list[Opinion]:
    """What models have said; what verifiers measure (their names begin with `@`) is on no scale of theirs."""
    return [o for o in opinions if o.usable and o.scores and not o.model.startswith("@")]


def _pairs(judged: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    names = sorted(judged)
    return ((a, b) for place, a in enumerate(names) for b in names[place + 1 :])


def _natural(name: str) -> tuple[int, str]:
    """Rounds in the order of their numbers."""
    return (int(name), "") if name.isdigit() else (0, name)
