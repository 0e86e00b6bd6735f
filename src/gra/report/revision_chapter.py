"""The chapter on what revisions gained, for their tokens, and after which comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gra.report.document import Block, Paragraph, Table
from gra.report.revisions import LEAST, Revisions, Share, Tries
from gra.report.words import percent

if TYPE_CHECKING:
    from gra.report.survey import Report

GROUPS: Mapping[str, str] = {
    "by_author": "comment by",
    "by_words": "words of comment",
    "by_say": "say of those who comment",
    "by_ruler": "ruling by",
    "by_criterion": "lowest criterion",
    "by_score": "score before",
}
"""What the groups of revisions are called."""


def differing(found: Revisions) -> Iterator[str]:
    """In words, each group that surely gains more, or less, than all other revisions."""
    for group, kind in GROUPS.items():
        for name in found.groups[group]:
            apart = found.against_others(group, name)
            if apart and not apart.low <= 0 <= apart.high:
                more = "more" if apart.value > 0 else "less"
                yield (
                    f"{kind} {name}: gains {more} often than the others, by {100 * abs(apart.value):.0f} points "
                    f"({100 * apart.low:+.0f} to {100 * apart.high:+.0f})"
                )


def share_told(share: Share | None) -> str:
    """A share with its interval, or a dash."""
    return f"{share.value:.0%} ({share.low:.0%}-{share.high:.0%})" if share else "-"


def revised(report: Report) -> Iterator[Block]:
    """What new versions came to."""
    found = report.revisions
    if not found.all.tried:
        yield Paragraph("No response was revised.")
        return
    rows = [("all", "", *_numbers(found.all))]
    for group, kind in GROUPS.items():
        rows += [(kind, name, *_numbers(tries)) for name, tries in found.groups[group].items()]
    columns = ("by", "", "tried", "preferred", "gained", "of those tried", "tokens", "tokens a gained one")
    yield Table("New versions of responses", columns, rows, (2, 3, 4, 5, 6, 7))
    each, one = found.all.tokens_per_gained, report.tokens_per_accepted
    if each is not None and one is not None:
        yield Paragraph(
            f"A sample that passed because of a new version took {each:,.0f} tokens more for it; an accepted sample of "
            f"the run took {one:,.0f} in all."
        )
    apart = list(differing(found))
    yield Paragraph(". ".join(apart) + "." if apart else "None of these groups gains surely more or less than others.")
    yield Paragraph(
        f"Of the first {report.looked_at:,} samples. Shares are of {LEAST} revisions or more, with intervals of 95 %; "
        "a group is told apart from all other revisions where Newcombe's interval of the difference, made wider for "
        "the number of groups, does not hold 0. Groups differ in more than their name, so none of this is a cause.",
        True,
    )
    if report.revising:
        number = max(report.revising, key=int)
        bands = report.revising[number]["bands"]
        told = [
            (f"below {b['below'] / 10:.2f}", percent(b["chance"]), "yes" if b["pays"] else "now and then")
            for b in bands
        ]
        caption = f"What was worth a revision in round {number}, by what the rounds before brought"
        yield Table(caption, ("good with probability", "believed to gain", "revised"), told, (1,))


def _numbers(tries: Tries) -> tuple[str, ...]:
    won = f"{tries.won:,} of {tries.compared:,}" if tries.compared else "-"
    each = "-" if tries.tokens_per_gained is None else f"{tries.tokens_per_gained:,.0f}"
    return (f"{tries.tried:,}", won, f"{tries.gained:,}", share_told(tries.share), f"{tries.tokens:,}", each)
