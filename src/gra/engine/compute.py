"""What a run costs, in a unit that models of different sizes can be compared by: parameters times tokens.

One unit is a billion parameters times a million tokens. A forward pass takes about two floating-point operations for
each parameter and token, so it is about 2e15 of them; what attention adds with length, and the embedding model, are not
counted. Prompt tokens that a server found in its cache are free, as far as it says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gra.catalogue import load_catalogue
from gra.config.pool import members
from gra.config.synthesis import SynthesisConfig
from gra.errors import ConfigError
from gra.store.reader import Total

UNIT = 1e15
"""Parameter-tokens."""
UNIT_NAME = "billion parameters x million tokens"


def sizes(models: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Parameters by name, of the models of a configuration as plain data; where nobody knows them, none."""
    found = {str(model["name"]): model.get("parameters") or _of_card(model) for model in models}
    return {name: float(parameters) for name, parameters in found.items() if parameters}


def sizes_of(config: SynthesisConfig) -> dict[str, float]:
    """The same, of a configuration.

    Raises:
        ConfigError: it has a budget of compute, and a model of unknown size.
    """
    known = sizes([model.model_dump() for model in config.models])
    unknown = [name for name in members(config) if name not in known]
    if config.budget.compute is not None and unknown:
        raise ConfigError(f"`budget.compute` cannot be reckoned: {how_to_name(unknown)}")
    return known


def compute(spent: Mapping[str, Total], known: Mapping[str, float]) -> float | None:
    """What calls took, in units; None if it is not known of a model that was asked how large it is.

    Args:
        spent: by model.
        known: parameters by model.
    """
    if unsized(spent, known):
        return None
    return sum(known[name] * total.computed_tokens for name, total in spent.items() if total.calls) / UNIT


def flops(units: float) -> float:
    """Floating-point operations of so many units: two for each parameter and token."""
    return 2 * UNIT * units


def unsized(spent: Mapping[str, Total], known: Mapping[str, float]) -> list[str]:
    """The models that were asked, and whose size is not known."""
    return [name for name, total in spent.items() if total.calls and name not in known]


def how_to_name(models: Sequence[str]) -> str:
    """What to do about models of unknown size."""
    return f"nobody says how large {', '.join(f'`{m}`' for m in models)} is. Give it `parameters`, for example 7.6e9"


def _of_card(model: Mapping[str, Any]) -> int | None:
    """What the catalogue says of a model that is of it, or that a server calls by the name it has on the hub."""
    names = {str(model.get("catalogue") or "").strip().lower(), model.get("model")} - {"", None}
    return next((c.parameters for c in load_catalogue().values() if names & {c.name, c.hf_repo}), None)
