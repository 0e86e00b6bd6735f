"""From texts that several reviewers have judged to each reviewer's bias, and from known answers to its calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from gra.report.bias import Effect, Reliability, family, partial_correlation, preference, reliability


@dataclass(frozen=True, slots=True)
class Row:
    """One response and what each reviewer says of it."""

    generator: str
    length: float
    """Natural logarithm of one more than its characters."""
    scores: Mapping[str, float]


def standardised(rows: Sequence[Row], scales: Mapping[str, tuple[float, float]]) -> list[Row]:
    """The same with each score in deviations from its reviewer's mean; who says the same of all is left out.

    Args:
        rows: the texts.
        scales: mean and deviation of each reviewer.
    """
    found = []
    for row in rows:
        scores = {m: (s - scales[m][0]) / scales[m][1] for m, s in row.scores.items() if m in scales}
        if len(scores) > 1:
            found.append(replace(row, scores=scores))
    return found


def own_preferences(
    rows: Sequence[Row], seed: int, families: Mapping[str, str]
) -> tuple[tuple[str, str, Effect | None], ...]:
    """For each reviewer, how much higher it rates its own responses, and those of models of its family.

    Both are compared with how it rates others' responses, beyond what the other reviewers say of the same texts. With
    the paper's casting no model judges its own work; then only the family is left.

    Args:
        rows: the texts, with standardised scores.
        seed: of the permutations.
        families: of each model; whoever is not in it is taken by its name.
    """

    def kind(model: str) -> str:
        return families.get(model) or family(model)

    found = []
    for reviewer in _reviewers(rows):
        judged = [row for row in rows if reviewer in row.scores]
        itself = np.array([row.generator == reviewer for row in judged])
        kin = np.array([kind(row.generator) == kind(reviewer) and row.generator != reviewer for row in judged])
        apart = np.array([_apart(row, reviewer) for row in judged])
        for name, own in (("itself", itself), ("its family", kin)):
            counted = own | ~(itself | kin)
            found.append((reviewer, name, preference(apart[counted], own[counted], seed)))
    return tuple(found)


def length_biases(rows: Sequence[Row]) -> tuple[tuple[str, Effect | None], ...]:
    """For each reviewer, the correlation of its scores with log length, given the other reviewers' mean."""
    found = []
    for reviewer in _reviewers(rows):
        judged = [row for row in rows if reviewer in row.scores]
        columns = [(row.scores[reviewer], row.length, _others(row, reviewer)) for row in judged]
        own, length, others = (np.array(column) for column in zip(*columns, strict=True))
        found.append((reviewer, partial_correlation(own, length, others)))
    return tuple(found)


def calibrations(
    exam: Sequence[Mapping[str, Any]], readings: Mapping[str, str], labelled: Sequence[tuple[str, float, bool]]
) -> tuple[tuple[str, str, Reliability], ...]:
    """Curves of all who have foretold something that is known.

    Args:
        exam: the exam's rows as they are stored; half of the texts are good.
        readings: how each model's opinion is read.
        labelled: who gave which probability to a sample, and whether that is good.
    """
    found = []
    for row in exam:
        if row["stage"] == "response" and any(row.get("good") or ()) and not row["model"].startswith("@"):
            written = readings.get(row["model"]) == "written"
            texts = [*row["good"], *row["broken"]]
            foretold = np.array([_probability(value, written) for value in texts])
            came = np.arange(len(texts)) < len(row["good"])
            if curve := reliability(foretold, came):
                found.append((str(row["model"]), "exam", curve))
    for who in sorted({name for name, *_ in labelled}):
        mine = [(p, good) for name, p, good in labelled if name == who]
        if curve := reliability(np.array([p for p, _ in mine]), np.array([good for _, good in mine], dtype=bool)):
            found.append((who, "people", curve))
    return tuple(found)


def _probability(feature: float, written: bool) -> float:
    """What an exam's number says of being good: written scores run from 1 to 10, others are mean log-odds."""
    return min(max((feature - 1) / 9, 0.0), 1.0) if written else 1 / (1 + math.exp(-feature))


def _reviewers(rows: Sequence[Row]) -> list[str]:
    return sorted({reviewer for row in rows for reviewer in row.scores})


def _others(row: Row, reviewer: str) -> float:
    return fmean(score for model, score in row.scores.items() if model != reviewer)


def _apart(row: Row, reviewer: str) -> float:
    return row.scores[reviewer] - _others(row, reviewer)
