"""`gra exam`: every judge and every verifier of a configuration sits the whole exam, and nothing is made.

Answers of model files are kept in the user's cache for the next exam and the next run; nothing else is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from gra.calls import Ask
from gra.catalogue import models_home
from gra.config.load import RunConfig
from gra.config.pool import judges
from gra.config.questions import Form
from gra.config.synthesis import EXAMINING, SeedsGate, SynthesisConfig
from gra.engine.exam_bench import Bench, Counting
from gra.engine.material import Material, labelled_answers, read_material
from gra.engine.models import open_models
from gra.engine.opening import examined_stages
from gra.engine.readings import check_labels, choose_readings, make_readings
from gra.engine.verifiers import make_verifiers
from gra.errors import ConfigError
from gra.events import Listener, Notice, PhaseAdvanced, PhaseStarted, ignore
from gra.records import Entry, Stage
from gra.records import Reading as ReadingName
from gra.store.kept_answers import KeptAnswers
from gra.synthesis.exam import STAGES, Question, Sitting, answered, lacks_seeds, set_exam
from gra.synthesis.exam_report import Estimate, ExamReport, report_on
from gra.synthesis.exam_ways import narrowed, sit_in_turn, solved_examples, unlimited, ways_to_ask
from gra.synthesis.forms import Way, forms_of
from gra.synthesis.pairwise import PairStanding, Pairwise, as_far_as_needed, compare, pairs_of, summed_up
from gra.synthesis.reading import ProbabilityReading, Reading
from gra.synthesis.standing import Standing
from gra.together import together

MOST_TWINS = 3
"""Of one seed, in `gra exam`."""


def kept_exams() -> Path:
    """Where answers to exam questions are kept."""
    return models_home() / "exams.sqlite"


@dataclass(frozen=True, slots=True)
class Trial:
    """One form of question, tried on the whole exam."""

    form: Form
    report: ExamReport
    tokens: float
    """New tokens for a verdict on one text, in the mean: of prompts without what was cached, and of answers."""

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        report = self.report
        return {
            "tokens": self.tokens,
            "outside": report.outside,
            "failures": report.failures,
            "auc": asdict(report.auc) if report.auc else None,
            "separation": asdict(report.separation) if report.separation else None,
            "by_criterion": _estimates(report.by_criterion),
            "by_domain": _estimates(report.by_domain),
        }


@dataclass(frozen=True, slots=True)
class Examined:
    """One model, or one verifier, at one stage."""

    report: ExamReport
    reading: ReadingName
    in_a_run: Standing | None
    """What the exam of a run of this configuration would come to; None where it could not be read."""
    failure: str
    pairwise: Pairwise | None
    """Responses only, and only where probabilities are read."""
    way: Way | None = None
    """How it would be asked in a run; None where its opinions are written."""
    trials: tuple[Trial, ...] = ()
    """What each form comes to, if that was asked for."""
    pairs_in_a_run: PairStanding | None = None
    """The same of what a run of this configuration would ask."""
    pair_tokens: float = 0.0
    """New tokens for a verdict on one pair, both orders together."""

    @property
    def votes(self) -> bool:
        """Whether it would have a say in a run."""
        return self.in_a_run is not None and self.in_a_run.weight > 0

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        run = self.in_a_run
        return {
            **asdict(self.report),
            "reading": self.reading,
            "votes": self.votes,
            "weight": run.weight if run else None,
            "no_vote_in": list(run.no_vote_in) if run else [],
            "questions_in_a_run": len(run.good) if run else None,
            "failure": self.failure,
            "pairwise": {**asdict(self.pairwise), "tokens": self.pair_tokens} if self.pairwise else None,
            "form": self.way.form if self.way else None,
            "criteria": list(self.way.criteria) if self.way else [],
            "forms": {trial.form: trial.plain() for trial in self.trials},
            "pairwise_weight": self.pairs_in_a_run.weight if self.pairs_in_a_run else None,
        }


def _estimates(found: Mapping[str, Estimate | None]) -> dict[str, Any]:
    return {name: asdict(estimate) if estimate else None for name, estimate in found.items()}


@dataclass(frozen=True, slots=True)
class ExamResult:
    """What an exam came to."""

    examined: tuple[Examined, ...]
    questions: Mapping[Stage, int]
    bundled: bool
    """Whether gra's own exercises had to help out."""
    labelled: int

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "questions": dict(self.questions),
            "bundled": self.bundled,
            "labelled": self.labelled,
            "models": [one.plain() for one in self.examined],
        }


async def examine(
    config: RunConfig,
    logs: Path,
    size: int,
    only: Sequence[str] = (),
    listen: Listener = ignore,
    all_forms: bool = False,
) -> ExamResult:
    """Have the judges, and the verifiers beside them, sit their exam.

    Args:
        config: whose judges, seeds, labelled answers, criteria and prompts.
        logs: for the logs of embedded servers.
        size: the most questions about seeds at each stage, and the most about labelled answers.
        only: names of judges; all, and all verifiers, if empty.
        listen: hears of the progress.
        all_forms: try each form of question on the whole exam too.

    Raises:
        GraError: something that a person can mend.
    """
    synthesis = config.synthesis
    examined = _chosen(synthesis, only)
    material = read_material(synthesis)
    if synthesis.exam and not material.labelled:  # under a gate that holds no exam they are not read for a run
        answers = labelled_answers(synthesis.exam)
        material = replace(material, labelled=answers.labelled, problems=(*material.problems, *answers.problems))
    for problem in material.problems:
        listen(Notice(problem))
    ways = {stage: ways_to_ask(_entries(material), synthesis, _in_a_run(synthesis), stage) for stage in STAGES}
    every = {stage: _every_way(synthesis, material, stage) for stage in STAGES}
    papers, first = _papers(synthesis, material, size)
    stages = examined_stages(synthesis)
    heard = synthesis.examines and bool(synthesis.verifiers) and not only
    # Verifiers may ask models that judge nothing, and which of them can be asked is known when all are open.
    async with open_models(config, listen, logs, None if heard else examined) as models:
        await check_labels(synthesis, models, listen)
        chosen = choose_readings(synthesis, {name: models.abilities[name] for name in examined})
        readings = make_readings(synthesis, chosen, models.make_lanes())
        for name in (name for name in examined if all_forms and not isinstance(readings[name], ProbabilityReading)):
            listen(Notice(f"`{name}` has no forms to compare: its opinions are not read from probabilities"))
        with KeptAnswers(kept_exams()) as kept:
            ask = Bench(models, kept, listen)
            evidence = make_verifiers(synthesis, models.abilities, ask.embed, listen) if heard else {}
            total = len(stages) * len(examined) + len(evidence)
            listen(PhaseStarted("exam", f"{', '.join(examined)} read good texts and broken twins", total))
            done = 0

            async def sit(name: str, stage: Stage, reading: Reading) -> Examined:
                nonlocal done
                paper = Paper(papers[stage], first[stage], ways[stage])
                one = await _sit(ask, synthesis, (name, reading), paper)
                if all_forms:
                    trials = await _trials(ask, (name, reading), paper.questions, every[stage])
                    one = replace(one, trials=trials)
                done += 1
                listen(PhaseAdvanced(done))
                return one

            # One verifier after the other, so that one finds what another has asked.
            measured = [await sit(name, "response", reading) for name, reading in evidence.items()]
            found = await together(sit(name, stage, readings[name]) for name in examined for stage in stages)
            if kept.problem:
                listen(Notice(kept.problem))
    counts = {stage: len(papers[stage]) for stage in stages}
    return ExamResult((*found, *measured), counts, lacks_seeds(_entries(material)), len(material.labelled))


def _chosen(config: SynthesisConfig, only: Sequence[str]) -> list[str]:
    able = judges(config)
    if strangers := [name for name in only if name not in able]:
        raise ConfigError(f"`{strangers[0]}` judges nothing here; those who do are {', '.join(able) or 'none'}")
    if not able:
        raise ConfigError("no model of this configuration reviews or adjudicates, so there is nobody to examine")
    return [name for name in able if not only or name in only]


def _papers(
    config: SynthesisConfig, material: Material, size: int
) -> tuple[dict[Stage, tuple[Question, ...]], dict[Stage, int]]:
    """The questions of each stage, and how many of them, from the first, a run would put."""
    entries = _entries(material)
    asked = set_exam(entries, config, _in_a_run(config), material.labelled)
    more = set_exam(entries, config, size, material.labelled, MOST_TWINS)
    shown = {s.instruction for stage in STAGES for way in _every_way(config, material, stage) for s in way.solved}
    others = {stage: [q for q in more[stage] if q.good.instruction not in shown] for stage in STAGES}
    papers = {stage: tuple(dict.fromkeys((*asked[stage], *others[stage]))) for stage in STAGES}
    return papers, {stage: len(questions) for stage, questions in asked.items()}


def _in_a_run(config: SynthesisConfig) -> int:
    """Questions about seeds that a run would put at each stage."""
    return config.gate.exam if isinstance(config.gate, EXAMINING) else SeedsGate().exam


def _every_way(config: SynthesisConfig, material: Material, stage: Stage) -> list[Way]:
    """All forms that there are, `own` with the examples that a run would show."""
    solved = solved_examples(_entries(material), config, _in_a_run(config), stage)
    return forms_of(get_args(Form), solved, config.criteria, stage)


def _entries(material: Material) -> list[Entry]:
    """The seeds as far as an exam knows them: it asks about nothing that has to be annotated first."""
    return [Entry(s.id, 0, s.domain or "", s.keywords, s.summary, s.instruction, s.response) for s in material.seeds]


@dataclass(frozen=True, slots=True)
class Paper:
    """What is put to every judge at one stage."""

    questions: tuple[Question, ...]
    in_a_run: int
    """How many of them, from the first, a run would put."""
    ways: Sequence[Way]
    """In which ways it would, in turn."""


async def _sit(ask: Ask, config: SynthesisConfig, judge: tuple[str, Reading], paper: Paper) -> Examined:
    name, reading = judge
    stage = paper.questions[0].good.stage
    in_a_run = await sit_in_turn(ask, judge, paper.questions[: paper.in_a_run], paper.ways)
    way, pairwise, beside, tokens = in_a_run.way, None, None, 0.0
    if way and isinstance(reading, ProbabilityReading):
        reading = reading.asking(stage, unlimited(way, stage))
        if stage == "response":
            pairs, counting = pairs_of(paper.questions), Counting(ask)
            preferences = await compare(counting, name, reading, pairs, config)
            most = config.gate.exam if isinstance(config.gate, EXAMINING) else SeedsGate().exam
            asked = len(pairs_of(paper.questions[: paper.in_a_run])[:most])
            pairwise, beside = summed_up(preferences, pairs), as_far_as_needed(name, preferences[:asked])
            tokens = counting.tokens / max(1, len(pairs))
    whole = Sitting(name, stage, await answered(ask, name, reading, paper.questions))
    counted = narrowed(whole, way.criteria) if way and way.criteria else whole
    report = replace(report_on(counted), by_criterion=report_on(whole).by_criterion)
    standing = None if in_a_run.failure else in_a_run.standing
    return Examined(report, reading.kind, standing, in_a_run.failure, pairwise, way, (), beside, tokens)


async def _trials(
    ask: Ask, judge: tuple[str, Reading], questions: Sequence[Question], ways: Sequence[Way]
) -> tuple[Trial, ...]:
    """What each form comes to, one after the other, so that each finds its own beginning cached."""
    name, reading = judge
    stage, trials = questions[0].good.stage, []
    if not isinstance(reading, ProbabilityReading):
        return ()
    for way in ways:
        counting = Counting(ask)
        sitting = Sitting(name, stage, await answered(counting, name, reading.asking(stage, way), questions))
        texts = {matter for q in questions for matter in (q.good, q.broken)}
        trials.append(Trial(way.form, report_on(sitting), counting.tokens / len(texts)))
    return tuple(trials)
