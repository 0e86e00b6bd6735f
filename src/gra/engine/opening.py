"""Before the first round: seeds become the pool D(0), and reviewers show what they can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from gra.calls import Ask
from gra.config.plugin import Plugin
from gra.config.pool import adjudicated, judges, may_play
from gra.config.synthesis import CalibratedGate, PaperGate, SeedsGate, SynthesisConfig
from gra.engine.readings import as_examined
from gra.errors import ConfigError, SeedError
from gra.events import Listener, Notice, PhaseAdvanced, PhaseStarted
from gra.records import VERIFIER, Entry, Seed, Stage
from gra.store.reader import Reader
from gra.store.writer import Writer
from gra.synthesis.bootstrap import annotate
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.decide import Gate, PaperRule, SeedsRule, Unreviewed
from gra.synthesis.domains import in_domain, no_votes
from gra.synthesis.exam import LEAST_QUESTIONS, STAGES, Sitting, lacks_seeds, set_exam
from gra.synthesis.exam_material import Labelled
from gra.synthesis.exam_report import report_on
from gra.synthesis.exam_ways import sit_in_turn, ways_to_ask
from gra.synthesis.plugged import own_gate
from gra.synthesis.reading import Reading
from gra.synthesis.ruling_exam import sit_ruling_exam
from gra.synthesis.standing import Standing
from gra.together import together

RULING_EXAM = "exam_rulings"
"""The fact that holds what Adjudicators have shown with reviews before them, in rows like those of `exam`."""


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


@dataclass(frozen=True, slots=True)
class Known:
    """What an exam is set from, and how it is read."""

    entries: Sequence[Entry]
    """The pool; its seeds count."""
    labelled: Sequence[Labelled]
    readings: Mapping[str, Reading]
    """By model."""


async def hold_exam(
    ask: Ask, config: SynthesisConfig, known: Known, reader: Reader, writer: Writer, listen: Listener
) -> Known:
    """The same, with readings as the exam says, held first if it was not yet; without an exam as it is."""
    if config.review == "none" or not isinstance(config.gate, SeedsGate | CalibratedGate):
        return known
    if not reader.fact("exam"):
        sittings = await _examined(ask, config, config.gate, known, listen)
        await writer.put_fact("exam", [sitting_row(s) for s in sittings])
    return replace(known, readings=as_examined(known.readings, reader.fact("exam")))


async def make_gate(
    ask: Ask, config: SynthesisConfig, known: Known, reader: Reader, writer: Writer, listen: Listener
) -> Gate:
    """The gate of the configuration; one that exams set, by what every judge has shown. Without reviews, none.

    One run has one gate: an exam that was sat in an earlier attempt counts, whatever the servers would say now.

    Raises:
        ConfigError: no reviewer can tell good from broken.
    """
    if config.review == "none" or not isinstance(config.gate, SeedsGate | CalibratedGate):
        return known_gate(config, ())
    gate = known_gate(config, reader.fact("exam"), reader.fact(RULING_EXAM) or ())
    if adjudicated(config) and isinstance(gate, SeedsRule | CalibratedRule):
        rulings = await _rulings(ask, config, gate, known, reader, writer, listen)
        gate = replace(gate, rulings=rulings)
    unjudged, single = _unjudged(config, gate), config.casting.policy == "single"
    if len(unjudged) == len(may_play(config, "generator")):
        raise ConfigError(
            f"No reviewer{'' if single else ' of what the others write'} can tell the seeds' responses from broken "
            "ones, so nothing it says would mean anything. Add a larger model to the pool, check the seeds and what "
            "was labelled, give the gate a larger `exam`, or choose `gate: {type: paper}`."
        )
    for name in unjudged:
        listen(Notice(f"`{name}` does not write: only it can tell good from broken, and none judges its own work"))
    if isinstance(gate, SeedsRule | CalibratedRule):
        for told in by_domain(config, gate):
            listen(Notice(told))
    if isinstance(gate, CalibratedRule):
        listen(Notice(prospect(gate)))
    return gate


def by_domain(config: SynthesisConfig, gate: SeedsRule | CalibratedRule) -> Iterator[str]:
    """What the exam has taken from whom in single domains, and what comes of it there, in words.

    Raises:
        ConfigError: nobody can tell in a domain that is to have its share of the samples.
    """
    standings, made = gate.standings.values(), {leaf.name for leaf in config.leaves}
    for domain, lost in no_votes(gate).items():
        if domain not in made:  # labelled answers may be about more than is made
            continue
        for stage, names in lost.items():
            them = ", ".join(f"`{name}`" for name in names)
            yield f"{them} cannot tell good from broken by the {stage} in `{domain}`, though elsewhere; no say there"
        here = in_domain(gate, domain)
        unjudged = _unjudged(config, here)
        if len(unjudged) < len(may_play(config, "generator")):
            here_alone = [name for name in unjudged if name not in _unjudged(config, gate)]
            yield from (f"`{name}` does not write in `{domain}`: nobody else can tell there" for name in here_alone)
        elif any(s.weight and s.model.startswith(VERIFIER) and domain not in s.no_vote_in for s in standings):
            yield f"no reviewer can tell good from broken responses in `{domain}`: verifiers alone decide about them"
        else:
            nobody = f"nobody is left to tell good from broken responses in `{domain}`"
            mend = f"Add a model that can tell there, or leave `{domain}` out"
            if config.allocation != "seeds":
                raise ConfigError(f"{nobody}, which is to have its share of the samples. {mend}.")
            yield f"{nobody}: all of them will be disputed, and none kept. {mend}"


def _unjudged(config: SynthesisConfig, gate: Gate) -> list[str]:
    """Who writes what nobody could judge, as no model can tell, or only the writer itself."""
    able, writers = (gate.able or {})["response"], may_play(config, "generator")
    single = config.casting.policy == "single"  # then it judges its own work
    return [name for name in writers if not (able if single else able - {name})]


def prospect(gate: CalibratedRule) -> str:
    """What to expect of the gate, in words: of everybody who can tell together, by their exams."""
    kept, slipped = gate.prospect()
    asked = f"`keep_precision: {gate.config.keep_precision:g}`"
    if gate.config.keep_precision <= gate.config.good_share:
        return (
            f"{asked} asks for no more than `good_share: {gate.config.good_share:g}`, which would be kept without any "
            "review: no response is turned down for what reviewers say. Ask for more to have them decide"
        )
    if kept.value < LEAST_PROSPECT:
        return (
            f"by their exams these reviewers keep {kept} of good responses at {asked}: they cannot tell well "
            "enough. Ask for less, add a larger model, or expect few samples"
        )
    return (
        f"by their exams these reviewers keep {kept} of good and {slipped} of broken responses at {asked} "
        "(in brackets 95% intervals)"
    )


async def _rulings(
    ask: Ask,
    config: SynthesisConfig,
    gate: SeedsRule | CalibratedRule,
    known: Known,
    reader: Reader,
    writer: Writer,
    listen: Listener,
) -> dict[str, Standing]:
    """The standing of each Adjudicator that would have reviews to read."""
    rows = reader.fact(RULING_EXAM)
    if rows is None:
        questions = set_exam(known.entries, config, gate.config.exam, known.labelled)["response"]
        able, names = gate.able["response"], may_play(config, "adjudicator")
        listen(PhaseStarted("exam", f"{', '.join(names)} read reviews of them too", len(names)))
        rows = []
        for done, name in enumerate(names, start=1):
            result = await sit_ruling_exam(ask, config, (name, known.readings[name]), questions, able)
            listen(PhaseAdvanced(done))
            if isinstance(result, str):
                listen(Notice(f"`{name}` has no say as adjudicator with reviews to read: {result}"))
                result = Standing(name, "response", (0.0,) * LEAST_QUESTIONS, (0.0,) * LEAST_QUESTIONS)
            elif result and not result.weight and name in able:
                told = f"`{name}` cannot tell good from broken with reviews to read (AUC {result.auc:.2f})"
                listen(Notice(f"{told}: it settles disputes without reading them"))
            if result:
                rows.append(exam_row(result) | {"stage": "ruling", "domains": list(result.domains)})
        await writer.put_fact(RULING_EXAM, rows)
    return {row["model"]: _standing(row | {"stage": "response"}) for row in rows}


async def _examined(
    ask: Ask, config: SynthesisConfig, gate: SeedsGate | CalibratedGate, known: Known, listen: Listener
) -> list[Sitting]:
    questions = set_exam(known.entries, config, gate.exam, known.labelled)
    ways = {stage: ways_to_ask(known.entries, config, gate.exam, stage) for stage in examined_stages(config)}
    if lacks_seeds(known.entries):
        listen(
            Notice("too few seeds for an exam of your own: reviewers are examined on gra's general English exercises")
        )
    verifiers = [name for name in known.readings if name.startswith(VERIFIER)]
    sittings = [(name, stage) for name in judges(config) for stage in examined_stages(config)]
    total = len(sittings) + len(verifiers)
    listen(PhaseStarted("exam", f"{', '.join(judges(config))} read seeds and broken twins", total))
    done = 0

    async def sit(model: str, stage: Stage) -> Sitting:
        nonlocal done
        sitting = await sit_in_turn(ask, (model, known.readings[model]), questions[stage], ways[stage])
        done += 1
        listen(PhaseAdvanced(done))
        if sitting.failure:
            listen(Notice(f"`{model}` has no say on a sample's {stage}: {sitting.failure}"))
        elif not (standing := sitting.standing).weight:
            listen(
                Notice(f"`{model}` cannot tell good from broken by the {stage} (AUC {standing.auc:.2f}); no say there")
            )
        return sitting

    # Verifiers share what they ask: one after the other, so that one finds it where another has it from.
    evidence = [await sit(name, "response") for name in verifiers]
    return await together(sit(name, stage) for name, stage in sittings) + evidence


def examined_stages(config: SynthesisConfig) -> tuple[Stage, ...]:
    """The stages that there is an exam for: in a refinement the seeds' instructions stand."""
    return ("response",) if config.task == "refine" else STAGES


def standing_of(sitting: Sitting) -> Standing:
    """What counts of an exam: nothing, if there was a text on which the model could not be read."""
    if not sitting.failure:
        return sitting.standing
    nothing = (0.0,) * len(sitting.answers)
    return Standing(sitting.model, sitting.stage, nothing, nothing)


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
        "places": list(standing.places),
        "good": list(standing.good),
        "broken": list(standing.broken),
        **({"no_vote_in": list(standing.no_vote_in)} if standing.no_vote_in else {}),
    }


def sitting_row(sitting: Sitting) -> dict[str, object]:
    """The same of a whole exam, with what was asked."""
    counted = sitting.answers if sitting.failure else sitting.told
    return exam_row(standing_of(sitting)) | {
        "faults": [a.question.fault for a in counted],
        "domains": [a.question.domain for a in counted],
        "way": sitting.way.plain() if sitting.way else None,
        "outside": None if sitting.model.startswith(VERIFIER) else report_on(sitting).outside,
    }


def _standing(row: Mapping[str, Any]) -> Standing:
    keys = ("good", "broken", "places", "domains", "no_vote_in")
    good, broken, places, domains, no_vote_in = (tuple(row.get(key, ())) for key in keys)
    return Standing(row["model"], row["stage"], good, broken, places, domains, no_vote_in)
