"""What a run will cost, before it begins: calls and tokens, from its configuration and the length of its seeds. Pure.

An estimate, and it says of what. Four things are not known before: how long the candidates' texts are (taken to be
like the seeds', or as usual where there are none), how many tokens a text has (`CHARACTERS_PER_TOKEN`), how many
candidates fail (three yields are given), and where they fail (as often at the instruction as at the response). Prompt
tokens are counted before the server's cache, which spares most of those of `review`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from gra.config.pool import adjudicated, committee_size, judges, may_play, members
from gra.config.questions import Form
from gra.config.synthesis import EXAMINING, SynthesisConfig, bounded
from gra.engine.energy import JOULES_PER_WH, PER_FLOP, estimate, joules
from gra.engine.prices import charge, prices
from gra.records import Passage, Reading, Seed, Stage
from gra.synthesis.exam import LEAST_QUESTIONS
from gra.synthesis.exam_material import bundled
from gra.synthesis.forms import FEWEST, REASONS, Way, chooses

CHARACTERS_PER_TOKEN = 4.0
"""English prose in the vocabularies of today's models: 3.5 to 4.5. Code and other languages have fewer."""
YIELDS: Mapping[str, float] = {"low": 0.25, "expected": 0.5, "high": 0.75}
"""Share of candidates that are accepted."""
DISPUTED = 0.2
"""Share of reviewed responses that go to the Adjudicator."""
DEAR = ("likelihood", "math", "code", "plugin")
"""Verifiers that ask models."""
TURN = 8
"""Tokens that a chat template adds to a message."""
KEYWORDS, SUMMARY, COMMENT, SCORES, DOMAIN = 15, 20, 25, 45, 8
"""Tokens of what is written."""
USUAL_INSTRUCTION, USUAL_RESPONSE = 30.0, 200.0
"""Tokens, where no seed shows the length."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls of one kind."""

    step: str
    calls: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0

    def times(self, factor: float) -> Cost:
        """So many of them."""
        return Cost(self.step, self.calls * factor, self.prompt_tokens * factor, self.completion_tokens * factor)

    def __add__(self, other: Cost) -> Cost:
        """Both together, under the name of the first."""
        return Cost(
            self.step,
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """The run at one yield."""

    name: str
    share: float
    """Of candidates that are accepted."""
    candidates: int
    accepted: int
    """The target, or less if the budget of candidates ends first."""
    costs: tuple[Cost, ...]
    money: float | None = None
    """In the run's `currency`, before the servers' caches; None if a model's price is not known."""
    wh: float | None = None
    """Watt-hours, estimated, before the servers' caches; None if a model's size is not known."""

    @property
    def total(self) -> Cost:
        """Everything together."""
        return sum(self.costs, Cost("all"))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is expected to take."""

    scenarios: tuple[Scenario, ...]
    assumptions: tuple[str, ...]
    """In words, for a person to judge."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the texts a run is about."""

    instruction: float
    response: float
    passage: float = 0.0
    """0 where there are no documents."""


def plan(
    config: SynthesisConfig,
    seeds: Sequence[Seed],
    readings: Mapping[str, Reading] | None = None,
    passages: Sequence[Passage] = (),
) -> Plan:
    """Estimate a run at three yields.

    Args:
        config: the run.
        seeds: those that will be used; none if the configuration has none.
        readings: how each model's opinion is read, where that is known; else what the configuration asks for, and
            probabilities for `auto`.
        passages: those of the documents.
    """
    config = bounded(config, len(seeds))
    lengths = Lengths(
        min(fmean(tokens(s.instruction) for s in seeds) if seeds else USUAL_INSTRUCTION, 400),
        min(fmean(tokens(s.response) for s in seeds) if seeds else USUAL_RESPONSE, config.generation.max_tokens),
        fmean(tokens(p.text) for p in passages) if passages else 0.0,
    )
    written = written_share(config, readings or {})
    most = math.floor(config.target * config.budget.candidates_per_accepted)
    if config.task == "refine":
        most = min(most, len(seeds))
    before: tuple[Cost, ...] = (_annotation(config, seeds, lengths), _exam(config, len(seeds), lengths, written))
    before += (_ruling_exam(config, len(seeds), lengths, written), _pair_exam(config, len(seeds), lengths))
    scenarios = tuple(_scenario(name, share, config, lengths, written, before, most) for name, share in YIELDS.items())
    return Plan(scenarios, _assumptions(config, lengths, written, len(seeds)))


def tokens(text: str) -> float:
    """About how many a text has."""
    return len(text) / CHARACTERS_PER_TOKEN


def written_share(config: SynthesisConfig, readings: Mapping[str, Reading]) -> float:
    """Share of judges whose opinions are read from what they write, the others' from probabilities."""
    assumed: Reading = "written" if config.reading == "written" else "probability"
    return fmean(readings.get(name, assumed) == "written" for name in judges(config) or [""])


def _scenario(
    name: str,
    share: float,
    config: SynthesisConfig,
    lengths: Lengths,
    written: float,
    before: tuple[Cost, ...],
    most: int,
) -> Scenario:
    candidates = min(math.ceil(config.target / share), most)
    accepted = min(config.target, round(candidates * share))
    each = (_refined if config.task == "refine" else _candidate)(config, lengths, written, share)
    summaries = _summary(config, lengths).times(accepted * (config.task != "refine"))  # a seed has its own
    costs = (*before, *(c.times(candidates) for c in each), summaries)
    total = sum(costs, Cost("all"))
    return Scenario(name, share, candidates, accepted, costs, _money(config, total), _wh(config, total))


def _money(config: SynthesisConfig, total: Cost) -> float | None:
    """What it costs if every model that takes part has the same share of it."""
    taking_part, known = members(config), prices([model.model_dump() for model in config.models])
    if any(name not in known for name in taking_part):
        return None
    return fmean(charge(known[name], total.prompt_tokens, 0, total.completion_tokens) for name in taking_part)


def _wh(config: SynthesisConfig, total: Cost) -> float | None:
    """What it takes if every model that takes part has the same share of it."""
    taking_part, known = members(config), joules([model.model_dump() for model in config.models])
    if any(name not in known for name in taking_part):
        return None
    taken = (estimate(known[name], total.prompt_tokens, 0, total.completion_tokens) for name in taking_part)
    return fmean(taken) / JOULES_PER_WH


# --- one call ---------------------------------------------------------------------------------------------------------


def _call(
    config: SynthesisConfig, step: str, template: str, inserted: float, written: float, shots: float = 0.0
) -> Cost:
    """A call of a prompt with so many tokens inserted, and so many example pairs."""
    parsed = config.templates[template]
    shown = sum(tokens(text) + TURN for heading, text in parsed.sections if not heading.startswith("example"))
    pair = sum(tokens(text) + TURN for heading, text in parsed.sections if heading.startswith("example"))
    return Cost(step, 1, shown + shots * pair + inserted, written)


def _opinion(
    config: SynthesisConfig,
    step: str,
    stage: Stage,
    lengths: Lengths,
    written: float,
    response: float,
    said: float = 0.0,
) -> Cost:
    """One model's opinion: one written reply, or one token for each criterion that is asked about."""
    matter = lengths.instruction + response
    asked = _asked(config, stage)
    told = tokens(config.criteria.values(stage)["criteria"])
    ruling = said > 0
    prompt = "opinion_ruling" if ruling else f"opinion_{stage}"
    one = _call(config, step, prompt, matter + said + 12, 1).times(_wordings(config, stage))
    if _form(config) == "reasoned":
        one += _call(config, step, prompt, matter + said + 12 + REASONS, REASONS)
    wrote = SCORES + (COMMENT if stage == "response" else 0)
    form = _call(config, step, "adjudicate" if ruling else f"review_{stage}", matter + said + told, wrote)
    return one.times((1 - written) * asked) + form.times(written)


def _form(config: SynthesisConfig) -> Form:
    """In which a question is put, if the first one tells."""
    return config.questions.forms[0] if config.examines else "examples"


def _wordings(config: SynthesisConfig, stage: Stage) -> float:
    """Of a question, in the mean."""
    way = Way(_form(config))
    return fmean(len(way.wordings(criterion)) for criterion in config.criteria.of(stage))


def _asked(config: SynthesisConfig, stage: Stage) -> int:
    """Criteria that a judge is asked about: few where these tell as much as all."""
    criteria = config.criteria.of(stage)
    few = config.examines and config.questions.ask == "needed" and chooses(config.criteria, stage)
    return min(FEWEST[stage], len(criteria)) if few else len(criteria)


# --- the parts of a run -----------------------------------------------------------------------------------------------


def _annotation(config: SynthesisConfig, seeds: Sequence[Seed], lengths: Lengths) -> Cost:
    """Domain, keywords and summary, where the seed file does not say them."""
    total = Cost("annotate seeds")
    for seed in seeds:
        if not seed.domain:
            total += _call(config, "", "domain", tokens(seed.instruction) + 120, DOMAIN)
        if not seed.keywords:
            total += _call(config, "", "seed_keywords", tokens(seed.instruction), KEYWORDS)
        if not seed.summary:
            total += _summary(config, replace(lengths, instruction=tokens(seed.instruction)))
    return total


def _summary(config: SynthesisConfig, lengths: Lengths) -> Cost:
    return _call(config, "summarise accepted", "summary", lengths.instruction, SUMMARY)


def _exam(config: SynthesisConfig, seeds: int, lengths: Lengths, written: float) -> Cost:
    """Every judge reads seeds and their twins, at both stages."""
    none = Cost("exam")
    if not (config.examines and isinstance(config.gate, EXAMINING)):
        return none
    own = seeds if seeds >= LEAST_QUESTIONS else seeds + len(bundled())
    pairs = min(config.gate.exam, own)
    both = _opinion(config, "exam", "response", lengths, written, lengths.response)
    if config.task != "refine":
        both += _opinion(config, "exam", "instruction", lengths, written, 0.0)
    return none + both.times(len(judges(config)) * pairs * 2)


def _ruling_exam(config: SynthesisConfig, seeds: int, lengths: Lengths, written: float) -> Cost:
    """Who may adjudicate reads the responses again, with a comment of another judge, two of whom take turns."""
    none, names = Cost("exam with reviews"), may_play(config, "adjudicator")
    if not (config.examines and isinstance(config.gate, EXAMINING) and names and len(judges(config)) > 1):
        return none
    some = 2 * min(config.gate.exam, seeds)
    ruling = _opinion(config, "exam", "response", lengths, written, lengths.response, COMMENT)
    comment = _call(config, "exam", "comment", lengths.instruction + lengths.response, COMMENT)
    return none + ruling.times(len(names) * some) + comment.times(min(2, len(names)) * some)


def _pair_exam(config: SynthesisConfig, seeds: int, lengths: Lengths) -> Cost:
    """Every judge compares seeds with their twins, in both orders."""
    none = Cost("exam in pairs")
    if not (config.compares and isinstance(config.gate, EXAMINING)):
        return none
    own = seeds if seeds >= LEAST_QUESTIONS else seeds + len(bundled())
    one = _call(config, "exam", "compare", lengths.instruction + 2 * lengths.response, 1)
    return none + one.times(2 * len(judges(config)) * min(config.gate.exam, own))


def _candidate(config: SynthesisConfig, lengths: Lengths, written: float, share: float) -> tuple[Cost, ...]:
    """The mean candidate: what fails at the instruction costs no response."""
    passes = math.sqrt(share)
    shots = _shots(config)
    planned = "_document" if lengths.passage else "" if config.seeds else "_first"
    example = shots * (KEYWORDS + lengths.instruction + SUMMARY)
    first = _opinion(config, "review instruction", "instruction", lengths, written, 0.0)
    return (
        _call(config, "keywords", f"keywords{planned}", shots * KEYWORDS + lengths.passage, KEYWORDS + DOMAIN, shots),
        _call(config, "instruction", f"instruction{planned}", example + lengths.passage, lengths.instruction, shots),
        first.times(committee_size(config)),
        *(cost.times(passes) for cost in _answered(config, lengths, written, passes)),
    )


def _refined(config: SynthesisConfig, lengths: Lengths, written: float, share: float) -> tuple[Cost, ...]:
    """The mean seed: its own response is reviewed beside the new one."""
    return _answered(config, lengths, written, share, own=float(config.review != "none"))


def _answered(
    config: SynthesisConfig, lengths: Lengths, written: float, passes: float, own: float = 0.0
) -> tuple[Cost, ...]:
    """The response to one instruction, and `own` more that are only reviewed."""
    answered_with = "_document" if lengths.passage else ""
    answered = min(_shots(config), config.response_examples)
    manner = answered * (lengths.instruction + lengths.response)
    size = committee_size(config)
    revised = (1 - passes) * min(config.max_revisions, size, 1)
    responses = own + 1 + revised
    said = size * COMMENT
    second = _opinion(config, "review response", "response", lengths, written, lengths.response)
    comment = _call(config, "comment", "comment", lengths.instruction + lengths.response, COMMENT)
    commented = (1 - written) * (1.0 if config.comments == "always" else min(1.0, DISPUTED + 1 - passes))
    ruling = _opinion(config, "adjudicate", "response", lengths, written, lengths.response, said)
    read = lengths.instruction + lengths.passage + manner
    answer = _call(config, "response", f"response{answered_with}", read, lengths.response, answered)
    again = _call(config, "revise", f"revise{answered_with}", read + said, lengths.response, answered)
    pair = _call(config, "compare", "compare", lengths.instruction + 2 * lengths.response, 1)
    beside = (revised + own) * 2 * (size + adjudicated(config)) * (config.revision.accept == "pairwise")
    return (
        answer,
        again.times(revised),
        pair.times(beside),
        second.times(size * responses),
        comment.times(size * responses * commented),
        ruling.times(DISPUTED * responses * adjudicated(config)),
    )


def _shots(config: SynthesisConfig) -> float:
    """Examples of a candidate. Without seeds the first round has none; later ones are taken to be like it."""
    return fmean(config.examples) if config.seeds else 0.0


def _assumptions(config: SynthesisConfig, lengths: Lengths, written: float, seeds: int) -> tuple[str, ...]:
    yields = ", ".join(f"{name} {share:.0%}" for name, share in YIELDS.items())
    likeness = "the seeds" if seeds else "such texts usually are"
    exam = ["every judge sits the whole exam once; half of it is often enough"] if config.examines else []
    if _asked(config, "response") < len(config.criteria.response):
        few = f"{_asked(config, 'instruction')} and {_asked(config, 'response')}"
        exam.append(f"{few} criteria tell as much of an instruction and a response as all")
    exam += ["labelled answers in the exam come on top"] if config.examines and config.exam else []
    exam += (
        ["with so few seeds the exam asks about gra's own exercises, too"]
        if config.examines and seeds < LEAST_QUESTIONS
        else []
    )
    spared = ["every reviewer is asked; with `opinions: when_needed` fewer are"] * (config.opinions == "when_needed")
    revised = "each rejected response is revised once" if config.max_revisions else "nothing is revised"
    accepted = f"share of candidates accepted: {yields}; as many fail at the instruction as at the response"
    if config.task == "refine":
        accepted = f"share of seeds kept, with their own or a new response: {yields}"
    return (
        accepted,
        f"candidates are as long as {likeness}: {lengths.instruction:.0f} tokens of instruction, "
        f"{lengths.response:.0f} of response, at {CHARACTERS_PER_TOKEN:g} characters per token",
        f"opinions of {written:.0%} of the judges are written, of the others read from probabilities",
        *exam,
        *spared,
        f"{DISPUTED:.0%} of reviews are disputed; {revised}; no repair turns",
        "candidates that are begun ahead and turn out not to be needed are not counted",
        "prompt tokens are counted before the server's cache",
        *["what verifiers ask of models is not counted"] * any(v.type in DEAR for v in config.verifiers),
        *(["every model takes the same share of the tokens"] if len(members(config)) > 1 else []),
        f"a model without `joules` takes {PER_FLOP['elsewhere']:g} J for each floating-point operation on a server, "
        f"{PER_FLOP['embedded']:g} J where gra serves it",
    )
