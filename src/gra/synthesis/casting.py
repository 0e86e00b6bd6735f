"""Who plays which part: drawn for every sample (as in the paper), given by name, or one model for all.

A sample that nobody in its drawn cast can judge would be made for nothing, so such casts are drawn again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gra.config.pool import adjudicated, committee_size, may_play
from gra.config.synthesis import FixedCasting, SingleCasting, SynthesisConfig
from gra.errors import ConfigError
from gra.records import Cast, Stage

Able = Mapping[Stage, frozenset[str]]
"""At each stage, the models that have shown that they can tell good from broken."""
PATIENCE = 100
"""Draws before a cast is taken in which nobody can tell."""


class Casting(Protocol):
    """How parts are given out. Made once, for a whole run."""

    def draw(self, rng: random.Random, generator: str | None = None) -> Cast:
        """The cast of one version of a sample.

        Args:
            rng: the draw depends on nothing else.
            generator: the Generator, where it is given: a revision has the writer it has.

        Raises:
            ConfigError: the pool has no such cast.
        """
        ...


def make_casting(config: SynthesisConfig, able: Able | None = None, odds: Odds | None = None) -> Casting:
    """The casting of the configuration; `able` says whose opinions count, None that all do.

    With `policy: adaptive`, `odds` are those of a round; without them it draws as `random` does.
    """
    size = committee_size(config)
    match config.casting:
        case SingleCasting(model=name):
            return FixedCast(Cast(name, (name,) * size, name if adjudicated(config) else ""))
        case FixedCasting(generator=writer, reviewers=panel, adjudicator=judge):
            return FixedCast(Cast(writer, panel[:size], judge if judge and adjudicated(config) else ""))
    return RandomCast(config, able, odds)


@dataclass(frozen=True, slots=True)
class Odds:
    """What share of each part the models are given, by name; each sums to 1, and those named are all above 0.

    Who is not named among the Generators does not write. A committee is drawn one after another, each of those who are
    left, so its odds are those of its first place.
    """

    generator: Mapping[str, float]
    reviewer: Mapping[str, float]
    adjudicator: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FixedCast:
    """Every sample has the same cast, whatever is drawn."""

    cast: Cast

    def draw(self, rng: random.Random, generator: str | None = None) -> Cast:
        """The one cast that there is."""
        return self.cast


@dataclass(frozen=True, slots=True)
class RandomCast:
    """A Generator in proportion to the models' shares, Reviewers and an Adjudicator evenly, all different."""

    config: SynthesisConfig
    able: Able | None = None
    """A cast has somebody who can tell among its Reviewers of the instruction, among those who judge the response, and
    as Adjudicator, as far as the pool has such casts. None: all opinions count."""
    odds: Odds | None = None
    """In place of the models' shares, and of even draws."""

    def draw(self, rng: random.Random, generator: str | None = None) -> Cast:
        """A cast, drawn again until it has such judges or patience ends."""
        best, able = self._once(rng, generator), self.able
        if able is None:
            return best
        for _ in range(PATIENCE):
            if generator or able["response"] - {best.generator}:
                break
            best = self._once(rng, generator)
        # Who writes is settled by now: judges of instructions are no reason to prefer another writer.
        for _ in range(PATIENCE):
            if _told(best, able) == MOST:
                break
            best = max(best, self._once(rng, best.generator), key=lambda cast: _told(cast, able))
        return best

    def _once(self, rng: random.Random, generator: str | None) -> Cast:
        """The committee is drawn before the Adjudicator, so that the same one sits where there is none."""
        size, ruled = committee_size(self.config), adjudicated(self.config)
        for writer in [generator] if generator else self._writers(rng):
            order = self._reviewers(rng, writer)
            judges = [name for name in may_play(self.config, "adjudicator") if name != writer]
            free = [name for name in judges if name not in order[:size]]
            # Where the committee has taken every Adjudicator, one of them leaves it, and the next takes its place.
            judge = self._adjudicator(rng, free or judges or [""])
            panel = tuple(name for name in order if name != judge)[:size]
            if len(panel) == size and bool(judge) == ruled:
                return Cast(writer, panel, judge)
        needed = 1 + size + ruled
        raise ConfigError(
            f"The pool has no cast: each sample needs {needed} different models as generator, reviewers and "
            f"adjudicator; there are {len(self.config.models)}. Add a model, lower `reviewers`, or widen `roles`."
        )

    def _writers(self, rng: random.Random) -> list[str]:
        rates = self.odds.generator if self.odds else {m.name: m.share for m in self.config.models}
        return in_order(rng, [name for name in may_play(self.config, "generator") if name in rates], rates)

    def _reviewers(self, rng: random.Random, writer: str) -> list[str]:
        others = [name for name in may_play(self.config, "reviewer") if name != writer]
        if self.odds:
            return in_order(rng, others, self.odds.reviewer)
        rng.shuffle(others)
        return others

    def _adjudicator(self, rng: random.Random, names: list[str]) -> str:
        if self.odds and names != [""]:
            return in_order(rng, names, self.odds.adjudicator)[0]
        return rng.choice(names)


def in_order(rng: random.Random, names: Iterable[str], rates: Mapping[str, float]) -> list[str]:
    """In random order. Of alarm clocks that ring at these rates, each is the first in proportion to its rate."""
    return sorted(names, key=lambda name: rng.expovariate(rates[name]))


MOST = (True, True, True)


def _told(cast: Cast, able: Able) -> tuple[bool, bool, bool]:
    """Whether somebody can tell about the response, about the instruction, and in a dispute; most important first."""
    judges = {*cast.reviewers, cast.adjudicator}
    return (
        bool(able["response"] & judges),
        bool(able["instruction"] & {*cast.reviewers}) or not able["instruction"],
        not cast.adjudicator or cast.adjudicator in able["response"],
    )


def annotators(config: SynthesisConfig) -> list[str]:
    """The models that label, extract and summarise: those that may write."""
    return may_play(config, "generator")
