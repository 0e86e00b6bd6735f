"""Runs as a table, those that are broken below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import RenderableType

from gra.cli.views.parts import duration, path_line, prose, size, table
from gra.report.runs import Listed


def run_list(runs: Sequence[Listed]) -> Iterator[RenderableType]:
    """One line a run."""
    rows = [(str(run.folder), run.state, *_counts(run), _age(run.changed), size(run.bytes)) for run in runs]
    if rows:
        yield table(("run", "state", "accepted", "models", "last written", "size"), rows, numbers=(5,))
    for run in runs:
        if run.problem:
            yield path_line("broken", str(run.folder))
            yield prose(run.problem, indent=4, style="dim")


def _counts(run: Listed) -> tuple[str, str]:
    if run.problem:
        return "-", "-"
    return f"{run.accepted} of {run.target}", ", ".join(run.models)


def _age(changed: datetime | None) -> str:
    if changed is None:
        return "-"
    seconds = max(0.0, (datetime.now(UTC) - changed).total_seconds())
    return f"{seconds / 86400:.0f} days ago" if seconds > 2 * 86400 else f"{duration(seconds)} ago"
