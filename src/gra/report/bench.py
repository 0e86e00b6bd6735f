"""Counts what `reviewers.py` tells, over the samples of a run: one pass, flat memory.

Agreement and the matrix are sums over all samples. What needs the texts one by one (self-preference, length,
calibration, removal) is taken from a sample of stated size, drawn with a stated seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gra.records import Opinion, Sample
from gra.report.bias import family
from gra.report.disputes import DisputeSurvey
from gra.report.judged import Row, calibrations, length_biases, own_preferences, standardised
from gra.report.people import PeopleSurvey
from gra.report.removal import removals_of
from gra.report.reviewers import SEED, Cell, Reviewers
from gra.store.verdicts import verdicts
from gra.synthesis.agreement import Moments
from gra.synthesis.figures import FACT, Figures, doubts, rating, said_by_models

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


class Bench:
    """Counts over the samples of a run, shown to it in their order.

    Args:
        reader: of the run.
        known: by a sample's id, whether it is good, beside what people have said in `gra view`.
    """

    def __init__(self, reader: Reader, known: Mapping[str, bool] | None = None) -> None:
        total = sum(reader.funnel().by_status.values())
        self.rows_at = drawn(total, TEXTS)
        self.removed_at = drawn(total, REMOVALS)
        self.known = known or {}
        self.said = verdicts(reader.run)
        self.learned: dict[str, Any] = reader.fact("learned") or {}
        self.exam = reader.fact("exam") or ()
        self.readings: Mapping[str, str] = reader.fact("readings") or {}
        self.calibrated = reader.run.calibrated
        self.families = families(reader.run.config.get("models") or ())
        self.removals = removals_of(reader)
        self.figures = Figures(self.calibrated)
        self.doubts = doubts(reader.fact(FACT))
        self.each: dict[str, Moments] = {}
        self.cells: dict[tuple[str, str], Moments] = {}
        self.rows: list[Row] = []
        self.labelled: list[tuple[str, float, bool]] = []
        self.people, self.disputes = PeopleSurvey(), DisputeSurvey()
        self.totals = reader.totals()

    def add(self, sample: Sample) -> None:
        """Count one sample."""
        place = self.figures.samples
        for version in sample.versions:
            for opinion in said_by_models(version.opinions):
                score = rating(opinion)
                self.each.setdefault(opinion.model, Moments()).add(score)
                self.cells.setdefault((version.cast.generator, opinion.model), Moments()).add(score)
            if place in self.rows_at and version.opinions:
                scores = {o.model: rating(o) for o in said_by_models(version.opinions)}
                self.rows.append(Row(version.cast.generator, math.log1p(len(version.response)), scores))
        if self.removals and place in self.removed_at:
            self.removals.add(sample)
        self._known(sample)
        self.disputes.add(sample)
        self.figures.add(sample, self.doubts.get(sample.round))

    def found(self) -> Reviewers:
        """What all of them come to."""
        cells = {
            key: (of, (of.mean - self.each[key[1]].mean) / self.each[key[1]].deviation if self._varies(key[1]) else 0.0)
            for key, of in sorted(self.cells.items())
        }
        rows = standardised(self.rows, {m: (e.mean, e.deviation) for m, e in self.each.items() if self._varies(m)})
        return Reviewers(
            agreement=self.figures.agreement(),
            pairs=self.figures.pairs(),
            matrix=tuple(Cell(*key, of.n, of.mean, z) for key, (of, z) in cells.items()),
            own=own_preferences(rows, SEED, self.families),
            length=length_biases(rows),
            calibration=calibrations(self.exam, self.readings, self.labelled),
            removal=self.removals.found() if self.removals else (),
            removal_samples=self.removals.samples if self.removals else 0,
            removal_unlike=self.removals.unlike if self.removals else 0,
            kept=self.figures.kept(),
            learned=self.learned,
            no_votes=tuple((row["model"], row["stage"], d) for row in self.exam for d in row.get("no_vote_in", ())),
            people=self.people.found(),
            disputes=self.disputes.disputes(self.totals),
            samples=self.figures.samples,
            drawn=min(self.figures.samples, TEXTS),
        )

    def _known(self, sample: Sample) -> None:
        """What was foretold of the response that counts, where it is known whether it is good."""
        version = sample.best
        final = version.final if version else None
        good = self._good(sample)
        if version is None or final is None or good is None:
            return
        self.people.add(sample, good)
        self.labelled += [(o.model, stated(o), good) for o in said_by_models(version.opinions)]
        if self.calibrated:
            self.labelled.append(("the gate", final.score / 10, good))

    def _good(self, sample: Sample) -> bool | None:
        """Whether it is good, as far as that is known; what was made anew since a person judged it is not."""
        said = self.said.get(sample.id)
        person = said.accept if said and said.is_about(sample) else None
        return self.known.get(sample.id, person)

    def _varies(self, reviewer: str) -> bool:
        return self.each[reviewer].deviation > 1e-9


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
