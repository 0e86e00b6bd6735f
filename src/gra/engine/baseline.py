"""The baseline that the paper compares with: one large model makes the data alone.

It has the same keyword pipeline, the same de-duplication and the same rounds, and no review. What it and a pool of
small models spent is comparable in units of `engine.compute`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gra.config.models import ModelConfig
from gra.engine.compute import compute, how_to_name, unsized
from gra.errors import ConfigError
from gra.records import Status
from gra.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run came to, and at what price."""

    name: str
    accepted: int
    tokens: int
    """Read or written by a model; prompt tokens out of a cache are not counted."""
    compute: float | None
    """In units of `engine.compute`; None if the size of a model is not known."""
    unsized: tuple[str, ...]
    """The models whose size is not known."""


def baseline(model: ModelConfig, budget: float | None = None) -> dict[str, object]:
    """What to lay over a configuration, so that one model does all the work.

    Args:
        model: the one.
        budget: of compute, the most that it may spend; None for the configuration's own budget.
    """
    changes: dict[str, object] = {
        "models": [model.model_dump(mode="json")],
        "casting": {"policy": "single", "model": model.name},
        "review": "none",
        "max_revisions": 0,
    }
    return changes if budget is None else {**changes, "budget.compute": budget}


def cost_of(name: str, reader: Reader, known: Mapping[str, float]) -> Cost:
    """What a run has spent so far.

    Args:
        name: what to call it.
        reader: of the run.
        known: parameters by model.
    """
    totals = reader.totals()
    spent = totals.by_model()
    accepted = reader.funnel().by_status.get(Status.ACCEPTED, 0)
    return Cost(name, accepted, totals.all.computed_tokens, compute(spent, known), tuple(unsized(spent, known)))


def budget_like(run: Cost) -> float:
    """The budget of compute that makes a baseline comparable with a run.

    Raises:
        ConfigError: it cannot be reckoned, or the run has spent nothing.
    """
    if run.unsized:
        raise ConfigError(f"what {run.name} has spent cannot be reckoned: {how_to_name(run.unsized)}")
    if not run.compute:
        raise ConfigError(f"{run.name} has spent nothing yet, so there is nothing to compare with")
    return run.compute
