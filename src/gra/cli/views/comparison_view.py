"""The table of `gra ablate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType

from gra.cli.safe import one_line
from gra.cli.views.parts import heading, line, path_line, table
from gra.engine.comparison import Outcome

COLUMNS = ("variant", "kept", "tried", "yield", "disputes", "agree", "calls", "shared", "tokens")

NOTES = (
    "kept: accepted samples of those asked for; tried: candidates up to the last one that was accepted",
    "agree: share of pairs of reviewers with the same vote on a response",
    "shared: calls answered from another variant's ledger; tokens count them too",
)


def comparison(
    outcomes: Sequence[Outcome], scores: Mapping[str, Mapping[str, float]], folder: str
) -> Iterator[RenderableType]:
    """One row a variant; the user's own scores in a table of their own, as there may be many."""
    yield heading("Variants")
    yield table(COLUMNS, [_row(o) for o in outcomes], numbers=range(1, len(COLUMNS)))
    for outcome in outcomes:
        if outcome.statement:
            yield line(f"{outcome.variant} is short of its target: {outcome.statement}", indent=2, style="yellow")
    for note in NOTES:
        yield line(note, indent=2, style="dim")
    benchmarks = list(dict.fromkeys(name for row in scores.values() for name in row))
    if benchmarks:
        yield heading("Your scores")
        rows = [(o.variant, *(_score(scores.get(o.variant, {}).get(b)) for b in benchmarks)) for o in outcomes]
        yield table(("variant", *map(one_line, benchmarks)), rows, numbers=range(1, len(benchmarks) + 1))
    yield heading("Files")
    yield path_line("runs", folder)
    yield path_line("datasets", f"{folder}/VARIANT/export/messages.jsonl")


def _row(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.variant,
        f"{outcome.accepted}/{outcome.target}",
        f"{outcome.candidates:,}",
        _percent(outcome.share),
        f"{outcome.disputes:,}",
        _percent(outcome.agreement),
        f"{outcome.calls:,}",
        f"{outcome.shared:,}",
        f"{outcome.tokens:,}",
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _score(score: float | None) -> str:
    return "-" if score is None else f"{score:g}"
