"""Reading one model's opinion, in two ways.

`written` is the paper's: the model writes its scores. `probability` asks one question for each criterion, to be
answered with one token, and takes the probability of Yes. Tiny models write the same scores for anything but know
more than they write (docs/lab_notes.md), so probabilities are the default where a server returns them.

How opinions are combined is another matter (`decide.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from gra.calls import Ask, CallId, Message, Reply, Request, Sampling
from gra.config.criteria import CriteriaConfig
from gra.config.questions import QuestionsConfig
from gra.config.synthesis import SynthesisConfig
from gra.errors import Refused
from gra.ids import call_seed
from gra.prompts import schemas
from gra.prompts.parse import Unusable, read_object, read_plain, read_scores
from gra.prompts.prompt_set import PromptSet
from gra.prompts.template import Template
from gra.records import Opinion, Stage
from gra.records import Reading as ReadingName
from gra.synthesis.asking import ask_usable
from gra.synthesis.forms import REASONS, Way, concluding, in_one

LEAST_MASS = 0.001
"""Probability that yes and no must have together; below it the model did not answer the question."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What is judged."""

    stage: Stage
    instruction: str
    response: str = ""
    reviews: str = ""
    """What others said of it, for an Adjudicator; empty for a blind review."""
    domain: str = ""
    """What it is about, for verifiers of some domains only; no prompt of a review has it."""
    author: str = ""
    """Who wrote the response, for verifiers that ask others for tests of it; no prompt has it. Empty if not of the
    pool."""

    @property
    def values(self) -> dict[str, str]:
        """For the prompts."""
        return {"instruction": self.instruction, "response": self.response, "reviews": self.reviews}


class Reading(Protocol):
    """How an opinion is got from a model."""

    @property
    def kind(self) -> ReadingName:
        """Its name in the records."""
        ...

    async def read(self, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
        """The model's opinion; an unusable one says so in `failure` and has no scores."""
        ...


@dataclass(frozen=True, slots=True)
class WrittenReading:
    """The paper's reading: zeros or ones for an instruction, a comment and whole marks for a response."""

    config: SynthesisConfig
    kind: ReadingName = "written"

    async def read(self, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
        """One reply holds all scores; one that is incomplete or out of range gets a repair turn."""
        template, criteria = self.config.templates[_written_prompt(matter)], self.config.criteria
        values = {**matter.values, **criteria.values(matter.stage), "in_language": self.config.in_language}
        low, high = criteria.bounds(matter.stage)
        names = [c.name for c in criteria.of(matter.stage)]
        fields: dict[str, schemas.Schema] = {name: schemas.whole(low, high) for name in names}
        if matter.stage == "response":
            # The comment comes first: a reason given before the scores can shape them, one given after only excuses.
            fields = {"comment": schemas.text(300), **fields}
        request = Request(
            model=model,
            messages=template.render(values),
            sampling=_drawn(self.config, call),
            schema=schemas.record(**fields),
            prompt=template.label,
        )
        blank = Opinion(model, matter.stage, "written", weights=criteria.weights(matter.stage))
        parse = partial(_read_written, blank=blank, names=names, low=low, high=high)
        opinion = await ask_usable(ask, call, request, parse)
        return replace(blank, failure=opinion.why) if isinstance(opinion, Unusable) else opinion


class Lanes(Protocol):
    """How many matters a model reads at once: no more than its server's cache can hold."""

    def lane(self, prompt: str) -> AbstractAsyncContextManager[int | None]:
        """Wait for a lane, and keep it for all questions about one matter.

        Gives the server's slot that the questions are to go to, None where the server finds its cache by itself.
        """
        ...


class EqualLanes:
    """So many matters at once, wherever their questions are worked on."""

    def __init__(self, count: int = 1) -> None:
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def lane(self, prompt: str) -> AsyncIterator[None]:
        """Wait for a lane."""
        async with self._free:
            yield None


@dataclass(frozen=True, slots=True)
class ProbabilityReading:
    """One question a criterion, answered by the probability of the good answer against the other."""

    lanes: Lanes = field(default_factory=EqualLanes)
    """With more matters at once than a server's caches can hold, the questions about one would find another in the
    cache, and every question would cost the whole material again."""
    prompts: PromptSet = field(default_factory=PromptSet)
    criteria: CriteriaConfig = field(default_factory=CriteriaConfig)
    questions: QuestionsConfig = field(default_factory=QuestionsConfig)
    """The words that go with a question."""
    ways: Mapping[Stage, Way] = field(default_factory=dict)
    """In which form the model is asked at a stage, and which questions; all after the prompt's examples by default."""
    kind: ReadingName = "probability"

    def asking(self, stage: Stage, way: Way) -> ProbabilityReading:
        """The same reading, but that way at that stage."""
        return replace(self, ways={**self.ways, stage: way})

    async def read(self, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
        """The questions follow one another, so that all but the first find the material in the server's cache."""
        template = self.prompts["opinion_ruling" if matter.reviews else f"opinion_{matter.stage}"]
        way = self.ways.get(matter.stage, Way())
        async with self.lanes.lane(way.label(template)) as slot:
            return await self._read(partial(_in_slot, ask, slot), template, way, model, matter, call)

    async def _read(self, ask: Ask, template: Template, way: Way, model: str, matter: Matter, call: CallId) -> Opinion:
        blank = Opinion(model, matter.stage, "probability", weights=self.criteria.weights(matter.stage))
        blind = self.prompts[f"opinion_{matter.stage}"]
        scores: dict[str, float] = {}
        outside, answers = 0.0, 0
        for criterion in way.asked(self.criteria, matter.stage):
            found: list[float] = []
            for number, question in enumerate(way.wordings(criterion), start=1):
                at = replace(call, step=f"{call.step}.{criterion.name}{f'.{number}' if number > 1 else ''}")
                values = {**matter.values, "question": question}
                messages = way.messages(template, blind, values, self.criteria, self.questions)
                request = question_request(model, messages, way.label(template), way.labels(self.criteria))
                if way.form == "reasoned":
                    said = await _reasons(ask, at, request)
                    if not said:
                        return replace(blank, failure=f"it wrote no reasons about {criterion.name}")
                    request = replace(request, messages=concluding(messages, said, question, self.questions))
                score, mass = way.score((await ask(at, request)).labels, self.criteria)
                if mass < LEAST_MASS:
                    words = ("a digit",) if way.form == "digit" else map(str.capitalize, self.criteria.labels)
                    return replace(blank, failure=f"it did not answer {' or '.join(words)} about {criterion.name}")
                found.append(score)
                outside += max(0.0, 1.0 - mass)
                answers += 1
            score = in_one(found)
            scores[criterion.name] = score if criterion.good == "yes" else 1 - score
        return replace(blank, scores=scores, outside=outside / answers)


async def _reasons(ask: Ask, call: CallId, request: Request) -> str:
    """What the model writes before it answers; how far it comes in so many tokens. Empty if it writes nothing."""
    sampling = replace(request.sampling, max_tokens=REASONS)
    reply = await ask(replace(call, step=f"{call.step}.reasons"), replace(request, sampling=sampling, labels=()))
    return reply.text.strip()


async def _in_slot(ask: Ask, slot: int | None, call: CallId, request: Request) -> Reply:
    return await ask(call, replace(request, slot=slot))


async def read_opinion(reading: Reading, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
    """The model's opinion. A request that its server refuses is a review that could not be read, like any other."""
    try:
        return await reading.read(ask, model, matter, call)
    except Refused as refusal:
        return Opinion(model, matter.stage, reading.kind, failure=str(refusal))


def question_request(model: str, messages: tuple[Message, ...], prompt: str, labels: tuple[str, ...]) -> Request:
    """A request whose answer is read from the probabilities of its first token."""
    return Request(
        model=model,
        messages=messages,
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=1, seed=0),
        labels=labels,
        prompt=prompt,
    )


async def read_comment(ask: Ask, model: str, matter: Matter, call: CallId, config: SynthesisConfig) -> str:
    """What a reviewer would improve, in a sentence; empty if it says nothing usable."""
    template = config.templates["comment"]
    request = Request(
        model=model,
        messages=template.render({**matter.values, "in_language": config.in_language}),
        sampling=replace(_drawn(config, call), max_tokens=60),
        prompt=template.label,
        stop=("\n",),
    )
    try:
        value = await ask_usable(ask, call, request, read_plain)
    except Refused:
        return ""
    return "" if isinstance(value, Unusable) else value


def _written_prompt(matter: Matter) -> str:
    return "adjudicate" if matter.reviews else f"review_{matter.stage}"


def _read_written(text: str, blank: Opinion, names: Sequence[str], low: int, high: int) -> Opinion | Unusable:
    scores = read_scores(text, names, low, high)
    if isinstance(scores, Unusable):
        return scores
    if blank.stage == "response":
        scores = {name: 1 + 9 * (mark - low) / (high - low) for name, mark in scores.items()}
    found = read_object(text)
    comment = found.get("comment", "") if isinstance(found, dict) else ""
    return replace(blank, scores=scores, comment=comment if isinstance(comment, str) else "")


def _drawn(config: SynthesisConfig, call: CallId) -> Sampling:
    seed, sampling = call_seed(config.random_seed, call.sample, call.step), config.judging
    return Sampling(sampling.temperature, sampling.top_p, sampling.max_tokens, seed)
