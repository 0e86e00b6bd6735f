"""Runs, two lines each: where it is, so that it can be copied, and how it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import RenderableType

from gra.cli.views.parts import Unbroken, duration, line, prose, size
from gra.display.safe import one_line
from gra.report.runs import Listed


def run_list(runs: Sequence[Listed]) -> Iterator[RenderableType]:
    """All of them, in their order."""
    for run in runs:
        yield Unbroken(one_line(str(run.folder)))
        if run.problem:
            yield prose(f"{run.state}: {run.problem}", indent=4, style="dim")
            continue
        told = (
            run.state,
            f"{run.accepted} of {run.target} accepted",
            f"written {_age(run.changed)}",
            size(run.bytes),
            ", ".join(run.models),
        )
        yield line("; ".join(told), indent=4, style="dim")


def _age(changed: datetime | None) -> str:
    if changed is None:
        return "-"
    seconds = max(0.0, (datetime.now(UTC) - changed).total_seconds())
    return f"{seconds / 86400:.0f} days ago" if seconds > 2 * 86400 else f"{duration(seconds)} ago"
