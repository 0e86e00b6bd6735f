"""Who plays which part: drawn at random for every sample, and all different (as in the paper)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from gra.config.models import ModelConfig
from gra.errors import ConfigError
from gra.records import Cast


def draw_cast(models: Sequence[ModelConfig], reviewers: int, rng: random.Random, generator: str | None = None) -> Cast:
    """A Generator, `reviewers` Reviewers and an Adjudicator, all different; the Generator may be given.

    Raises:
        ConfigError: the pool has no such cast.
    """
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
