"""The baseline that the paper compares with: one large model makes the data alone.

It has the same keyword pipeline, the same de-duplication and the same rounds, and no review. What it and a pool of
small models spent is comparable in units of `engine.compute`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gra.config.models import ModelConfig, Price
from gra.engine.compute import UNIT, compute, flops, how_to_name, unsized
from gra.engine.energy import JOULES_PER_WH, PER_FLOP, Consumed
from gra.engine.prices import charge
from gra.errors import ConfigError
from gra.records import Status
from gra.store.reader import Reader, Total


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
    energy: Consumed = field(default_factory=Consumed)
    """What it has taken, measured and estimated apart."""


LARGE = 72e9
"""Parameters of Qwen2.5-72B, the larger of the paper's two baselines (its model card says 72.7 billion)."""
LARGE_PRICE = Price(prompt=1.2, completion=1.2)
"""USD: what Together AI lists for Qwen2.5-72B-Instruct-Turbo (as of getmaxim.ai/bifrost/model-library)."""
WRITING = ("keywords", "instruction", "response")
"""The steps of a sample that are not review."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a dataset would take from one large model. Never measured."""

    tokens: float
    flops: float
    money: float
    """In USD."""
    wh: float
    """Watt-hours of its GPUs."""
    assumed: str = (
        "one call for each writing step of a sample, as long as this run's are on average; no review, nothing turned "
        f"down, nothing cached; {LARGE / 1e9:.0f} billion parameters, {LARGE_PRICE.prompt:g} USD per million tokens, "
        f"{PER_FLOP['elsewhere']:g} J a FLOP"
    )


def from_one_large_model(spent: Mapping[str, Total], accepted: int) -> Estimate | None:
    """What so many samples would take; None as long as there are none.

    Args:
        spent: by task.
        accepted: samples.
    """
    if not accepted:
        return None
    written = [t for task, t in spent.items() if task in WRITING and t.calls > t.refused]
    prompt = accepted * sum(t.prompt_tokens / (t.calls - t.refused) for t in written)
    completion = accepted * sum(t.completion_tokens / (t.calls - t.refused) for t in written)
    tokens = prompt + completion
    operations = flops(LARGE * tokens / UNIT)
    wh = operations * PER_FLOP["elsewhere"] / JOULES_PER_WH
    return Estimate(tokens, operations, charge(LARGE_PRICE, prompt, 0, completion), wh)


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
    units, unknown = compute(spent, known), tuple(unsized(spent, known))
    return Cost(name, accepted, totals.all.computed_tokens, units, unknown, Consumed.over(reader.attempts()))


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
