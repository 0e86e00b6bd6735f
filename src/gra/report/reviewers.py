"""The numbers on the table: what a run shows of its reviewers. Records alone; `bench.py` counts them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gra.records import Stage
from gra.report.bias import Effect, Reliability
from gra.report.disputes import Disputes
from gra.report.people import People
from gra.report.removal import Removal
from gra.synthesis.figures import Agreement, By, Kept, Two

SEED = 0
"""Of every draw here."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one reviewer says of one Generator's responses."""

    generator: str
    reviewer: str
    n: int
    mean: float
    """Score, 0-10."""
    standardised: float
    """Mean score in deviations from the reviewer's own mean over all responses: leniency is taken out."""


@dataclass(frozen=True)
class Reviewers:
    """The numbers on the table."""

    agreement: tuple[Agreement, ...]
    pairs: tuple[Two, ...]
    matrix: tuple[Cell, ...]
    own: tuple[tuple[str, str, Effect | None], ...]
    """Reviewer, `itself` or `its family`, and how much higher it rates those; None where it has too few of them."""
    length: tuple[tuple[str, Effect | None], ...]
    """Each reviewer's correlation of score with log length, given what the other reviewers say."""
    calibration: tuple[tuple[str, str, Reliability], ...]
    """Who foretold, what the truth is known from, and the curve."""
    removal: tuple[Removal, ...]
    removal_samples: int
    removal_unlike: int
    """Samples on which the gate, given all stored opinions, does not repeat itself; 0 if all is well."""
    kept: Kept | None
    """None with another gate than `calibrated`."""
    people: People
    """How far judges agree with people."""
    disputes: Disputes
    """What adjudication cost and gained, over all samples."""
    learned: dict[str, Any]
    """With the gate `calibrated`: by round, what candidates had shown when it began (docs/run_folder.md)."""
    no_votes: tuple[tuple[str, Stage, str], ...]
    """Reviewer, stage and domain, where an exam has shown that who can tell on the whole cannot tell there."""
    samples: int
    drawn: int
    """Of all samples, those that bias and calibration are from."""

    def of(self, stage: Stage, by: By = "all") -> list[Agreement]:
        """The agreement at a stage, in whole or by criterion, domain or round."""
        return [row for row in self.agreement if (row.stage, row.by) == (stage, by)]

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "agreement": [asdict(row) for row in self.agreement],
            "pairs": [two.plain() for two in self.pairs],
            "matrix": [asdict(cell) for cell in self.matrix],
            "self_preference": [{"reviewer": r, "of": of, **_effect(e)} for r, of, e in self.own],
            "length_bias": [{"reviewer": r, **_effect(e)} for r, e in self.length],
            "calibration": [{"who": who, "known_from": by, **asdict(curve)} for who, by, curve in self.calibration],
            "removal": [{**asdict(row), "share": row.share} for row in self.removal],
            "removal_samples": self.removal_samples,
            "removal_unlike": self.removal_unlike,
            "kept": asdict(self.kept) if self.kept else None,
            "people": self.people.plain(),
            "disputes": self.disputes.plain(),
            "learned": self.learned,
            "no_votes": [{"reviewer": r, "stage": stage, "domain": domain} for r, stage, domain in self.no_votes],
            "samples": self.samples,
            "drawn": self.drawn,
            "seed": SEED,
        }


def _effect(effect: Effect | None) -> dict[str, Any]:
    return {"effect": None if effect is None else asdict(effect)}
