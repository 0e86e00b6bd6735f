"""What a run costs in money: tokens times what the configuration says that a million of them cost. Pure.

An embedded model costs none unless a price is given. Embeddings are not counted, and neither is what a server charges
for requests that it did not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gra.config.models import Price
from gra.config.pool import members
from gra.config.synthesis import SynthesisConfig
from gra.errors import ConfigError
from gra.store.reader import Total

MILLION = 1e6
FREE = Price(prompt=0, completion=0)


def prices(models: Sequence[Mapping[str, Any]]) -> dict[str, Price]:
    """Prices by name, of the models of a configuration as plain data; where nobody says one, none."""
    found = {str(model["name"]): _price(model) for model in models}
    return {name: price for name, price in found.items() if price}


def prices_of(config: SynthesisConfig) -> dict[str, Price]:
    """The same, of a configuration.

    Raises:
        ConfigError: it has a budget of money, and a model without a price.
    """
    known = prices([model.model_dump() for model in config.models])
    unknown = [name for name in members(config) if name not in known]
    if config.budget.money is not None and unknown:
        raise ConfigError(f"`budget.money` cannot be reckoned: {how_to_price(unknown)}")
    return known


def charge(price: Price, prompt: float, cached: float, completion: float) -> float:
    """What tokens cost; the cached ones are part of the prompt's."""
    rate = price.prompt if price.cached is None else price.cached
    return ((prompt - cached) * price.prompt + cached * rate + completion * price.completion) / MILLION


def money(spent: Mapping[str, Total], known: Mapping[str, Price]) -> float | None:
    """What calls cost; None if it is not known of a model that was asked what it costs.

    Args:
        spent: by model.
        known: prices by model.
    """
    if unpriced(spent, known):
        return None
    return sum(cost_of(total, known[name]) for name, total in spent.items() if total.calls)


def cost_of(total: Total, price: Price) -> float:
    """What the calls of one model cost."""
    return charge(price, total.prompt_tokens, total.cached_tokens, total.completion_tokens)


def unpriced(spent: Mapping[str, Total], known: Mapping[str, Price]) -> list[str]:
    """The models that were asked, and whose price is not known."""
    return [name for name, total in spent.items() if total.calls and name not in known]


def how_to_price(models: Sequence[str]) -> str:
    """What to do about models without a price."""
    named = ", ".join(f"`{m}`" for m in models)
    return f"nobody says what {named} costs. Give it `price`, for example {{prompt: 0.4, completion: 1.2}}"


def _price(model: Mapping[str, Any]) -> Price | None:
    if model.get("price"):
        return Price.model_validate(model["price"])
    return FREE if model.get("catalogue") else None
