"""What `gra status` says of second looks: casting by merit, disputes and revisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

from rich.console import RenderableType

from gra.cli.views.parts import count, heading, line, table
from gra.report.disputes import Disputes
from gra.report.revision_chapter import GROUPS, differing, share_told
from gra.report.revisions import Revisions, Tries

UNITS = {"money": "by price", "parameters": "tokens x parameters", "tokens": "tokens, as sizes are not known"}
"""What a candidate's cost is counted in."""


def casting(rounds: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The odds of the last round that has begun, and what they were made of."""
    if not rounds:
        return
    number = max(rounds, key=int)
    odds = rounds[number]
    tallies = {name: list(of.values()) for name, of in odds["tallies"].items()}
    costs = {n: sum(t["cost"] for t in of) / max(1, sum(t["tried"] for t in of)) for n, of in tallies.items()}
    least = min((cost for cost in costs.values() if cost > 0), default=1.0)
    rows = []
    for name in dict.fromkeys([*odds["even"], *odds["reviewer"], *odds["adjudicator"]]):
        of = tallies.get(name, [])
        writes = [shares[name] for shares in odds["generator"].values() if name in shares]
        rows.append(
            (
                name,
                str(sum(t["tried"] for t in of)),
                str(sum(t["accepted"] for t in of)),
                f"{costs[name] / least:.1f}" if costs.get(name) else "-",
                f"{fmean(writes):.0%} ({min(writes):.0%}-{max(writes):.0%})" if writes else "-",
                _share(odds["reviewer"], name),
                _share(odds["adjudicator"], name),
            )
        )
    yield heading(f"Casting by merit: the odds of round {number}, by what the rounds before brought")
    columns = ("model", "tried", "accepted", "cost", "writes (by domain)", "reviews", "adjudicates")
    yield table(columns, rows, numbers=range(1, len(columns)))
    yield line(f"cost: of a candidate, reviews too, against the cheapest ({UNITS[odds['unit']]})", "dim", indent=2)


def _share(shares: Mapping[str, float], name: str) -> str:
    return f"{shares[name]:.0%}" if name in shares else "-"


def disputes(found: Disputes) -> Iterator[RenderableType]:
    """What adjudication came to."""
    if not found.disputed:
        return
    yield heading("Disputes")
    yield line(f"{found.disputed} of {count(found.responses, 'reviewed response')} disputed", indent=2)
    if found.appeals:
        yield line(
            f"{found.appeals} of these below the bar, which the paper rejects unheard: {found.won} accepted on appeal",
            indent=2,
        )
    if found.ruled or found.unreadable:
        unread = f", {found.unreadable} could not be read" if found.unreadable else ""
        yield line(
            f"{count(found.ruled, 'ruling')}, {found.accepted} for the response{unread}; {found.agreed} as most of the "
            f"reviewers had voted, {found.gained} for and {found.lost} against a response that they had not, "
            f"{found.tied} where they had no majority",
            indent=2,
        )
        yield line(f"{found.tokens:,} tokens, {found.tokens_per_ruling or 0:,.0f} a ruling", indent=2)


def revisions(found: Revisions, accepted_one: float | None = None) -> Iterator[RenderableType]:
    """What new versions came to, and what they cost.

    Args:
        found: that.
        accepted_one: tokens of the whole run for each accepted sample.
    """
    if not found.all.tried:
        return
    yield heading("New versions of responses")
    rows = [("all", "", *_numbers(found.all))]
    for group, kind in GROUPS.items():
        rows += [(kind, name, *_numbers(tries)) for name, tries in found.groups[group].items()]
    columns = ("by", "", "tried", "won", "gained", "of those tried", "tokens", "a gained one")
    yield table(columns, rows, numbers=range(2, len(columns)))
    each = found.all.tokens_per_gained
    if each is not None and accepted_one is not None:
        told = f"a sample that passed because of one took {each:,.0f} tokens more, an accepted one of the run"
        yield line(f"{told} {accepted_one:,.0f}", indent=2)
    apart = list(differing(found))
    for sentence in apart:
        yield line(sentence, indent=2)
    if not apart and any(len(group) > 1 for group in found.groups.values()):
        yield line("none of these groups gains surely more or less than the others do", "dim", 2)
    if found.places:
        leaning = ", ".join(f"{p.model} {p.log_odds:+.2f}" for p in found.places)
        yield line(
            f"side by side, log-odds of the first place (0 is no bias; both orders are asked): {leaning}", "dim", 2
        )


def revising(rounds: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What is worth a revision in the last round that has begun, and what that was learned from."""
    if not rounds:
        return
    number = max(rounds, key=int)
    this = rounds[number]
    yield heading(f"What is worth a revision in round {number}, by what the rounds before brought")
    if not this["bands"]:
        yield line("nothing is known yet: whatever is not hopeless is revised", indent=2)
        return
    rows, low = [], 0.0
    for band, tally in zip(this["bands"], this["tallies"], strict=True):
        needed = this["accepted"] / this["cost"] * band["cost"]
        told = (f"{low / 10:.2f}-{band['below'] / 10:.2f}", f"{tally['tried']}", f"{tally['gained']}")
        rows.append(
            (
                *told,
                f"{band['chance']:.0%}",
                f"{needed:.0%}" if needed <= 1 else "never",
                "yes" if band["pays"] else "now and then",
            )
        )
        low = band["below"]
    columns = ("good with probability", "tried", "gained", "believed to gain", "pays from", "revised")
    yield table(columns, rows, numbers=range(1, 5))
    yield line(f"pays from: what as much spent on new candidates brings ({UNITS[this['unit']]})", "dim", indent=2)


def _numbers(tries: Tries) -> tuple[str, ...]:
    won = f"{tries.won} of {tries.compared}" if tries.compared else "-"
    each = "-" if tries.tokens_per_gained is None else f"{tries.tokens_per_gained:,.0f}"
    return (str(tries.tried), won, str(tries.gained), share_told(tries.share), f"{tries.tokens:,}", each)
