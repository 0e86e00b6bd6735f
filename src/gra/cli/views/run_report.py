"""The end summary of a run, and `gra status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from gra.cli.views.cost_view import amount, sum_of_money
from gra.cli.views.merit_view import casting, disputes, revising, revisions
from gra.cli.views.parts import count, duration, heading, line, path_line, prose, table
from gra.display.safe import one_line
from gra.engine.compute import UNIT_NAME, how_to_name
from gra.engine.energy import watt_hours
from gra.engine.prices import how_to_price
from gra.records import Sample
from gra.report.survey import ROLES, Report
from gra.store.reader import Total
from gra.synthesis.exam_report import auc
from gra.synthesis.faults import kind_of

SAMPLE_LENGTH = 320
"""Characters shown of an accepted instruction or response."""
STATES = {"working": "a process is working on it", "complete": "complete", "unfinished": "unfinished"}
LEAST_AUC = 0.6
"""Below this a reviewer hardly does better than chance."""


def summary(report: Report, seconds: float | None, files: Mapping[str, Path]) -> Iterator[RenderableType]:
    """What a run came to.

    Args:
        report: the run.
        seconds: wall time of this attempt, None if nothing was done.
        files: what was written, by what it is.
    """
    yield heading(
        f"{report.accepted} of {report.target} samples accepted, from {count(_candidates(report), 'candidate')}"
    )
    yield from funnel(report)
    for this in report.rounds:
        if this.detail.get("used_up"):
            yield line(str(this.detail["statement"]), indent=2)
    yield heading("Models")
    yield _by_model(report)
    yield from cost(report, seconds)
    yield from _servers(report)
    if report.shown:
        yield heading(f"The first {count(len(report.shown), 'accepted sample')}, shortened")
        for sample in report.shown:
            yield from shortened(sample)
    yield heading("Files")
    for label, path in files.items():
        yield path_line(label, str(path))
    yield heading("Next")
    example = f" {report.shown[0].id}" if report.shown else ""
    yield path_line("gra show", f"{report.folder}{example}")
    yield path_line("gra export", f"{report.folder} --format parquet")


def shortened(sample: Sample) -> Iterator[RenderableType]:
    """An instruction and its response, cut to a few lines."""
    yield line(f"{sample.id}  {sample.domain}  score {sample.score:.1f}", style="dim", indent=2)
    yield line("Q: " + one_line(sample.instruction, SAMPLE_LENGTH), indent=4)
    yield line("A: " + one_line(sample.response, SAMPLE_LENGTH), indent=4)


def funnel(report: Report) -> Iterator[RenderableType]:
    """Stage by stage: how many got there, and what became of those who did not."""
    rows, before = [], 0
    for step in report.funnel.steps():
        share = f"{step.count / before:.0%}" if before else ""
        left = ", ".join(f"{n} {_words(status)}" for status, n in step.left.items())
        if step.stage == "response passed" and report.funnel.passed:
            how = ", ".join(f"{n} {name}" for name, n in sorted(report.funnel.passed.items()))
            left = f"{left} (passed: {how})" if left else f"(passed: {how})"
        rows.append((step.stage, str(step.count), share, left))
        before = step.count
    yield table(("stage", "samples", "yield", "of those before, left here"), rows, numbers=(1, 2))


def cost(report: Report, seconds: float | None) -> Iterator[RenderableType]:
    """Calls, tokens and time of the whole run."""
    spent = report.totals.all
    yield line(
        f"{count(spent.calls, 'call')}: {spent.prompt_tokens:,} prompt tokens ({spent.cached_tokens:,} of them cached) "
        f"and {spent.completion_tokens:,} completion tokens"
        + (f", {report.tokens_per_accepted:,.0f} in all for each accepted sample" if report.accepted else "")
        + (f". This attempt took {duration(seconds)}." if seconds is not None else "."),
        indent=2,
    )
    if report.compute is not None:
        yield line(f"compute: {amount(report.compute)} {UNIT_NAME}, {report.flops:.3g} FLOPs", indent=2)
    elif report.unsized:
        yield line(f"compute: unknown; {how_to_name(report.unsized)}", indent=2, style="dim")
    if report.charged and report.money is not None:
        yield line(f"money: {sum_of_money(report.money)} {report.currency}", indent=2)
    elif report.charged:
        yield line(f"money: unknown; {how_to_price(report.unpriced)}", indent=2, style="dim")
    yield from energy(report)
    if large := report.large:
        yield line(
            f"estimated for the same {count(report.accepted, 'sample')} from a single 72B model: "
            f"{large.tokens:,.0f} tokens, {large.flops:.3g} FLOPs, {watt_hours(large.wh)}, {sum_of_money(large.money)} "
            f"USD ({large.assumed})",
            indent=2,
            style="dim",
        )


def energy(report: Report) -> Iterator[RenderableType]:
    """What was measured and what was estimated, each called so."""
    taken, each = report.energy, report.wh_per_accepted
    if taken.measured or taken.estimated:
        sources = []
        if taken.measured:
            sources.append(f"{watt_hours(taken.measured_wh)} measured ({', '.join(taken.measured)}; all work on them)")
        if taken.estimated:
            sources.append(f"{watt_hours(taken.estimated_wh)} estimated ({', '.join(sorted(taken.estimated))})")
        told = f"; {watt_hours(each)} for each accepted sample ({taken.kind})" if each is not None else ""
        yield line(f"energy: {', '.join(sources)}{told}", indent=2)
    if taken.unknown:
        yield line(f"energy: that of {', '.join(taken.unknown)} is unknown, as its size is", indent=2, style="dim")


def status(report: Report) -> Iterator[RenderableType]:
    """The run as it stands, in full."""
    yield path_line("run", report.folder)
    yield line(f"{STATES[report.state]}: {report.accepted} of {report.target} samples accepted", "bold", indent=2)
    if report.state == "unfinished":
        yield path_line("go on with", f"gra resume {report.folder}")
    yield from _rounds(report)
    yield from _domains(report)
    yield heading("Funnel")
    yield from funnel(report)
    if report.ended:
        yield heading("How samples ended, and the commonest reasons (# stands for a number)")
        for ended in report.ended:
            yield line(f"{ended.count:>5} {_words(ended.status)}", indent=2)
            for reason, number in ended.reasons:
                if reason:
                    yield line(f"{number:>4} x {one_line(reason, 160)}", style="dim", indent=8)
    yield heading("Calls by model and part")
    yield _by_role(report)
    yield from _untold(report)
    yield from cost(report, None)
    yield from _servers(report)
    yield from _exam(report)
    yield from casting(report.casting)
    if report.looked_at < sum(ended.count for ended in report.ended):
        yield line(f"disputes and new versions are those of the first {report.looked_at:,} samples", style="dim")
    yield from disputes(report.disputes)
    yield from revisions(report.revisions, report.tokens_per_accepted)
    yield from revising(report.revising)
    yield from _seeds(report.seeds)


def _rounds(report: Report) -> Iterator[RenderableType]:
    if not report.rounds:
        yield line("no round has begun", indent=2)
        return
    rows = [
        (str(r.number), r.state, str(r.accepted) if r.state == "closed" else "-", str(r.target), _candidates_of(r))
        for r in report.rounds
    ]
    yield heading("Rounds")
    yield table(("round", "state", "accepted", "target", "candidates"), rows, numbers=(0, 2, 3, 4))
    for this in report.rounds:
        if statement := this.detail.get("statement"):
            yield line(f"round {this.number}: {statement}", indent=2)


def _domains(report: Report) -> Iterator[RenderableType]:
    if report.domains:
        rows = [
            (d.domain, "-" if d.asked is None else str(d.asked), str(d.accepted), str(d.candidates))
            for d in report.domains
        ]
        yield heading("Domains")
        yield table(("domain", "asked for", "accepted", "candidates"), rows, numbers=(1, 2, 3))


def _candidates_of(round: Any) -> str:
    return str(round.candidates) if round.state == "closed" else "-"


def _by_model(report: Report) -> RenderableType:
    rows = [((model,), total) for model, total in sorted(report.totals.by_model().items())]
    return _usage(report, rows, ("model",))


def _by_role(report: Report) -> RenderableType:
    """Tasks of one part together."""
    cells: dict[tuple[str, ...], Total] = {}
    for (model, task), total in report.totals.cells.items():
        key = (model, ROLES.get(task, task))
        cells[key] = cells.get(key, Total()) + total
    return _usage(report, sorted(cells.items()), ("model", "part"))


def _usage(report: Report, rows: Sequence[tuple[tuple[str, ...], Total]], names: tuple[str, ...]) -> RenderableType:
    untold = report.totals.untold()
    cells = [
        (
            *key,
            f"{t.calls:,}",
            f"{t.prompt_tokens:,}",
            f"{t.cached_tokens:,}",
            "-" if t.hit_rate is None or key[0] in untold else f"{t.hit_rate:.0%}",
            f"{t.completion_tokens:,}",
            f"{t.seconds:,.0f}",
            *([sum_of_money(report.money_of(key[0], t))] if report.charged else []),
        )
        for key, t in rows
    ]
    columns = (
        *names,
        "calls",
        "prompt",
        "cached",
        "hit",
        "written",
        "seconds",
        *([report.currency] if report.charged else []),
    )
    return table(columns, cells, numbers=range(len(names), len(columns)))


def _untold(report: Report) -> Iterator[RenderableType]:
    """Whose servers tell of no cached tokens, though they may have a cache."""
    if silent := report.totals.untold():
        yield line(
            f"of cached tokens the server of {', '.join(silent)} tells nothing, so all count as read anew; "
            "vLLM tells with `--enable-prompt-tokens-details`",
            "dim",
            indent=2,
        )


def _servers(report: Report) -> Iterator[RenderableType]:
    """Those that were in trouble."""
    troubled = {name: server for name, server in report.servers.items() if server["faults"]}
    if troubled:
        yield heading("Servers in trouble")
    for name, server in troubled.items():
        yield path_line(name, f"{server['answered']:,} requests answered, {server['retries']:,} tries again")
        yield line(", ".join(f"{n} x {fault}" for fault, n in server["faults"].items()), indent=4)
        paused = f"{count(server['pauses'], 'pause')} ({duration(server['paused_s'])})"
        yield line(f"{count(server['cuts'], 'cut')}, {paused}, {server['silent']} times silent", "dim", indent=4)


def _exam(report: Report) -> Iterator[RenderableType]:
    if report.exam:
        yield heading("Exam: good seeds against broken twins (AUC 0.5 is chance)")
        able = {r["model"] for r in report.exam if r["stage"] == "response" and r["weight"] > 0}
        rows = [
            (
                r["model"],
                r["stage"],
                f"{r['auc']:.2f}",
                *_by_kind(r),
                f"{r['weight']:.2f}",
                can_tell(r, r["model"] in able),
            )
            for r in report.exam
        ]
        yield table(("model", "stage", "AUC", "form", "meaning", "weight", "in words"), rows, numbers=(2, 3, 4, 5))
    if report.readings:
        yield heading("How opinions are read")
        how = [
            (model, reading, f"{report.outside[model]:.1%}" if model in report.outside else "-")
            for model, reading in report.readings.items()
        ]
        yield table(("model", "reading", "neither yes nor no"), how, numbers=(2,))


def _by_kind(row: Mapping[str, Any]) -> tuple[str, ...]:
    """AUC on faults of form and on those of meaning; a dash where there is none to tell, as in exams of old runs."""
    told = []
    for kind in ("form", "meaning"):
        of_kind = [n for n, fault in enumerate(row.get("faults", ())) if kind_of(fault) == kind]
        found = auc([row["good"][n] for n in of_kind], [row["broken"][n] for n in of_kind])
        told.append(f"{found.value:.2f}" if found else "-")
    return tuple(told)


def can_tell(row: Mapping[str, Any], able: bool = False) -> str:
    """A standing in plain words; `able` says whether the model can tell about responses."""
    note = str(row.get("note") or "")
    if row["weight"] <= 0 and row["stage"] == "ruling" and able:
        words = "cannot tell with reviews before it; rules without"
    elif row["weight"] <= 0 and row["auc"] < LEAST_AUC:
        words = "cannot tell good from broken; has no say"
    elif row["weight"] <= 0:
        words = "may be able to tell, but not surely; has no say"
    elif row["auc"] < LEAST_AUC:
        words = "can hardly tell"
    else:
        words = "can tell"
    if lost := row.get("no_vote_in"):
        there = "rules there without reviews" if row["stage"] == "ruling" and able else "has no say there"
        words += f", but not in {', '.join(lost)}; {there}"
    return f"{words} ({note})" if note else words


def _seeds(seeds: Mapping[str, Any]) -> Iterator[RenderableType]:
    if not seeds:
        return
    domains = ", ".join(f"{name} {n}" for name, n in sorted((seeds.get("domains") or {}).items()))
    yield heading("Seeds")
    yield line(f"{seeds.get('usable', 0)} usable: {domains}", indent=2)
    for problem in seeds.get("problems") or ():
        yield prose(one_line(str(problem), 200), indent=4, style="dim")


def _candidates(report: Report) -> int:
    return report.funnel.steps()[0].count


def _words(status: str) -> str:
    return {"passed": "passed, waiting for the round to close"}.get(status, status.replace("_", " "))
