"""How far a run's reviewers agree and how good what was kept may be, in a moment, however long the run is.

Of rounds that are closed that is on record; before the first is, a run's first samples have to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from gra.synthesis.figures import FACT, Figures

if TYPE_CHECKING:
    from gra.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Glance:
    """The figures, and what they are of."""

    figures: Figures
    rounds: int
    """Closed rounds whose samples they are of; 0 where they are of a run's first samples."""
    learned: Mapping[str, Any]
    """With the gate `calibrated`: by round, what candidates had shown when it began (docs/run_folder.md)."""

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {**self.figures.glance(), "rounds": self.rounds, "learned": self.learned}


def glance_of(reader: Reader, most: int) -> Glance:
    """Of all closed rounds; without any, or in a run of an older gra, of so many samples at most.

    Raises:
        StoreError: the run cannot be read.
    """
    stored: Mapping[str, Any] = reader.fact(FACT) or {}
    learned: Mapping[str, Any] = reader.fact("learned") or {}
    closed = [stored[str(r.number)] for r in reader.rounds() if r.state == "closed" and str(r.number) in stored]
    if closed:
        return Glance(Figures.over(closed), len(closed), learned)
    figures = Figures(reader.run.calibrated)
    for sample in islice(reader.iter_samples(), most):
        figures.add(sample)
    return Glance(figures, 0, learned)
