"""Who plays which part: drawn at random for every sample, and all different (as in the paper).

A sample that nobody in its cast can judge would be made for nothing, so such casts are drawn again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from gra.config.models import ModelConfig
from gra.errors import ConfigError
from gra.records import Cast, Stage

Able = Mapping[Stage, frozenset[str]]
"""At each stage, the models that have shown that they can tell good from broken."""
PATIENCE = 100
"""Draws before a cast is taken in which nobody can tell."""


def draw_cast(
    models: Sequence[ModelConfig],
    reviewers: int,
    rng: random.Random,
    generator: str | None = None,
    able: Able | None = None,
) -> Cast:
    """A Generator, `reviewers` Reviewers and an Adjudicator, all different, at random.

    Args:
        models: the pool, each with the parts it may play.
        reviewers: how many.
        rng: the draw depends on nothing else.
        generator: the Generator, where it is given.
        able: whose opinions count. A cast has somebody who can tell among its Reviewers of the instruction, among those
            who judge the response, and as Adjudicator, as far as the pool has such casts. None: all opinions count.

    Raises:
        ConfigError: the pool has no such cast.
    """
    best = _draw(models, reviewers, rng, generator)
    if able is None:
        return best
    for _ in range(PATIENCE):
        if generator or able["response"] - {best.generator}:
            break
        best = _draw(models, reviewers, rng, generator)
    # Who writes is settled by now: judges of instructions are no reason to prefer another writer.
    for _ in range(PATIENCE):
        if _told(best, able) == MOST:
            break
        best = max(best, _draw(models, reviewers, rng, best.generator), key=lambda cast: _told(cast, able))
    return best


MOST = (True, True, True)


def _told(cast: Cast, able: Able) -> tuple[bool, bool, bool]:
    """Whether somebody can tell about the response, about the instruction, and in a dispute; most important first."""
    judges = {*cast.reviewers, cast.adjudicator}
    return (
        bool(able["response"] & judges),
        bool(able["instruction"] & {*cast.reviewers}),
        cast.adjudicator in able["response"],
    )


def _draw(models: Sequence[ModelConfig], reviewers: int, rng: random.Random, generator: str | None) -> Cast:
    writers = [m.name for m in models if "generator" in m.roles]
    for writer in [generator] if generator else rng.sample(writers, len(writers)):
        others = [m for m in models if m.name != writer]
        judges = [m.name for m in others if "adjudicator" in m.roles]
        for judge in rng.sample(judges, len(judges)):
            panel = [m.name for m in others if "reviewer" in m.roles and m.name != judge]
            if len(panel) >= reviewers:
                return Cast(writer, tuple(rng.sample(panel, reviewers)), judge)
    raise ConfigError(
        f"The pool has no cast: each sample needs a generator, {reviewers} reviewers and an adjudicator, all different "
        f"models ({reviewers + 2} in all; there are {len(models)}). Add a model, lower `reviewers`, or widen `roles`."
    )


def annotators(models: Sequence[ModelConfig]) -> list[str]:
    """The models that label, extract and summarise: those that may write."""
    return [m.name for m in models if "generator" in m.roles]
