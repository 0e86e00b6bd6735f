"""Before the first round: seeds become the pool D(0), and reviewers show what they can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from gra.calls import Ask
from gra.config.plugin import Plugin
from gra.config.pool import adjudicated, judges, may_play
from gra.config.synthesis import CalibratedGate, PaperGate, SeedsGate, SynthesisConfig
from gra.errors import ConfigError, SeedError
from gra.events import Listener, Notice, PhaseAdvanced, PhaseStarted
from gra.llm import Abilities
from gra.records import Entry, Seed, Stage
from gra.records import Reading as ReadingName
from gra.store.reader import Reader
from gra.store.writer import Writer
from gra.synthesis.bootstrap import annotate
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.decide import Gate, PaperRule, SeedsRule, Unreviewed
from gra.synthesis.exam import LEAST_QUESTIONS, STAGES, set_exam, sit_exam
from gra.synthesis.plugged import own_gate, own_reading
from gra.synthesis.reading import Lanes, ProbabilityReading, Reading, WrittenReading
from gra.synthesis.ruling_exam import sit_ruling_exams
from gra.synthesis.standing import Standing
from gra.together import together

RULING_EXAM = "exam_rulings"
"""The fact that holds what Adjudicators have shown with reviews before them, in rows like those of `exam`."""


def choose_readings(config: SynthesisConfig, abilities: Mapping[str, Abilities]) -> dict[str, ReadingName]:
    """How each model's opinion is read.

    Raises:
        ConfigError: probabilities are asked for by name, and a server does not return them.
    """
    if isinstance(config.reading, Plugin):
        return dict.fromkeys(abilities, own_reading(config.reading, config).kind)
    chosen: dict[str, ReadingName] = {}
    for model, ability in abilities.items():
        if config.reading == "probability" and not ability.label_probabilities:
            raise ConfigError(
                f"`reading: probability` needs log-probabilities, and the server of `{model}` returns none. "
                "Use `reading: auto` (written where there are none) or `reading: written`."
            )
        read_off = ability.label_probabilities and config.reading != "written"
        chosen[model] = "probability" if read_off else "written"
    return chosen


def make_readings(
    config: SynthesisConfig, chosen: Mapping[str, ReadingName], lanes: Mapping[str, Lanes]
) -> dict[str, Reading]:
    """The readings themselves; `lanes` says how many matters each model reads at once, and where."""
    if isinstance(config.reading, Plugin):
        return dict.fromkeys(chosen, own_reading(config.reading, config))
    readings: dict[str, Reading] = {}
    for model, kind in chosen.items():
        if kind == "probability":
            readings[model] = ProbabilityReading(lanes[model], config.templates, config.criteria)
        else:
            readings[model] = WrittenReading(config)
    return readings


LEAST_PROSPECT = 0.05
"""Share of good responses that are kept, below which the user is told that the precision asked for is out of reach."""


async def seed_pool(
    ask: Ask, config: SynthesisConfig, seeds: Sequence[Seed], writer: Writer, listen: Listener
) -> list[Entry]:
    """D(0): the seeds, annotated.

    Raises:
        SeedError: none could be annotated.
    """
    listen(PhaseStarted("seeds", "domain, keywords and summary of each", len(seeds)))
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        listen(PhaseAdvanced(done))

    entries, problems = await annotate(ask, config, seeds, advance)
    for problem in problems:
        listen(Notice(problem))
    if not entries:
        raise SeedError(f"No seed could be annotated. The last reason: {problems[-1]}")
    await writer.put_pool(entries)
    facts = {"usable": len(entries), "domains": dict(Counter(e.domain for e in entries)), "problems": problems}
    await writer.put_fact("seeds", facts)
    return entries


def known_gate(
    config: SynthesisConfig, exam: Sequence[Mapping[str, Any]], ruling_exam: Sequence[Mapping[str, Any]] = ()
) -> Gate:
    """The gate of the configuration, by what reviewers and Adjudicators have shown in exams, if it has any."""
    if config.review == "none":
        return Unreviewed()
    if isinstance(config.gate, PaperGate):
        return PaperRule(config.gate)
    if isinstance(config.gate, Plugin):
        return own_gate(config.gate, config)
    examined = {(s.model, s.stage): s for s in map(_standing, exam)}
    rulings = {row["model"]: _standing({**row, "stage": "response"}) for row in ruling_exam}
    if isinstance(config.gate, SeedsGate):
        return SeedsRule(config.gate, examined, rulings)
    return CalibratedRule(config.gate, examined, rulings)


async def make_gate(
    ask: Ask,
    config: SynthesisConfig,
    entries: Sequence[Entry],
    readings: Mapping[str, Reading],
    reader: Reader,
    writer: Writer,
    listen: Listener,
) -> Gate:
    """The gate of the configuration; one that exams set, after every judge has sat its own. Without reviews, none.

    One run has one gate: an exam that was sat in an earlier attempt counts, whatever the servers would say now.

    Raises:
        ConfigError: no reviewer can tell good from broken.
    """
    if config.review == "none" or not isinstance(config.gate, SeedsGate | CalibratedGate):
        return known_gate(config, ())
    if not reader.fact("exam"):
        standings = await _examined(ask, config, config.gate, entries, readings, listen)
        await writer.put_fact("exam", [exam_row(s) for s in standings])
    gate = known_gate(config, reader.fact("exam"), reader.fact(RULING_EXAM) or ())
    if adjudicated(config) and isinstance(gate, SeedsRule | CalibratedRule):
        rulings = await _rulings(ask, config, gate, entries, readings, reader, writer, listen)
        gate = replace(gate, rulings=rulings)
    writers, able = may_play(config, "generator"), (gate.able or {})["response"]
    single = config.casting.policy == "single"  # then it judges its own work
    unjudged = [name for name in writers if not (able if single else able - {name})]
    if len(unjudged) == len(writers):
        raise ConfigError(
            f"No reviewer{'' if single else ' of what the others write'} can tell the seeds' responses from broken "
            "ones, so nothing it says would mean anything. Add a larger model to the pool, check the seeds, give the "
            "gate a larger `exam`, or choose `gate: {type: paper}`."
        )
    for name in unjudged:
        listen(Notice(f"`{name}` does not write: only it can tell good from broken, and none judges its own work"))
    if isinstance(gate, CalibratedRule):
        listen(Notice(_prospect(gate)))
    return gate


def _prospect(gate: CalibratedRule) -> str:
    kept, slipped = gate.prospect()
    asked = f"`keep_precision: {gate.config.keep_precision:g}`"
    if kept < LEAST_PROSPECT:
        return (
            f"by their exams these reviewers keep {kept:.0%} of good responses at {asked}: they cannot tell well "
            "enough. Ask for less, add a larger model, or expect few samples"
        )
    return f"by their exams these reviewers keep {kept:.0%} of good and {slipped:.0%} of broken responses at {asked}"


async def _rulings(
    ask: Ask,
    config: SynthesisConfig,
    gate: SeedsRule | CalibratedRule,
    entries: Sequence[Entry],
    readings: Mapping[str, Reading],
    reader: Reader,
    writer: Writer,
    listen: Listener,
) -> dict[str, Standing]:
    """The standing of each Adjudicator that would have reviews to read."""
    rows = reader.fact(RULING_EXAM)
    if rows is None:
        questions = set_exam(entries, config, gate.config.exam)["response"]
        able, names = gate.able["response"], may_play(config, "adjudicator")
        listen(PhaseStarted("exam", f"{', '.join(names)} read reviews of them too", 1))
        found = await sit_ruling_exams(ask, config, readings, questions, able, names)
        listen(PhaseAdvanced(1))
        rows = []
        for name, result in found.items():
            if isinstance(result, str):
                listen(Notice(f"`{name}` has no say as adjudicator with reviews to read: {result}"))
                result = Standing(name, "response", (0.0,) * LEAST_QUESTIONS, (0.0,) * LEAST_QUESTIONS)
            rows.append(exam_row(result) | {"stage": "ruling"})
        await writer.put_fact(RULING_EXAM, rows)
    return {row["model"]: _standing(row | {"stage": "response"}) for row in rows}


async def _examined(
    ask: Ask,
    config: SynthesisConfig,
    gate: SeedsGate | CalibratedGate,
    entries: Sequence[Entry],
    readings: Mapping[str, Reading],
    listen: Listener,
) -> list[Standing]:
    questions = set_exam(entries, config, gate.exam)
    examined = judges(config)
    stages: tuple[Stage, ...] = ("response",) if config.task == "refine" else STAGES  # the seeds' instructions stand
    listen(PhaseStarted("exam", f"{', '.join(examined)} read seeds and broken twins", len(examined) * len(stages)))
    done = 0

    async def sit(model: str, stage: Stage) -> Standing:
        nonlocal done
        result = await sit_exam(ask, model, readings[model], questions[stage])
        done += 1
        listen(PhaseAdvanced(done))
        if isinstance(result, str):
            listen(Notice(f"`{model}` has no say on a sample's {stage}: {result}"))
            n = len(questions[stage])
            return Standing(model, stage, (0.0,) * n, (0.0,) * n)
        if not result.weight:
            listen(
                Notice(f"`{model}` cannot tell good from broken by the {stage} (AUC {result.auc:.2f}); no say there")
            )
        return result

    return await together(sit(m, stage) for m in examined for stage in stages)


def exam_row(standing: Standing) -> dict[str, object]:
    """A standing as it is stored and shown."""
    return {
        "model": standing.model,
        "stage": standing.stage,
        "n": len(standing.good),
        "auc": standing.auc,
        "separation": standing.separation,
        "weight": standing.weight,
        "mean_good": fmean(standing.good),
        "mean_broken": fmean(standing.broken),
        "good": list(standing.good),
        "broken": list(standing.broken),
    }


def _standing(row: Mapping[str, Any]) -> Standing:
    return Standing(row["model"], row["stage"], tuple(row["good"]), tuple(row["broken"]))
