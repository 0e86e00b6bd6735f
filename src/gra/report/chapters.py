"""From what was found out about a run to the chapters of its report: what it was, what came of it, what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gra.engine.energy import told as energy_told
from gra.engine.energy import watt_hours
from gra.records import Status
from gra.report.data_chapters import contamination, difficulty, diversity, groups
from gra.report.document import Bars, Block, Chapter, Document, Excerpt, Histogram, Paragraph, Table
from gra.report.findings import DECADES, SCORES, Findings
from gra.report.reviewer_chapters import agreement, bias, calibration, decided, people
from gra.report.revision_chapter import revised
from gra.report.words import much, number, percent

if TYPE_CHECKING:
    from gra.report.survey import Report
    from gra.store.reader import Total

HOW_KNOWN = "docs/report.md says how every figure is defined, and where it is from."


def document_of(found: Findings) -> Document:
    """The whole report."""
    report = found.report
    title = f"gra report: {report.accepted:,} samples of {report.folder.rstrip('/').rsplit('/', 1)[-1]}"
    chapters = [
        Chapter("What was asked", list(_asked(found))),
        Chapter("What came out", list(_came(found))),
        Chapter("Scores and lengths", list(_scores(found))),
        Chapter("Agreement", list(agreement(found.reviewers))),
        Chapter("What the reviewers favour", list(bias(found.reviewers))),
        Chapter("Calibration", list(calibration(found.reviewers))),
        Chapter("What each reviewer decides", list(decided(found.reviewers))),
        Chapter("Rulings and people", list(people(found.reviewers))),
        Chapter("Revisions", list(revised(report))),
        Chapter("Diversity", list(diversity(found))),
        Chapter("Difficulty", list(difficulty(found))),
        Chapter("Groups of people in the texts", list(groups(found))),
        Chapter("Contamination", list(contamination(found))),
        Chapter("Cost and energy", list(_cost(found))),
        Chapter(f"The {len(found.worth)} samples most worth a look", list(_worth(found))),
    ]
    return Document(title, list(_summary(found)), [_filled(chapter) for chapter in chapters])


def _filled(chapter: Chapter) -> Chapter:
    """The chapter without tables that have no rows."""
    return Chapter(chapter.title, [b for b in chapter.blocks if not isinstance(b, Table) or b.rows])


def _summary(found: Findings) -> Iterator[tuple[str, str]]:
    report, candidates = found.report, found.report.funnel.steps()[0].count
    yield "accepted", f"{report.accepted:,} of {report.target:,}"
    yield "candidates", f"{candidates:,}"
    yield "yield", percent(report.accepted / candidates if candidates else None)
    whole = found.reviewers.of("response")
    yield "agreement on responses (α)", number(whole[0].scores if whole else None)
    if found.reviewers.kept:
        yield "estimated precision", percent(found.reviewers.kept.precision)
    spent = report.totals.all
    if spent.calls:
        yield "tokens", much(spent.prompt_tokens + spent.completion_tokens)
    if not report.energy.empty:
        yield "energy", energy_told(report.energy)


def _asked(found: Findings) -> Iterator[Block]:
    config, report = found.config, found.report
    rows = [
        ("task", str(config.get("task", "synthesise"))),
        ("target", f"{report.target:,} accepted samples"),
        ("state", report.state),
        *([("seeds", f"{report.seeds.get('usable', 0):,} usable")] if report.seeds else []),
        ("gate", _settings(config.get("gate"))),
        ("review", f"{config.get('review', 'committee')}, {config.get('reviewers', '?')} reviewers a sample"),
        ("disputes", str(config.get("adjudication", "model"))),
        ("revisions at most", str(config.get("max_revisions", "?"))),
        ("random seed", str(config.get("random_seed", "?"))),
    ]
    yield Table("The run", ("what", "value"), rows)
    models = [
        (str(m.get("name", "?")), _source(m), ", ".join(m.get("roles") or ())) for m in config.get("models") or ()
    ]
    yield Table("The models", ("name", "what it is", "parts it may play"), models)


def _settings(gate: Any) -> str:
    if not isinstance(gate, Mapping):
        return "?"
    rest = ", ".join(f"{key} {value}" for key, value in gate.items() if key not in ("type", "use", "settings"))
    return f"{gate.get('type', 'your own')} ({rest})" if rest else str(gate.get("type", "your own"))


def _source(model: Mapping[str, Any]) -> str:
    """What is asked; not where: an address is nobody else's business."""
    if model.get("catalogue"):
        return f"{model['catalogue']}, served by gra"
    return str(model.get("model") or ("code of the user's own" if model.get("backend") else "what its server serves"))


def _came(found: Findings) -> Iterator[Block]:
    report, steps = found.report, found.report.funnel.steps()
    first = steps[0].count
    yield Bars(
        "Funnel", [(s.stage, s.count, f"{s.count:,} ({percent(s.count / first if first else None)})") for s in steps]
    )
    left = [(s.stage, status.replace("_", " "), f"{n:,}") for s in steps for status, n in s.left.items()]
    yield Table("Who did not get there", ("stage", "ended as", "samples"), left, (2,))
    passed = sorted(report.funnel.passed.items())
    yield Table("How responses passed", ("how", "samples"), [(how, f"{n:,}") for how, n in passed], (1,))
    reasons = [
        (ended.status.replace("_", " "), reason, f"{n:,}")
        for ended in report.ended
        if ended.status != Status.ACCEPTED
        for reason, n in ended.reasons
        if reason
    ]
    yield Table("The commonest reasons (# stands for a number)", ("ended as", "reason", "samples"), reasons, (2,))
    rows = [(str(r.number), r.state, f"{r.target:,}", f"{r.accepted:,}", f"{r.candidates:,}") for r in report.rounds]
    yield Table("Rounds", ("round", "state", "target", "accepted", "candidates"), rows, (2, 3, 4))
    domains = [
        (d.domain, "-" if d.asked is None else f"{d.asked:,}", f"{d.accepted:,}", f"{d.candidates:,}")
        for d in report.domains[:40]
    ]
    yield Table("Domains", ("domain", "asked for", "accepted", "candidates"), domains, (1, 2, 3))
    if len(report.domains) > len(domains):
        yield Paragraph(f"And {len(report.domains) - len(domains):,} more domains; `gra status --json` has all.", True)


def _scores(found: Findings) -> Iterator[Block]:
    edges = [10 * place / SCORES for place in range(SCORES + 1)]
    for name, counts in found.scores.items():
        if any(counts):
            yield Histogram(f"Scores of {name} samples, 0 to 10", edges, counts)
    yield Paragraph(
        "The gate decides what a score is: `paper` takes the reviewers' mean, `calibrated` ten times the probability "
        "of being good, `seeds` ten times the rank among the seeds.",
        True,
    )
    if any(found.lengths):
        last = max(place for place, n in enumerate(found.lengths) if n)
        powers = [10 ** (place / 8) for place in range(DECADES + 1)]
        rows = [
            (f"{powers[p]:,.0f} to {powers[p + 1]:,.0f}" if p < DECADES - 1 else "10,000 and more", n, f"{n:,}")
            for p, n in enumerate(found.lengths[: last + 1])
            if n
        ]
        yield Bars("Lengths of accepted responses, in characters", rows)


def _cost(found: Findings) -> Iterator[Block]:
    report = found.report
    rows = [(model, *_spent(report, model, total)) for model, total in sorted(report.totals.by_model().items())]
    columns = ("model", "calls", "prompt tokens", "of them cached", "written", "seconds", "money")
    yield Table("By model", columns, rows, (1, 2, 3, 4, 5, 6))
    yield Paragraph("Seconds are summed over calls, which overlap.", True)
    each = report.tokens_per_accepted
    yield Table(
        "In all",
        ("what", "how much"),
        [
            ("tokens for each accepted sample", "-" if each is None else f"{each:,.0f}"),
            ("floating-point operations", "size of a model unknown" if report.flops is None else f"{report.flops:.3g}"),
            ("money", _money(report.money, report.currency)),
            ("energy", "not recorded" if report.energy.empty else energy_told(report.energy)),
            (
                "energy for each accepted sample",
                "-" if report.wh_per_accepted is None else watt_hours(report.wh_per_accepted),
            ),
        ],
        (1,),
    )
    if report.energy.unknown:
        yield Paragraph(f"The energy of {', '.join(report.energy.unknown)} is unknown, as its size is.", True)
    if large := report.large:
        yield Paragraph(
            f"Estimated for the same samples from a single 72B model: {large.tokens:,.0f} tokens, {large.flops:.3g} "
            f"FLOPs, {watt_hours(large.wh)} ({large.assumed}).",
            True,
        )


def _spent(report: Report, model: str, total: Total) -> tuple[str, ...]:
    counted = (total.calls, total.prompt_tokens, total.cached_tokens, total.completion_tokens, total.seconds)
    return (*(f"{n:,.0f}" for n in counted), _money(report.money_of(model, total), report.currency))


def _money(money: float | None, currency: str) -> str:
    return "unknown" if money is None else f"{money:,.2f} {currency}"


def _worth(found: Findings) -> Iterator[Block]:
    if not found.worth:
        yield Paragraph("There is no sample with a response yet.")
    for each in found.worth:
        yield Excerpt(
            each.id,
            each.why,
            each.domain,
            each.status.replace("_", " "),
            each.score,
            each.instruction,
            each.response,
            f"gra show {found.report.folder} {each.id}",
        )
    yield Paragraph(HOW_KNOWN, True)
