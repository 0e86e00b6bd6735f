"""Who may play which part, and whether the pool can be cast: a Generator, its Reviewers and an Adjudicator.

Knows names and permitted parts only; which models are drawn for a sample is `gra.synthesis.casting`'s business.
"""

from __future__ import annotations

from gra.config.models import Part
from gra.config.plugin import PluginCasting
from gra.config.synthesis import AdaptiveCasting, FixedCasting, RandomCasting, SingleCasting, SynthesisConfig
from gra.errors import ConfigError


def committee_size(config: SynthesisConfig) -> int:
    """How many Reviewers a cast has: one model has one opinion, however often it is asked."""
    if config.review == "none":
        return 0
    if config.review == "one" or isinstance(config.casting, SingleCasting):
        return 1
    return len(config.casting.reviewers) if isinstance(config.casting, FixedCasting) else config.reviewers


def adjudicated(config: SynthesisConfig) -> bool:
    """Whether a cast has an Adjudicator."""
    return config.review != "none" and config.adjudication == "model"


def may_play(config: SynthesisConfig, part: Part) -> list[str]:
    """The models that are ever cast in a part; empty if the part is not played at all."""
    if (part == "reviewer" and not committee_size(config)) or (part == "adjudicator" and not adjudicated(config)):
        return []
    match config.casting:
        case SingleCasting(model=name):
            return [name]
        case FixedCasting() as cast:
            named = {
                "generator": [cast.generator],
                "reviewer": [*cast.reviewers[: committee_size(config)]],
                "adjudicator": [cast.adjudicator] if cast.adjudicator else [],
            }
            return named[part]
    allowed = [model for model in config.models if part in model.roles]
    return [model.name for model in allowed if part != "generator" or model.share > 0]


def judges(config: SynthesisConfig) -> list[str]:
    """The models that are ever asked for an opinion, in the pool's order."""
    asked = {*may_play(config, "reviewer"), *may_play(config, "adjudicator")}
    return [model.name for model in config.models if model.name in asked]


def members(config: SynthesisConfig) -> list[str]:
    """The models that take part at all, in the pool's order."""
    cast = {*may_play(config, "generator"), *judges(config)}
    return [model.name for model in config.models if model.name in cast]


def check_pool(config: SynthesisConfig) -> None:
    """See that whichever model generates, others are left to review and, where there is one, to adjudicate.

    Raises:
        ConfigError: some Generator could not be given a committee; the message says what to change.
    """
    if found := pool_problem(config):
        (key,), problem = found
        raise ConfigError(f"`{key}`: {problem}.")


def pool_problem(config: SynthesisConfig) -> tuple[tuple[str], str] | None:
    """What keeps the pool from being cast: the key at fault, and what is wrong in words; None if nothing does."""
    match config.casting:
        case RandomCasting() | AdaptiveCasting():
            key, problem = "models", _draw_problem(config)
        case PluginCasting():  # what it casts, only it knows: it is looked at when it is drawn
            return None
        case casting:
            key, problem = "casting", _names_problem(config, casting)
    return ((key,), problem) if problem else None


def _names_problem(config: SynthesisConfig, casting: FixedCasting | SingleCasting) -> str:
    """What is wrong with a cast that is given by name."""
    cast = [name for part in ("generator", "reviewer", "adjudicator") for name in may_play(config, part)]
    pool = [model.name for model in config.models]
    if strangers := [name for name in cast if name not in pool]:
        return f"`{strangers[0]}` is none of the `models`, which are {', '.join(pool)}"
    if isinstance(casting, SingleCasting):
        return ""
    if twice := [name for name in cast if cast.count(name) > 1]:
        return f"`{twice[0]}` is given two parts. Only `policy: single` lets a model judge its own work"
    if config.review != "none" and not casting.reviewers:
        return "name at least one of the `reviewers`, or set `review: none`"
    if adjudicated(config) and not casting.adjudicator:
        return "name an `adjudicator`, or set `adjudication` to `majority` or `none`"
    return ""


def _draw_problem(config: SynthesisConfig) -> str:
    """What keeps some Generator from being given judges, all different."""
    generators = may_play(config, "generator")
    if not generators:
        return "none of them may generate. Give at least one the role `generator`, and a `share` above 0"
    size = committee_size(config)
    if all(_castable(config, name, size) for name in generators):
        return ""
    there, needed = len(config.models), 1 + size + adjudicated(config)
    parts = ["1 generator", *([_count(size, "reviewer")] if size else []), *["1 adjudicator"] * adjudicated(config)]
    need = f"a sample needs {needed}: {', '.join(parts[:-1])} and {parts[-1]}"
    changes = _changes(config, generators, needed - there)
    if there < needed:
        return f"{_count(there, 'model')} in the pool, but {need}, all different. {changes}"
    stuck = next(name for name in generators if not _castable(config, name, size))
    reviewers = _count(len({*may_play(config, "reviewer")} - {stuck}), "other model")
    adjudicators = len({*may_play(config, "adjudicator")} - {stuck})
    left = f"{reviewers} may review" + (f" and {adjudicators} may adjudicate" if adjudicated(config) else "")
    return (
        f"{there} models are enough, as {need}, all different, but their roles do not allow it: when `{stuck}` "
        f"generates, {left}. {changes}"
    )


def _castable(config: SynthesisConfig, generator: str, reviewers: int) -> bool:
    """Whether some assignment exists: an Adjudicator that leaves enough Reviewers. Exact, as the slots are alike."""
    others = {*may_play(config, "reviewer")} - {generator}
    if not adjudicated(config):
        return len(others) >= reviewers
    return any(len(others - {name}) >= reviewers for name in may_play(config, "adjudicator") if name != generator)


def _changes(config: SynthesisConfig, generators: list[str], lacking: int) -> str:
    ways = [f"Add {_count(lacking, 'model')}" if lacking > 0 else "Add a model"]
    for fewer in range(committee_size(config) - 1, 0, -1):
        if all(_castable(config, name, fewer) for name in generators):
            ways.append(f"set `reviewers: {fewer}`")
            break
    if any(len(model.roles) < 3 for model in config.models):
        ways.append("allow more parts in the `roles` of a model")
    return ", or ".join(ways)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
