"""Who plays which part: drawn at random for every sample, and all different (as in the paper).

A sample that nobody in its cast can judge would be made for nothing, so such casts are drawn again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from gra.config.models import ModelConfig
from gra.errors import ConfigError
from gra.records import Cast

PATIENCE = 200
"""Draws before a cast is taken in which nobody can tell."""


def draw_cast(
    models: Sequence[ModelConfig],
    reviewers: int,
    rng: random.Random,
    generator: str | None = None,
    able: frozenset[str] | None = None,
) -> Cast:
    """A Generator, `reviewers` Reviewers and an Adjudicator, all different, at random.

    Args:
        models: the pool, each with the parts it may play.
        reviewers: how many.
        rng: the draw depends on nothing else.
        generator: the Generator, where it is given.
        able: models whose opinion of a response counts; a cast has at least one of them to judge, unless there is no
            such cast. None: all count.

    Raises:
        ConfigError: the pool has no such cast.
    """
    for _ in range(PATIENCE):
        cast = _draw(models, reviewers, rng, generator)
        if able is None or able & {*cast.reviewers, cast.adjudicator}:
            return cast
    return cast


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
