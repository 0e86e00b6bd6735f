"""The chapters on the data itself: diversity, difficulty, groups of people, contamination."""

from __future__ import annotations

from collections.abc import Iterator

from gra.report.diversity import NEAR
from gra.report.document import Block, Histogram, Paragraph, Table
from gra.report.findings import TEXTS, Corpus, Findings
from gra.report.reviewers import SEED
from gra.report.words import number, percent


def diversity(found: Findings) -> Iterator[Block]:
    """Seeds and accepted samples side by side."""
    corpora = found.corpora
    rows = [
        ("texts", *(f"{c.texts:,}" for c in corpora)),
        ("words counted", *(f"{c.words:,}" for c in corpora)),
        *((f"distinct-{n + 1}", *(number(c.distinct[n], 3) for c in corpora)) for n in range(3)),
        ("mean cosine to the nearest other", *(number(c.nearest.mean if c.nearest else None, 3) for c in corpora)),
        *(
            (f"{name} of it", *(_quantile(c, place) for c in corpora))
            for place, name in enumerate(("5%", "median", "95%"))
        ),
        ("Vendi score", *(number(c.vendi, 1) for c in corpora)),
    ]
    yield Table("Instructions", ("", *(c.name for c in corpora)), rows, range(1, len(corpora) + 1))
    by = found.embedded_by or "no model: this run has no embeddings"
    yield Paragraph(
        f"Compare the first two columns: they have as many texts, and distinct-n is of as many words. At most "
        f"{TEXTS:,} texts, drawn with seed {SEED}. Cosines and Vendi score by the embeddings of {by}.",
        True,
    )
    if found.coverage is not None:
        yield Paragraph(
            f"{percent(found.coverage)} of the seeds have an accepted sample within a cosine of {NEAR:g}; "
            f"{percent(found.coverage_of_seeds)} have another seed so near."
        )


def _quantile(corpus: Corpus, place: int) -> str:
    return number(corpus.nearest.quantiles[place] if corpus.nearest else None, 3)


def difficulty(found: Findings) -> Iterator[Block]:
    """Instruction-following difficulty, where it was measured."""
    if not found.difficulty:
        yield Paragraph(
            "Not measured: instruction-following difficulty (IFD) needs the log-probability of each response with and "
            "without its instruction. A verifier of the type `likelihood` stores them, with a server that returns "
            "log-probabilities of a prompt, as vLLM and SGLang do."
        )
        return
    rows = [(d.model, f"{d.n:,}", number(d.mean), *(number(q) for q in d.quantiles)) for d in found.difficulty]
    yield Table("Instruction-following difficulty", ("by", "n", "mean", "5%", "median", "95%"), rows, (1, 2, 3, 4, 5))
    for each in found.difficulty:
        yield Histogram(f"IFD by {each.model}", [place / 10 for place in range(16)], each.counts)
    yield Paragraph(
        "The loss of a response given its instruction, over its loss alone: the higher, the less the instruction "
        "helps. At 1 and above the response does not follow from it.",
        True,
    )


def groups(found: Findings) -> Iterator[Block]:
    """Which groups are named, and in what mood."""
    limits = (
        f"From {found.skew_texts:,} accepted samples, drawn with seed {SEED}. Sentiment: good less bad words in every "
        "hundred, by two short English word lists of our own, which see neither negation nor irony nor a word's sense. "
        "A difference is a place to look, no proof of bias; none is no proof of fairness."
    )
    if not found.skew:
        yield Paragraph("No text names a group that the lists know.")
        yield Paragraph(limits, True)
        return
    whole = [
        (s.group, s.axis, f"{s.texts:,}", f"{s.sentiment:+.2f} ± {1.96 * s.error:.2f}", ", ".join(s.words))
        for s in found.skew
        if not s.generator
    ]
    yield Table("Over all", ("group", "by", "texts", "sentiment", "words that stand out"), whole, (2, 3))
    each = [
        (s.generator, s.group, f"{s.texts:,}", f"{s.sentiment:+.2f} ± {1.96 * s.error:.2f}")
        for s in found.skew
        if s.generator
    ]
    yield Table("By Generator", ("generator", "group", "texts", "sentiment"), each, (2, 3))
    yield Paragraph(limits, True)


def contamination(found: Findings) -> Iterator[Block]:
    """What the accepted samples have in common with benchmarks."""
    if not found.contamination:
        yield Paragraph(
            "Not searched: no benchmark was given. `gra report RUN --contamination FILE` counts what has 13 words in a "
            "row of one."
        )
        return
    rows = [
        (name, f"{n:,}", percent(n / found.report.accepted if found.report.accepted else None))
        for name, n in found.contamination.items()
    ]
    yield Table("Accepted samples that overlap with a benchmark", ("benchmark", "samples", "share"), rows, (1, 2))
    yield Paragraph("Instruction or response has 13 words in a row of an item, or all of a short one.", True)
