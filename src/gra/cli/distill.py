"""`gra distill`: the baseline of a configuration, in which one large model does all the work."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gra.cli.arguments import ConfigFile, Json, Set, run_folders
from gra.cli.console import say
from gra.errors import ConfigError
from gra.report.opening import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gra.config.load import RunConfig
    from gra.config.models import ModelConfig
    from gra.engine.baseline import Cost

SUFFIXES = {"": 1.0, "m": 1e6, "b": 1e9, "t": 1e12}


def distill(
    config: ConfigFile,
    model: Annotated[
        str | None, typer.Option(help="Its name: a model of the configuration, unless one of the next two is given.")
    ] = None,
    catalogue: Annotated[str | None, typer.Option(help="A model of the catalogue.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Root of an OpenAI-compatible API.")] = None,
    served: Annotated[str | None, typer.Option(help="The model's name on that server.")] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Variable that holds the server's key.")] = None,
    parameters: Annotated[
        str | None, typer.Option(help="How many it has, e.g. 72B; of a mixture of experts, the active ones.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Stop when as much compute is spent as this run has spent.", autocompletion=run_folders
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/ and the configuration's name-distilled.")
    ] = None,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Make the data with one large model instead.

    The baseline of a configuration: the same keyword pipeline, de-duplication and rounds, and no review. It ends with
    the configuration's target or, with --like, when it has spent what that run spent, whichever is first.
    """
    from gra.cli.attempt import missed, say_models, summarise, watched
    from gra.cli.overrides import parse_settings
    from gra.config.load import load_config
    from gra.engine.baseline import baseline, budget_like
    from gra.engine.compute import sizes

    overrides = parse_settings(settings or [])
    pool = load_config(config, overrides)
    size = _number(parameters) if parameters else None
    place = {"catalogue": catalogue, "base_url": base_url, "model": served, "api_key_env": api_key_env}
    large = _large(pool, model, {**{key: value for key, value in place.items() if value}, "parameters": size})
    known = sizes([*(m.model_dump() for m in pool.synthesis.models), large.model_dump()])
    costs = [_cost(like, known)] if like else []
    budget = budget_like(costs[0]) if costs else None
    folder = out or Path("runs") / f"{config.stem}-distilled"
    alone = load_config(config, {**overrides, **baseline(large, budget)})
    begun = time.monotonic()
    say_models(alone)
    ending = watched(alone, folder)
    costs.append(_cost(folder, known))
    summarise(folder, time.monotonic() - begun, as_json, costs)
    if budget is not None and (costs[-1].compute or 0.0) >= budget:
        say(f"The baseline has spent what {like} spent.")
    elif not ending.complete:
        raise missed(ending)


def _large(pool: RunConfig, name: str | None, given: dict[str, Any]) -> ModelConfig:
    """The model that does all the work.

    Raises:
        ConfigError: there is no such model, or what is said of it does not fit together.
    """
    from pydantic import ValidationError

    from gra.config.models import ModelConfig

    if "catalogue" in given or "base_url" in given:
        name = name or (given.get("catalogue") or given.get("model") or "large").rpartition("/")[2]
        try:
            return ModelConfig(name=name, **given)
        except ValidationError as error:
            raise ConfigError(f"the large model: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    found = {m.name: m for m in pool.synthesis.models}
    if name not in found:
        raise ConfigError(
            f"--model names none of the configuration's models, which are {', '.join(found)}. "
            "For another one give --catalogue, or --base-url and --served"
        )
    return found[name] if given["parameters"] is None else found[name].model_copy(update=given)


def _number(text: str) -> float:
    """`72B`, `270M` or `7.6e9` as a number.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\+?\d+)?)([mbt]?)", text.strip().casefold())
    if not found:
        raise ConfigError(f"--parameters {text}: expected a number such as 72B, 270M or 7.6e9")
    return float(found[1]) * SUFFIXES[found[2]]


def _cost(run: Path, known: Mapping[str, float]) -> Cost:
    """What a run has spent, models' sizes taken from its own configuration, else from the one at hand."""
    from gra.engine.baseline import cost_of
    from gra.engine.compute import sizes

    with reading(run) as reader:
        return cost_of(str(run), reader, {**known, **sizes(reader.run.config.get("models", ()))})
