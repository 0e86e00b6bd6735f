"""Two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from rich.console import RenderableType

from gra.cli.views.parts import heading, line, path_line, table
from gra.display.safe import one_line
from gra.report.difference import Difference, Pair
from gra.store.counting import STAGES

LONGEST = 60
"""Characters shown of a value."""
NAMED = 5
"""Ids named of the samples that one run alone has."""


def difference_view(found: Difference) -> Iterator[RenderableType]:
    """What they were told, what made them, yields, cost, samples."""
    a, b = found.reports
    yield path_line("first", a.folder)
    yield path_line("second", b.folder)
    same = "the same is synthesised in both" if found.same else "they do not synthesise the same"
    yield line(same, indent=2, style="bold")
    yield from _pairs("Configuration", found.config)
    yield from _pairs("Models, seeds, documents, prompts, versions", found.made_by)
    yield heading("Yields")
    yield table(("stage", "first", "second"), _stages(found), numbers=(1, 2))
    yield heading("Cost")
    yield table(("", "first", "second"), _costs(found), numbers=(1, 2))
    yield heading("Accepted samples, by their instruction")
    yield line(f"{found.common} in both", indent=2)
    for name, ids in zip(("first", "second"), found.only, strict=True):
        more = ", ..." if len(ids) > NAMED else ""
        named = f": {', '.join(ids[:NAMED])}{more}" if ids else ""
        yield line(f"{len(ids)} only in the {name}{named}", indent=2)


def _pairs(title: str, pairs: Mapping[str, Pair]) -> Iterator[RenderableType]:
    yield heading(title)
    if not pairs:
        yield line("no difference", indent=2)
        return
    yield table(("key", "first", "second"), [(key, _cell(x), _cell(y)) for key, (x, y) in pairs.items()])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return one_line(text, LONGEST)


def _stages(found: Difference) -> list[tuple[str, ...]]:
    counts = [{step.stage: step.count for step in report.funnel.steps()} for report in found.reports]
    stages = [stage for stage in STAGES if stage in counts[0] or stage in counts[1]]
    return [(stage, *(_share(stage, of_run) for of_run in counts)) for stage in stages]


def _share(stage: str, counts: Mapping[str, int]) -> str:
    """A refinement has no stages of the instruction."""
    of = counts[STAGES[0]]
    if stage not in counts:
        return "-"
    return f"{counts[stage]} ({counts[stage] / of:.0%})" if of else str(counts[stage])


def _costs(found: Difference) -> list[tuple[str, ...]]:
    spent = [report.totals.all for report in found.reports]
    each = [report.tokens_per_accepted for report in found.reports]
    return [
        ("calls", *(f"{total.calls:,}" for total in spent)),
        ("prompt tokens", *(f"{total.prompt_tokens:,}" for total in spent)),
        ("written tokens", *(f"{total.completion_tokens:,}" for total in spent)),
        ("tokens for each accepted", *("-" if tokens is None else f"{tokens:,.0f}" for tokens in each)),
    ]
