"""What a run shows of its reviewers, in full for `gra reviewers` and in a few lines for `gra status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType

from gra.cli.views.merit_view import disputes
from gra.cli.views.parts import count, heading, line, table
from gra.records import SEED as OWN
from gra.report.bias import Bin, Effect
from gra.report.glance import Glance
from gra.report.people import People
from gra.report.reviewers import SEED, Reviewers
from gra.synthesis.figures import Kept, Two

ROWS = 40
"""Domains, rounds or cells shown at most; `--json` has all."""


def glance(found: Glance) -> Iterator[RenderableType]:
    """The few numbers that `gra status` has room for."""
    figures = found.figures
    wholes = [row for row in figures.agreement() if row.by == "all" and row.texts]
    if not wholes and not figures.kept() and not found.learned:
        return
    of = f"the first {count(figures.samples, 'sample')}"
    if found.rounds:
        of = f"the {count(figures.samples, 'sample')} of {count(found.rounds, 'closed round')}"
    yield heading(f"Reviewers, in {of} (`gra reviewers` has all)")
    for row in wholes:
        yield line(
            f"agreement on {count(row.texts, row.stage)}: Krippendorff's alpha {_number(row.scores)} of scores, "
            f"{_number(row.votes)} of votes (1 is full, 0 is chance)",
            indent=2,
        )
    yield from kept(figures.kept())
    yield from learned(found.learned)


def learned(rounds: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What candidates had shown of the reviewers when the last round began, beside their exams."""
    if not rounds:
        return
    number = max(rounds, key=int)
    last = rounds[number]
    if last["candidates"]:
        yield line(
            f"by what they said of {count(last['candidates'], 'candidate')}, when round {number} began, about "
            f"{last['good_share']:.0%} of these are good ({last['low']:.0%} to {last['high']:.0%})",
            indent=2,
        )
    rows = []
    for model, shown in last["members"].items():
        left = shown["separation"] * shown["reliability"]
        told = (
            f"{shown['shift']:+.2f} +- {shown['shift_error']:.2f}",
            f"{left:.2f} +- {shown['separation'] * shown['reliability_error']:.2f}",
        )
        drift = f"{(shown['drift']['good'] + shown['drift']['broken']) / 2:+.2f}"
        learnt = told if shown["read"] else ("-", "-")
        rows.append((model, f"{shown['read']:,}", f"{shown['separation']:.2f}", *reversed(learnt), drift))
    columns = ("reviewer", "heard on", "tells in its exam", "among candidates", "shift", "drift")
    yield table(columns, rows, numbers=range(1, len(columns)))
    yield line(
        "in spreads of each reviewer's opinions; shift: more lenient with candidates; drift: by honeypots", "dim", 2
    )


def kept(found: Kept | None) -> Iterator[RenderableType]:
    """What the calibrated gate expects of what it kept."""
    if found and found.judged:
        between = "" if found.low is None else f" (95% interval {_share(found.low)} to {_share(found.high)})"
        yield line(
            f"of the {count(found.accepted, 'accepted sample')} an estimated {_share(found.precision)} is good"
            f"{between}, and {_share(found.recall)} of the good responses were let through, if the gate's "
            "probabilities are right",
            indent=2,
        )


def reviewers_view(found: Reviewers) -> Iterator[RenderableType]:
    """Everything."""
    if not found.pairs and not found.matrix:
        yield line("nothing has been reviewed yet")
        return
    yield heading("Agreement: Krippendorff's alpha (1 is full, 0 is chance)")
    rows = [
        (row.stage, row.by, row.name, f"{row.texts:,}", _number(row.scores), _number(row.votes))
        for row in found.agreement
        if row.texts
    ]
    yield table(("stage", "by", "name", "texts", "scores", "votes"), rows[:ROWS], numbers=(3, 4, 5))
    yield from _more(len(rows))
    yield heading("Two by two")
    yield table(
        ("stage", "reviewers", "both voted", "the same", "kappa", "both scored", "correlation"),
        [(t.stage, f"{t.pair.a}, {t.pair.b}", *_two(t)) for t in found.pairs],
        numbers=(2, 3, 4, 5, 6),
    )
    yield heading("Who likes whose responses (standardised: in deviations from the reviewer's own mean)")
    cells = [
        (_author(c.generator), c.reviewer, f"{c.n:,}", f"{c.mean:.2f}", f"{c.standardised:+.2f}") for c in found.matrix
    ]
    yield table(("generator", "reviewer", "n", "mean of 10", "standardised"), cells[:ROWS], numbers=(2, 3, 4))
    yield from _more(len(cells))
    yield from _bias(found)
    yield from _calibration(found)
    yield from _removal(found)
    if found.no_votes:
        yield heading("No vote in a domain: who can tell on the whole, but by its exam not there")
        yield table(("reviewer", "stage", "domain"), found.no_votes)
    yield from disputes(found.disputes)
    yield from people(found.people)
    if found.kept:
        yield heading("What was kept")
        yield from kept(found.kept)
    if found.learned:
        yield heading("What candidates have shown of the reviewers (no labels: an estimate)")
        yield from learned(found.learned)


def _bias(found: Reviewers) -> Iterator[RenderableType]:
    yield heading("Bias (effect, its 95% interval, and how probable one so large is by luck)")
    yield table(
        ("reviewer", "what", "effect", "interval", "p", "texts"),
        [(reviewer, f"favours {of}", *_effect(effect)) for reviewer, of, effect in found.own if effect]
        + [(reviewer, "favours length", *_effect(effect)) for reviewer, effect in found.length if effect],
        numbers=(2, 3, 4, 5),
    )
    drawn = f"from {found.drawn:,} of {found.samples:,} samples, drawn with seed {SEED}, where there are enough; "
    yield line(
        f"{drawn}the first kinds in standard deviations, beyond what the others say of the same texts; "
        "length: the partial correlation with log length, given the others' mean",
        style="dim",
        indent=2,
    )


def _calibration(found: Reviewers) -> Iterator[RenderableType]:
    if found.calibration:
        yield heading("Calibration (ECE: expected calibration error, 0 is best)")
        rows = [
            (who, by, f"{curve.n:,}", f"{curve.ece:.2f}", _curve(curve.bins)) for who, by, curve in found.calibration
        ]
        yield table(("who", "truth from", "n", "ECE", "foretold -> came"), rows, numbers=(2, 3))


def _removal(found: Reviewers) -> Iterator[RenderableType]:
    if not found.removal:
        return
    yield heading(f"Without each reviewer, of {count(found.removal_samples, 'sample')} decided again")
    rows = [
        (
            r.reviewer,
            f"{r.sat:,}",
            f"{r.changed:,}",
            _share(r.share),
            ", ".join(f"{n} {how}" for how, n in r.how.items()),
        )
        for r in found.removal
    ]
    yield table(("reviewer", "judged", "changed", "share", "how"), rows, numbers=(1, 2, 3))
    if found.removal_unlike:
        yield line(
            f"{count(found.removal_unlike, 'sample')} could not be decided again as it was, so read this with care",
            style="dim",
            indent=2,
        )


def people(found: People) -> Iterator[RenderableType]:
    """How far judges agree with people."""
    if not found.samples:
        return
    yield heading(f"Beside people, who would keep {found.kept:,} of {count(found.samples, 'sample')} that they judged")
    rows = []
    for row in found.rows:
        share, low, high = row.agreement
        told = (f"{row.n:,}", f"{share:.0%}", f"{low:.0%} to {high:.0%}", f"{row.only_it:,}", f"{row.only_people:,}")
        rows.append((row.part, row.name, *told))
    columns = ("who", "", "both judged", "the same", "interval", "only it keeps", "only people keep")
    yield table(columns, rows, numbers=(2, 3, 4, 5, 6))
    if found.overruled:
        yield line(
            f"{count(found.overruled, 'ruling')} against most of the reviewers; people are with {found.rightly:,}",
            indent=2,
        )
    yield line("the committee: where it had no dispute; people choose what they look at", "dim", indent=2)


def _curve(bins: tuple[Bin, ...]) -> str:
    return ", ".join(f"{b.foretold:.2f} -> {b.came:.2f} ({b.n})" for b in bins)


def _two(two: Two) -> tuple[str, ...]:
    pair = two.pair
    return f"{pair.n:,}", _share(pair.agreement), _number(pair.kappa), f"{two.n:,}", _number(two.correlation)


def _author(generator: str) -> str:
    return "the seed's own" if generator == OWN else generator


def _effect(effect: Effect) -> tuple[str, str, str, str]:
    texts = f"{effect.of:,} of {effect.n:,}" if effect.of else f"{effect.n:,}"
    return f"{effect.value:+.2f}", f"{effect.low:+.2f} to {effect.high:+.2f}", f"{effect.p:.3f}", texts


def _more(rows: int) -> Iterator[RenderableType]:
    if rows > ROWS:
        yield line(f"and {rows - ROWS:,} more; --json has all", style="dim", indent=2)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
