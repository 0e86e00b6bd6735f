"""`gra check`: what was found out about a configuration, and what a run of it will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import RenderableType

from gra.cli.inspection import Inspection, Look
from gra.cli.views.cost_view import sum_of_money
from gra.cli.views.parts import count, heading, line, path_line, table
from gra.config.pool import adjudicated, committee_size
from gra.config.synthesis import SynthesisConfig
from gra.display.tally import short
from gra.engine.energy import watt_hours
from gra.engine.plan import Plan, Scenario
from gra.synthesis.topics import in_turn, shares_of

SKIPPED = {"malformed": "malformed", "empty": "empty", "duplicates": "seen before"}
WORDS = {True: "yes", False: "no", None: "-"}


def check_view(found: Inspection) -> Iterator[RenderableType]:
    """Configuration, what the samples are made from, models, cost."""
    synthesis = found.config.synthesis
    yield heading("Configuration")
    made = f"{count(synthesis.target, 'sample')} in {count(synthesis.rounds, 'round')}"
    if synthesis.task == "refine":
        made = f"{synthesis.target or 'all'} seeds refined"
    yield line(
        f"{made}; each has a generator, "
        f"{count(committee_size(synthesis), 'reviewer')} and {'an' if adjudicated(synthesis) else 'no'} adjudicator "
        f"out of {len(synthesis.models)} models (`casting: {synthesis.casting.policy}`); gate `{synthesis.gate.type}`",
        indent=2,
    )
    yield from _domains(synthesis)
    yield from _seeds(found)
    yield from _documents(found)
    yield heading("Models")
    scored = any(look.prompt_logprobs is not None for look in found.looks)
    columns = ("name", "is", "schema", "probab.", *(("likelihood",) if scored else ()), "context", "where")
    yield table(columns, [_row(look, scored) for look in found.looks], numbers=(columns.index("context"),))
    for look in found.looks:
        if look.detail and look.state != "fails":  # told at the end, with what to do
            yield line(f"{look.name}: {look.detail}", indent=4, style="dim")
    if any(_unasked(look) for look in found.looks):
        yield line("embedded models were not started; `--start` does, and asks them", indent=4, style="dim")
    if found.plan:
        yield from _plan(found.plan, synthesis)
    yield from _energy(found)


def _row(look: Look, scored: bool) -> tuple[str, ...]:
    able = [look.json_schema, look.label_probabilities, *([look.prompt_logprobs] if scored else [])]
    return look.name, look.state, *(WORDS[each] for each in able), str(look.context or "-"), look.place


def _unasked(look: Look) -> bool:
    return look.state in ("here", "to be fetched")


def _domains(synthesis: SynthesisConfig) -> Iterator[RenderableType]:
    yield heading("Domains")
    shares = shares_of(synthesis)
    if not shares:
        yield line(f"{count(len(synthesis.leaves), 'domain')}, each begun as often as the seeds have it", indent=2)
        return
    asked = Counter(in_turn(shares, synthesis.target))
    rows = [(leaf.name, str(asked[leaf.name]), leaf.description) for leaf in synthesis.leaves]
    yield table(("domain", "samples", "what belongs to it"), rows, numbers=(1,))


def _seeds(found: Inspection) -> Iterator[RenderableType]:
    yield heading("Seeds")
    if found.config.synthesis.seeds is None:
        first = "the passages of the documents" if found.config.synthesis.documents else "the domains alone"
        yield line(f"none: the first round is made from {first}, later rounds learn from it", indent=2)
        return
    if not found.seeds:
        yield line("none can be read", indent=2)
        return
    s = found.seeds
    drawn = "all are used" if s["used"] == s["usable"] else f"{s['used']:,} of them are drawn"
    yield path_line("from", s["path"])
    yield line(f"{count(s['records'], 'record')} in {s['kind']}, form {s['form']}", indent=2)
    yield line(f"{s['usable']:,} usable, {drawn}", indent=2)
    skipped = [f"{s[key]:,} {word}" for key, word in SKIPPED.items() if s[key]]
    if skipped:
        yield line(f"skipped: {', '.join(skipped)}", indent=2, style="yellow")
    for problem in s["problems"]:
        yield line(problem, indent=4, style="dim")


def _documents(found: Inspection) -> Iterator[RenderableType]:
    d = found.documents
    if not d:
        return
    yield heading("Documents")
    yield line(
        f"{count(d['passages'], 'passage')} of {count(d['files'], 'file')}; skipped: {d['short']} too short, "
        f"{d['duplicates']} duplicates",
        indent=2,
    )
    for problem in d["problems"]:
        yield line(problem, indent=4, style="dim")


def _plan(plan: Plan, synthesis: SynthesisConfig) -> Iterator[RenderableType]:
    yield heading("What the run will take, estimated")
    rows = []
    for scenario in plan.scenarios:
        total = scenario.total
        rows.append(
            (
                f"{scenario.name} ({scenario.share:.0%})",
                f"{scenario.candidates:,}",
                f"{scenario.accepted:,}",
                *(f"{n:,.0f}" for n in (total.calls, total.prompt_tokens, total.completion_tokens)),
            )
        )
    yield table(("yield", "candidates", "accepted", "calls", "prompt", "written"), rows, numbers=range(1, 6))
    yield line(_between(plan, synthesis.currency), indent=2)
    middle = next(s for s in plan.scenarios if s.name == "expected")
    yield line(f"of the expected {middle.total.calls:,.0f} calls:", indent=2)
    steps = [(c.step, *(f"{n:,.0f}" for n in (c.calls, c.prompt_tokens, c.completion_tokens))) for c in middle.costs]
    yield table(("step", "calls", "prompt", "written"), steps, numbers=(1, 2, 3))
    yield line("Assumed:", indent=2)
    for assumption in plan.assumptions:
        yield line(f"- {assumption}", indent=4, style="dim")
    yield from _budgets(middle, synthesis)


def _energy(found: Inspection) -> Iterator[RenderableType]:
    """Who will tell how much energy the run takes."""
    yield heading("Energy")
    if found.measured:
        told = f"measured while the run works: {', '.join(found.measured)}, all that is done with them"
        yield line(f"{told}; of models elsewhere it is estimated", indent=2)
    else:
        yield line("estimated: this machine measures none of what the models take", indent=2)
    for problem in found.unmeasured:
        yield line(problem, indent=4, style="dim")


def _between(plan: Plan, currency: str) -> str:
    """The estimate as intervals, from the highest yield to the lowest."""
    totals = [s.total.prompt_tokens + s.total.completion_tokens for s in plan.scenarios]
    told = [f"{short(min(totals))} to {short(max(totals))} tokens"]
    costs = [s.money for s in plan.scenarios if s.money]
    if costs:
        told.append(f"{sum_of_money(min(costs))} to {sum_of_money(max(costs))} {currency}")
    energies = [s.wh for s in plan.scenarios if s.wh]
    if energies:
        told.append(f"{watt_hours(min(energies))} to {watt_hours(max(energies))}")
    return f"{', '.join(told)}; minutes are foretold once models have answered"


def _budgets(expected: Scenario, synthesis: SynthesisConfig) -> Iterator[RenderableType]:
    """The limits that the run is likely to meet."""
    total, budget = expected.total, synthesis.budget
    planned: tuple[tuple[str, float | None, float | None], ...] = (
        ("calls", budget.calls, total.calls),
        ("tokens", budget.tokens, total.prompt_tokens + total.completion_tokens),
        (synthesis.currency, budget.money, expected.money),
        ("Wh", budget.energy_wh, expected.wh),
    )
    for unit, limit, needed in planned:
        if limit is not None and needed is not None and limit < needed:
            yield line(f"The budget of {limit:,} {unit} ends the run before that.", indent=2, style="yellow")
