"""What a run takes in energy: measured where this machine tells, estimated elsewhere, never one for the other. Pure.

Measured is what whole parts of this machine take while an attempt is under way, other people's work on them included:
the processor where an embedded model is served, and the GPUs where a server of the user's own is reached at a loopback
address. Estimated are the calls of all other models: their tokens at what one is assumed to take. Embeddings are not
estimated, neither is what a server does with a request that it does not answer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal

from yarl import URL

from gra.config.models import Joules
from gra.config.pool import members
from gra.config.synthesis import SynthesisConfig
from gra.engine.compute import sizes
from gra.errors import ConfigError
from gra.store.rows import Attempt

Place = Literal["embedded", "loopback", "elsewhere"]

PER_FLOP: Mapping[Place, float] = {"embedded": 2e-10, "loopback": 1e-11, "elsewhere": 1e-11}
"""Joules of a floating-point operation, of which a token takes two for each parameter. Estimates, good to a factor of
about three.

On a GPU server: Llama 3.1 8B on an H100 with vLLM takes 0.12 J for each token that it writes at a batch of 64
(ml.energy, "LLM Inference Energy: A Longitudinal Analysis"), which is 7.5e-12 J; LLaMA 65B on A100s 3 to 4
(arXiv 2310.03003), which is 2.7e-11. GPUs alone. Tokens of prompts take less than that.

Embedded: llama.cpp on two threads does 3e10 (writing) to 2e11 (reading) operations a second with models of 0.5 and 1.5
billion parameters (docs/lab_notes.md); at an assumed 7 watts a core that is 7e-11 to 5e-10 J.
"""
JOULES_PER_WH = 3600.0


def joules(models: Sequence[Mapping[str, Any]]) -> dict[str, Joules]:
    """What a token takes, by name, of the models of a configuration as plain data; none where the size is unknown."""
    known = sizes(models)
    found = {str(model["name"]): _joules(model, known.get(str(model["name"]))) for model in models}
    return {name: each for name, each in found.items() if each}


def joules_of(config: SynthesisConfig) -> dict[str, Joules]:
    """The same, of a configuration.

    Raises:
        ConfigError: it has a budget of energy, and a model of unknown size.
    """
    known = joules([model.model_dump() for model in config.models])
    unknown = [name for name in members(config) if name not in known]
    if config.budget.energy_wh is not None and unknown:
        raise ConfigError(f"`budget.energy_wh` cannot be reckoned: {how_to_estimate(unknown)}")
    return known


def how_to_estimate(models: Sequence[str]) -> str:
    """What to do about models of which nothing is known."""
    named = ", ".join(f"`{m}`" for m in models)
    return (
        f"nobody says how large {named} is. Give it `parameters`, for example 7.6e9, or `joules`, for example "
        "{prompt: 0.05, completion: 0.5}"
    )


def estimate(each: Joules, prompt: float, cached: float, completion: float) -> float:
    """Joules of so many tokens; the cached ones are part of the prompt's and take nothing."""
    return (prompt - cached) * each.prompt + completion * each.completion


def place_of(model: Mapping[str, Any]) -> Place:
    """Where a model works, as far as its configuration tells; code of the user's own may work anywhere."""
    if model.get("joules"):
        return "elsewhere"
    if model.get("catalogue"):
        return "embedded"
    return "loopback" if model.get("base_url") and _loopback(str(model["base_url"])) else "elsewhere"


def _loopback(url: str) -> bool:
    host = URL(url).host or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _joules(model: Mapping[str, Any], parameters: float | None) -> Joules | None:
    if model.get("joules"):
        return Joules.model_validate(model["joules"])
    if not parameters:
        return None
    each = 2 * parameters * PER_FLOP[place_of(model)]
    return Joules(prompt=each, completion=each)


@dataclass(frozen=True, slots=True)
class Consumed:
    """What a run has taken, in joules."""

    measured: Mapping[str, float] = field(default_factory=dict)
    """By part of the machine."""
    estimated: Mapping[str, float] = field(default_factory=dict)
    """By model."""
    unknown: tuple[str, ...] = ()
    """Models that were asked, are not covered by a meter, and of which nobody says how large they are."""

    @property
    def empty(self) -> bool:
        """Whether nothing was read or reckoned at all."""
        return not (self.measured or self.estimated or self.unknown)

    @classmethod
    def over(cls, attempts: Iterable[Attempt]) -> Consumed:
        """All attempts together."""
        return reduce(cls.plus, attempts, cls())

    def plus(self, attempt: Attempt) -> Consumed:
        """With what one more attempt has taken."""
        return Consumed(
            _sum(self.measured, attempt.measured),
            _sum(self.estimated, attempt.estimated),
            tuple(sorted({*self.unknown, *attempt.unknown})),
        )

    @property
    def measured_wh(self) -> float:
        """Watt-hours that were measured."""
        return sum(self.measured.values()) / JOULES_PER_WH

    @property
    def estimated_wh(self) -> float:
        """Watt-hours that were estimated; without those of `unknown`."""
        return sum(self.estimated.values()) / JOULES_PER_WH

    @property
    def wh(self) -> float:
        """Measured and estimated watt-hours together. Say so where this is shown (`kind`)."""
        return self.measured_wh + self.estimated_wh

    @property
    def kind(self) -> str:
        """What `wh` is."""
        if self.measured_wh and self.estimated_wh:
            return "measured and estimated together"
        return "measured" if self.measured_wh else "estimated"

    def plain(self) -> dict[str, Any]:
        """As JSON data, in watt-hours."""
        return {
            "measured_wh": self.measured_wh,
            "estimated_wh": self.estimated_wh,
            "measured_by_part": {part: value / JOULES_PER_WH for part, value in self.measured.items()},
            "estimated_by_model": {model: value / JOULES_PER_WH for model, value in self.estimated.items()},
            "unknown_models": list(self.unknown),
        }


def told(taken: Consumed) -> str:
    """For example `12.3 Wh measured, 4.5 Wh estimated`; both are named, so that nobody takes one for the other."""
    parts = {"measured": (taken.measured, taken.measured_wh), "estimated": (taken.estimated, taken.estimated_wh)}
    return ", ".join(f"{watt_hours(wh)} {kind}" for kind, (of, wh) in parts.items() if of) or "nothing yet"


def watt_hours(wh: float) -> str:
    """To three figures, from a thousand on in kWh."""
    return f"{wh / 1000:,.3g} kWh" if wh >= 1000 else f"{wh:.3g} Wh"


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
