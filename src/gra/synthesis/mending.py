"""Which rejected responses are worth a revision, by what earlier revisions gained for their cost. Pure.

A revision competes with a new candidate for the same tokens. It is worth its cost where it promises at least as many
accepted samples for it as the run as a whole brings: the rule by which a forager leaves a patch (Charnov, "Optimal
foraging: the marginal value theorem", 1976), whose optimum is where both are equal. What it promises is learned by how
probable it was that the response before was good, in a few bands, each of which believes the others as far as it has
tried little itself. At first everything pays: until revisions have shown that they do not.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BOUNDS = (1.0, 2.5, 5.0, 10.0)
"""Upper ends of the bands: scores, ten times the probability of being good."""
BELIEF = 8.0
"""Revisions that what is believed beforehand counts for: the benefit of the doubt, and then other bands."""
BENEFIT = 2.0
"""What revisions are taken to gain before any was tried, as a multiple of what makes them worth their cost."""
EXPLORE = 0.1
"""Share of the responses that would not pay which are revised all the same, so that it goes on being known."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Revisions together."""

    tried: int = 0
    gained: int = 0
    """Of these, the version of a sample that was accepted because of it."""
    cost: float = 0.0

    def __add__(self, other: Tried) -> Tried:
        """Both together."""
        return Tried(self.tried + other.tried, self.gained + other.gained, self.cost + other.cost)


@dataclass(frozen=True, slots=True)
class Band:
    """Revisions of responses with about one score."""

    below: float
    """Scores that are below, and not in a band before; the last has all that are left."""
    chance: float
    """That a revision gains a sample, as far as is known; in [0, 1]."""
    cost: float
    """Of one, as far as is known; 0 where none was tried."""
    pays: bool


@dataclass(frozen=True, slots=True)
class Mending:
    """Which responses are worth a revision; where nothing is known, all are."""

    bands: tuple[Band, ...] = ()

    def pays(self, score: float, draw: random.Random) -> bool:
        """Whether a response with this score is to be revised; `draw` decides about those that would not pay."""
        if not self.bands:
            return True
        return self.bands[band_of(score)].pays or draw.random() < EXPLORE


def band_of(score: float) -> int:
    """The place of a score, 0 to 10, among the bands."""
    return next((place for place, bound in enumerate(BOUNDS) if score < bound), len(BOUNDS) - 1)


def worth(tallies: Sequence[Tried], rate: float) -> Mending:
    """What revisions are worth.

    Args:
        tallies: what they came to, for each band.
        rate: accepted samples of the run for each unit of cost; above 0.
    """
    whole = sum(tallies, Tried())
    if not whole.tried:
        return Mending()
    usual = whole.cost / whole.tried
    bands = []
    for bound, here in zip(BOUNDS, tallies, strict=True):
        cost = (usual + here.cost) / (1 + here.tried)
        enough = rate * cost  # the chance from which it pays
        others, hoped = (whole.tried - here.tried, whole.gained - here.gained), min(1.0, BENEFIT * enough)
        prior = _believed(hoped, others[1], others[0])
        chance = _believed(prior, here.gained, here.tried)
        bands.append(Band(bound, chance, cost, chance >= enough))
    return Mending(tuple(bands))


def _believed(before: float, gained: int, tried: int) -> float:
    return (BELIEF * before + gained) / (BELIEF + tried)


def caused(steps: Iterable[str], number: int) -> set[str]:
    """Of the steps of a sample's calls those that were taken because of version `number`.

    Its own, and the comments on the one before, unless an Adjudicator had to read them anyway.
    """
    steps, before = set(steps), f"v{number - 1}."
    own = {step for step in steps if step.startswith(f"v{number}.")}
    if any(step.startswith(f"{before}adjudicate.") for step in steps):
        return own
    return own | {step for step in steps if step.startswith(before) and step.endswith(".comment")}
