"""How `gra exam` looks: who will have a vote, and what each model and each verifier can and cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from rich.console import RenderableType

from gra.cli.views.parts import count, heading, line, table
from gra.config.questions import Form
from gra.engine.examining import Examined, ExamResult
from gra.records import Stage
from gra.synthesis.exam_report import Estimate, ExamReport
from gra.synthesis.faults import kind_of
from gra.synthesis.forms import Way

STAGES: tuple[Stage, ...] = ("instruction", "response")
CHANCE = 0.5
FORMS: Mapping[Form, str] = {
    "examples": "after solved examples",
    "own": "after solved examples of your seeds",
    "plain": "without examples",
    "digit": "for a digit",
    "reasoned": "after reasons of its own",
    "paraphrased": "after solved examples, in several wordings,",
}
PAIRWISE = "pairwise"
ABREAST = 4
"""Columns of figures with their intervals that most terminals have room for."""


def exam_view(result: ExamResult, gate_examines: bool) -> Iterator[RenderableType]:
    """All tables, the verdicts first.

    Args:
        result: of the exam.
        gate_examines: whether a run of this configuration goes by an exam at all.
    """
    yield heading("Who can tell good from bad")
    asked = ", ".join(f"{count(n, 'question')} on {stage}s" for stage, n in result.questions.items() if n)
    yield line(f"{asked}; {count(result.labelled, 'labelled pair')} of your own", "dim", indent=2)
    if result.bundled:
        yield line("too few seeds of your own: gra's general English exercises were asked about", indent=2)
    yield from (line(_verdict(one, gate_examines), indent=2) for one in result.examined)
    if not gate_examines:
        yield line("The gate of this configuration asks for no exam: there, every opinion counts.", "dim", indent=2)
    for stage in STAGES:
        of_stage = [one for one in result.examined if one.report.stage == stage]
        if of_stage:
            yield from _stage(stage, of_stage)


def _verdict(one: Examined, gate_examines: bool) -> str:
    name, stage = one.report.model, one.report.stage
    will = "will" if gate_examines else "would, under a gate that examines,"
    if one.failure:
        return f"{name} {will} have no vote on {stage}s: {one.failure}"
    if not one.votes:
        best = one.report.auc
        unsure = best is not None and best.low > CHANCE
        why = "it can tell a little, but not surely in an exam as short as a run's" if unsure else "it cannot tell"
        return f"{name} {will} have no vote on {stage}s: {why}"
    assert one.in_a_run is not None, "who votes has a standing"
    asked = f"; {_asked(one.way)}" if one.way else ""
    lost = ", ".join(one.in_a_run.no_vote_in)
    weight = f"weight {one.in_a_run.weight:.2f}" + (f", but not in {lost}, where it cannot tell" if lost else "")
    return f"{name} can tell by the {stage} and {will} vote, with {weight}{asked}"


def _asked(way: Way) -> str:
    """How it would be asked, in words."""
    form = FORMS[way.form]
    return f"asked {form} about {', '.join(way.criteria)}" if way.criteria else f"asked {form} about all criteria"


def _stage(stage: Stage, of_stage: list[Examined]) -> Iterator[RenderableType]:
    reports = [one.report for one in of_stage]
    yield heading(f"{stage.capitalize()}s: AUC with its 95 % interval (0.5 is chance)")
    kinds = [kind for kind in ("form", "meaning", "labelled") if any(kind in r.by_kind for r in reports)]
    rows = [
        (r.model, _told(r.auc), _told(r.separation), *(_told(r.by_kind.get(kind)) for kind in kinds)) for r in reports
    ]
    yield table(("who", "all", "separation d", *kinds), rows)
    lost = [(o.report.model, domain) for o in of_stage if o.in_a_run for domain in o.in_a_run.no_vote_in]
    yield from _crossed("By fault", reports, _by_fault)
    yield from _crossed("By question", reports, lambda r: r.by_criterion)
    yield from _crossed("By domain", reports, lambda r: r.by_domain, lost)
    for one in of_stage:
        yield from _trials(one)
    yield heading(f"{stage.capitalize()}s: habits")
    yield table(
        ("who", "leniency", "spread", "length bias", "outside labels", "own family", "not read", "silent"),
        map(_habits, reports),
    )
    compared = [(one.report.model, one.pairwise, one.pairs_in_a_run) for one in of_stage if one.pairwise]
    if compared:
        yield heading("Two answers side by side, in both orders")
        yield table(
            ("model", "prefers the good one", "log-odds of the first place", "in a run compares with weight"),
            [
                (name, _told(p.right), _told(p.position_bias, signed=True), f"{run.weight:.2f}" if run else "-")
                for name, p, run in compared
            ],
        )


def _trials(one: Examined) -> Iterator[RenderableType]:
    """What every form of question comes to for a model, and what it costs; then by question and by domain."""
    if not one.trials:
        return
    yield line(f"By form of question: {one.report.model}", "bold", indent=2)
    yield table(("form", "all questions", "outside labels", "new tokens a verdict", "in a run"), list(_forms(one)))
    yield line(_cheapest(one), indent=2)
    told: dict[str, Mapping[str, Estimate | None]] = {
        trial.form: {**trial.report.by_criterion, **_in(trial.report.by_domain)} for trial in one.trials
    }
    if one.pairwise:
        told[PAIRWISE] = _in(one.pairwise.by_domain)
    names = dict.fromkeys(name for found in told.values() for name in found)
    sizes = {name: f" (n={e.broken})" for name, e in _in(one.trials[0].report.by_domain).items() if e}
    rows = [(name + sizes.get(name, ""), *(_value(found.get(name)) for found in told.values())) for name in names]
    yield table(("", *told), rows)


def _forms(one: Examined) -> Iterator[tuple[str, ...]]:
    """A row for each; the last one is of two texts side by side."""
    run, beside = one.in_a_run, one.pairs_in_a_run
    for trial in one.trials:
        outside = trial.report.outside
        used = one.way is not None and one.way.form == trial.form
        will = f"asked so, {f'weight {run.weight:.2f}' if run and one.votes else 'no vote'}" if used else ""
        share = "-" if outside is None else f"{outside:.1%}"
        told = _told(trial.report.auc) if trial.report.auc else f"not read on {count(trial.report.failures, 'text')}"
        yield trial.form, told, share, f"{trial.tokens:.0f}", will
    if one.pairwise:
        will = f"compares, weight {beside.weight:.2f}" if beside and beside.weight else ""
        yield PAIRWISE, _told(one.pairwise.right), "-", f"{one.pair_tokens:.0f}", will


def _cheapest(one: Examined) -> str:
    """The form with the fewest tokens of those that are surely above chance."""
    telling = [trial for trial in one.trials if trial.report.auc and trial.report.auc.low > CHANCE]
    if not telling:
        return "No form surely tells more than chance."
    return f"The cheapest that surely tells more than chance: {min(telling, key=lambda trial: trial.tokens).form}"


def _in(by_domain: Mapping[str, Estimate | None]) -> Mapping[str, Estimate | None]:
    return {f"in {name}": found for name, found in by_domain.items()}


def _value(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.2f}"


def _by_fault(report: ExamReport) -> Mapping[str, Estimate | None]:
    """The faults of form first."""
    order = {"form": 0, "meaning": 1, "labelled": 2}
    return {name: report.by_fault[name] for name in sorted(report.by_fault, key=lambda n: (order[kind_of(n)], n))}


def _crossed(
    title: str,
    reports: list[ExamReport],
    of: Callable[[ExamReport], Mapping[str, Estimate | None]],
    lost: Collection[tuple[str, str]] = (),
) -> Iterator[RenderableType]:
    """One row for each name, one column for each who has anything there; `lost` says where who has no vote."""

    def told(report: ExamReport, name: str) -> str:
        return _told(of(report).get(name), sized=True) + (" no vote" if (report.model, name) in lost else "")

    reports = [report for report in reports if of(report)]
    names = list(dict.fromkeys(name for report in reports for name in of(report)))
    if names:
        yield line(title, "bold", indent=2)
        for at in range(0, len(reports), ABREAST):
            some = reports[at : at + ABREAST]
            rows = [(name, *(told(r, name) for r in some)) for name in names]
            yield table(("", *(r.model for r in some)), rows)


def _habits(report: ExamReport) -> tuple[str, ...]:
    return (
        report.model,
        _plain(report.leniency),
        _plain(report.spread),
        _told(report.length_bias, signed=True),
        "-" if report.outside is None else f"{report.outside:.1%}",
        _told(report.family_preference, signed=True),
        str(report.failures),
        str(report.silent),
    )


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _told(estimate: Estimate | None, signed: bool = False, sized: bool = False) -> str:
    if estimate is None:
        return "-"
    form = "+.2f" if signed else ".2f"
    size = f" n={estimate.broken}" if sized else ""
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}}){size}"
