"""What runs cost, in a unit in which models of different sizes can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from gra.cli.views.parts import heading, line, table
from gra.engine.baseline import Cost
from gra.engine.compute import UNIT_NAME, how_to_name
from gra.engine.energy import told


def comparison(costs: Sequence[Cost]) -> Iterator[RenderableType]:
    """One row a run."""
    yield heading(f"Cost (compute: {UNIT_NAME})")
    rows = [
        (c.name, f"{c.accepted:,}", f"{c.tokens:,}", amount(c.compute), amount(_each(c.compute, c.accepted)))
        for c in costs
    ]
    yield table(("run", "accepted", "tokens", "compute", "for each accepted"), rows, numbers=range(1, 5))
    for cost in costs:
        if cost.energy.measured or cost.energy.estimated:
            yield line(f"energy of {cost.name}: {told(cost.energy)}", indent=2)
        if cost.unsized:
            yield line(how_to_name(cost.unsized), indent=2, style="dim")


def amount(compute: float | None) -> str:
    """A number of units, to three figures."""
    if compute is None:
        return "unknown"
    return f"{compute:,.0f}" if compute >= 1000 else f"{compute:.3g}"


def sum_of_money(value: float | None) -> str:
    """To the hundredth, or to three figures where that is less than one."""
    if value is None:
        return "unknown"
    return f"{value:,.2f}" if value >= 1 or not value else f"{value:.3g}"


def _each(compute: float | None, accepted: int) -> float | None:
    return None if compute is None or not accepted else compute / accepted
