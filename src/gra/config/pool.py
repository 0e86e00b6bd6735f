"""Checks that a pool of models can be cast: a Generator, its Reviewers and an Adjudicator, all different.

Knows names and permitted parts only; which models are drawn for a sample is `gra.synthesis.casting`'s business.
"""

from __future__ import annotations

from gra.config.models import Part
from gra.config.synthesis import SynthesisConfig
from gra.errors import ConfigError


def check_pool(config: SynthesisConfig) -> None:
    """See that whichever model generates, others are left to review and one more to adjudicate.

    Raises:
        ConfigError: some Generator could not be given a committee; the message says what to change.
    """
    problem = pool_problem(config)
    if problem:
        raise ConfigError(f"`models`: {problem}.")


def pool_problem(config: SynthesisConfig) -> str:
    """What keeps the pool from being cast, in words; empty if nothing does."""
    generators = _who(config, "generator")
    if not generators:
        return "none of them may generate. Give at least one the role `generator`"
    if all(_castable(config, name, config.reviewers) for name in generators):
        return ""
    there, needed = len(config.models), config.reviewers + 2
    need = f"a sample needs {needed}: 1 generator, {_count(config.reviewers, 'reviewer')} and 1 adjudicator"
    changes = _changes(config, generators)
    if there < needed:
        return f"{_count(there, 'model')} in the pool, but {need}, all different. {changes}"
    stuck = next(name for name in generators if not _castable(config, name, config.reviewers))
    reviewers = _count(len(set(_who(config, "reviewer")) - {stuck}), "other model")
    adjudicators = len(set(_who(config, "adjudicator")) - {stuck})
    return (
        f"{there} models are enough, as {need}, all different, but their roles do not allow it: when `{stuck}` "
        f"generates, {reviewers} may review and {adjudicators} may adjudicate. {changes}"
    )


def _castable(config: SynthesisConfig, generator: str, reviewers: int) -> bool:
    """Whether some assignment exists: an Adjudicator that leaves enough Reviewers. Exact, as the slots are alike."""
    may_review = set(_who(config, "reviewer"))
    return any(
        len(may_review - {generator, adjudicator}) >= reviewers
        for adjudicator in _who(config, "adjudicator")
        if adjudicator != generator
    )


def _who(config: SynthesisConfig, part: Part) -> list[str]:
    return [model.name for model in config.models if part in model.roles]


def _changes(config: SynthesisConfig, generators: list[str]) -> str:
    lacking = config.reviewers + 2 - len(config.models)
    ways = [f"Add {_count(lacking, 'model')}" if lacking > 0 else "Add a model"]
    for fewer in range(config.reviewers - 1, 0, -1):
        if all(_castable(config, name, fewer) for name in generators):
            ways.append(f"set `reviewers: {fewer}`")
            break
    if any(len(model.roles) < 3 for model in config.models):
        ways.append("allow more parts in the `roles` of a model")
    return ", or ".join(ways)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
