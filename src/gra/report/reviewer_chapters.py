"""The chapters on a run's reviewers: agreement, bias, calibration, and what each decides."""

from __future__ import annotations

from collections.abc import Iterator

from gra.records import SEED as OWN
from gra.report.bias import Effect
from gra.report.document import Block, Curve, Paragraph, Table
from gra.report.people import Beside
from gra.report.reviewers import SEED, Reviewers
from gra.report.words import number, percent
from gra.synthesis.figures import Two

ROWS = 60
CURVES = 12


def agreement(found: Reviewers) -> Iterator[Block]:
    """Alpha in whole and in part, and two by two."""
    rows = [
        (row.stage, row.by, row.name, f"{row.texts:,}", number(row.scores), number(row.votes))
        for row in found.agreement
        if row.texts
    ]
    if not rows:
        yield Paragraph("No text was judged by two reviewers who could be read.")
        return
    yield Table("Krippendorff's alpha", ("stage", "by", "name", "texts", "scores", "votes"), rows[:ROWS], (3, 4, 5))
    yield Paragraph(
        "1 is full agreement, 0 is chance. Scores as interval data, of the criteria that all who judged a text were "
        "asked about; votes are what each reviewer alone would have made "
        "of a text by its own exam, or by the gate's bar.",
        True,
    )
    pairs = [_two(two) for two in found.pairs]
    columns = ("reviewers", "stage", "both voted", "the same", "Cohen's kappa", "both scored", "correlation")
    yield Table("Two by two", columns, pairs[:ROWS], (2, 3, 4, 5, 6))


def _two(two: Two) -> tuple[str, ...]:
    pair, voted = two.pair, (f"{two.pair.n:,}", percent(two.pair.agreement), number(two.pair.kappa))
    return (f"{pair.a}, {pair.b}", two.stage, *voted, f"{two.n:,}", number(two.correlation))


def bias(found: Reviewers) -> Iterator[Block]:
    """The matrix, self-preference and length."""
    if not found.matrix:
        yield Paragraph("No response has been reviewed.")
        return
    generators = list(dict.fromkeys(cell.generator for cell in found.matrix))
    judges = sorted({cell.reviewer for cell in found.matrix})
    cells = {(c.generator, c.reviewer): f"{c.standardised:+.2f} (n {c.n:,})" for c in found.matrix}
    rows = [
        ("the seed's own" if g == OWN else g, *(cells.get((g, judge), "-") for judge in judges)) for g in generators
    ]
    places = range(1, len(judges) + 1)
    yield Table("Whose responses each reviewer likes", ("written by", *judges), rows, places)
    yield Paragraph(
        "Mean score in standard deviations from the reviewer's own mean over all responses, so that leniency is taken "
        "out.",
        True,
    )
    effects = [(reviewer, f"favours {of}", *_effect(effect)) for reviewer, of, effect in found.own if effect]
    effects += [(reviewer, "favours length", *_effect(effect)) for reviewer, effect in found.length if effect]
    if not any(effect for *_, effect in found.own):
        yield Paragraph("Self-preference cannot be tested: nobody has judged its own responses, or its family's.")
    yield Table("Tested", ("reviewer", "what", "effect", "95% interval", "p", "texts"), effects, (2, 3, 4, 5))
    yield Paragraph(
        f"From {found.drawn:,} of {found.samples:,} samples, drawn with seed {SEED}. Preference: by how many standard "
        "deviations a reviewer rates its own, or its family's, above what the other reviewers say of the same texts, "
        "beyond how it does so for others' texts; by permutation. Length: the correlation of its score with the "
        "logarithm of the length, given the other reviewers' mean. With several tests some are below 0.05 by luck.",
        True,
    )


def calibration(found: Reviewers) -> Iterator[Block]:
    """A curve for everybody who foretold something that is known."""
    if not found.calibration:
        yield Paragraph(
            "Not measured: no exam was sat, and nobody has said which samples are good, in `gra view` or by "
            "`gra report RUN --known FILE`."
        )
        return
    rows = [(who, by, f"{curve.n:,}", number(curve.ece)) for who, by, curve in found.calibration]
    yield Table("Expected calibration error", ("who", "truth from", "n", "ECE"), rows, (2, 3))
    for who, by, curve in found.calibration[:CURVES]:
        yield Curve(f"{who}, truth from {by}", [(b.foretold, b.came, b.n) for b in curve.bins])
    yield Paragraph("About half of an exam is good by construction; of a run's samples another share may be.", True)


def people(found: Reviewers) -> Iterator[Block]:
    """How far judges agree with people, and what adjudication cost and gained."""
    disputes, judged = found.disputes, found.people
    if disputes.disputed:
        each = disputes.tokens_per_ruling
        rows = [
            ("responses judged", f"{disputes.responses:,}"),
            ("disputed", f"{disputes.disputed:,}"),
            ("of these below the bar, which the paper rejects unheard", f"{disputes.appeals:,}"),
            ("and accepted on appeal", f"{disputes.won:,}"),
            ("rulings", f"{disputes.ruled:,}"),
            ("for a response that most reviewers would not have", f"{disputes.gained:,}"),
            ("against a response that most reviewers would have", f"{disputes.lost:,}"),
            ("tokens a ruling", "-" if each is None else f"{each:,.0f}"),
        ]
        yield Table("Disputes", ("what", "how many"), rows, (1,))
    if not judged.samples:
        yield Paragraph("No person has said which samples are good, so rulings are beside nothing but the reviewers.")
        return
    yield Table(
        f"Beside people, who would keep {judged.kept:,} of the {judged.samples:,} samples that they judged",
        ("who", "", "both judged", "the same", "95% interval", "only it keeps", "only people keep"),
        [_beside(row) for row in judged.rows],
        (2, 3, 4, 5, 6),
    )
    yield Paragraph(
        f"Of {judged.overruled:,} rulings against most of the reviewers people are with {judged.rightly:,}. The "
        "committee's row is of what it did not dispute. People choose what they look at, so these are shares of that, "
        "and not of the run.",
        True,
    )


def _beside(row: Beside) -> tuple[str, ...]:
    share, low, high = row.agreement
    shares = percent(share), f"{percent(low)} to {percent(high)}"
    return (row.part, row.name, f"{row.n:,}", *shares, f"{row.only_it:,}", f"{row.only_people:,}")


def decided(found: Reviewers) -> Iterator[Block]:
    """What the gate would have decided without each, and what it expects of what it kept."""
    if kept := found.kept:
        between = "" if kept.low is None else f", 95% interval {percent(kept.low)} to {percent(kept.high)}"
        yield Paragraph(
            f"Of the {kept.accepted:,} accepted samples an estimated {percent(kept.precision)} is good "
            f"(precision{between}), and of the good ones among {kept.judged:,} judged responses "
            f"{percent(kept.recall)} were let through (recall)."
        )
        yield Paragraph(
            "Both take the gate's own probabilities as right: they were fitted on an exam of seeds and broken twins, "
            "and hold for samples as far as these are like those, with as large a share of good ones as `good_share` "
            "says. The interval has luck and the shortness of the exam in it, and nothing else. What was turned down "
            "as an instruction is not counted.",
            True,
        )
    else:
        yield Paragraph("Precision and recall of what was kept are estimated with the gate `calibrated` alone.", True)
    if not found.removal:
        yield Paragraph("Nothing can be decided again: there is no review, or the gate is code of the user's own.")
        return
    rows = [
        (
            r.reviewer,
            f"{r.sat:,}",
            f"{r.changed:,}",
            percent(r.share),
            ", ".join(f"{n:,} {how}" for how, n in r.how.items()),
        )
        for r in found.removal
    ]
    yield Table("Without each reviewer", ("reviewer", "judged", "ends otherwise", "share", "how"), rows, (1, 2, 3))
    told = f"The gate was given the stored opinions on {found.removal_samples:,} samples again, drawn with seed {SEED}."
    if found.removal_unlike:
        told += f" On {found.removal_unlike:,} it did not say what it had said then: read this with care."
    yield Paragraph(told, True)


def _effect(effect: Effect) -> tuple[str, str, str, str]:
    texts = f"{effect.of:,} of {effect.n:,}" if effect.of else f"{effect.n:,}"
    return f"{effect.value:+.2f}", f"{effect.low:+.2f} to {effect.high:+.2f}", f"{effect.p:.3f}", texts
