"""How good what is exported may be: what the gate expects of it, and what people have said of some of it.

Counted row by row as they pass. Only where the run's gate is `calibrated` is there something to expect: its scores are
probabilities. People are asked of accepted samples, also of those that are left out because of what they said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gra.export.rows import Row
from gra.records import Status
from gra.synthesis.figures import FACT, Expected, doubts, wilson

if TYPE_CHECKING:
    from gra.store.reader import Reader


class Quality:
    """Of the rows of these runs, shown to it one by one."""

    def __init__(self, runs: Sequence[tuple[str, Reader]]) -> None:
        self._doubts = {name: doubts(reader.fact(FACT)) for name, reader in runs}
        self._expected = Expected()
        self._judged = self._good = self._foretold = 0
        self._mass = 0.0

    def add(self, row: Row) -> None:
        """Count a row that is exported. One that people let in is no work of the gate."""
        sample, known = row.sample, self._doubts[row.run]
        if sample.status is Status.ACCEPTED and sample.round in known:
            self._expected.add(sample, known[sample.round])

    def judge(self, row: Row, good: bool) -> None:
        """Count what a person has said of a sample that the run accepted."""
        self._judged += 1
        self._good += good
        final = row.sample.best.final if row.sample.best else None
        if final and row.sample.round in self._doubts[row.run]:
            self._foretold += 1
            self._mass += final.score / 10

    def plain(self) -> dict[str, Any]:
        """As JSON data, for the manifest; None where there is nothing to tell."""
        kept = self._expected.kept()
        low, _, high = wilson(self._good, self._judged)
        people = {
            "samples": self._judged,
            "precision": self._good / self._judged if self._judged else None,
            "low": low,
            "high": high,
            "foretold": self._mass / self._foretold if self._foretold else None,
        }
        told = {"rows": kept.accepted, "precision": kept.precision, "low": kept.low, "high": kept.high}
        return {"estimated": told if kept.accepted else None, "people": people if self._judged else None}
