"""Reading one model's opinion, in two ways.

`written` is the paper's: the model writes its scores. `probability` asks one question for each criterion, to be
answered with one token, and takes the probability of Yes. Tiny models write the same scores for anything but know
more than they write (docs/lab_notes.md), so probabilities are the default where a server returns them.

How opinions are combined is another matter (`decide.py`).
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.resources import files
from typing import Protocol

from gra.calls import Ask, CallId, Request, Sampling
from gra.config.synthesis import SamplingConfig
from gra.errors import Refused
from gra.ids import call_seed
from gra.prompts import schemas
from gra.prompts.parse import Unusable, read_object, read_plain, read_scores
from gra.prompts.template import Template, load_template
from gra.records import Opinion, Stage, criteria_of
from gra.records import Reading as ReadingName
from gra.synthesis.asking import ask_usable

YES, NO = "yes", "no"
LABELS = (YES, NO)
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
    """The paper's reading: three zeros or ones, or six integers from 1 to 10 and a comment."""

    sampling: SamplingConfig
    random_seed: int
    kind: ReadingName = "written"

    async def read(self, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
        """One reply holds all scores; one that is incomplete or out of range gets a repair turn."""
        template = load_template(_written_prompt(matter))
        low, high = (0, 1) if matter.stage == "instruction" else (1, 10)
        criteria = criteria_of(matter.stage)
        fields: dict[str, schemas.Schema] = {c: schemas.whole(low, high) for c in criteria}
        if matter.stage == "response":
            # The comment comes first: a reason given before the scores can shape them, one given after only excuses.
            fields = {"comment": schemas.text(300), **fields}
        request = Request(
            model=model,
            messages=template.render(matter.values),
            sampling=_drawn(self.sampling, self.random_seed, call),
            schema=schemas.record(**fields),
            prompt=template.label,
        )
        blank = Opinion(model, matter.stage, "written")
        parse = partial(_read_written, blank=blank, low=low, high=high)
        opinion = await ask_usable(ask, call, request, parse)
        return replace(blank, failure=opinion.why) if isinstance(opinion, Unusable) else opinion


@dataclass(frozen=True, slots=True)
class ProbabilityReading:
    """One question a criterion, answered by the probability of Yes against No."""

    lanes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Matters that the model reads at once. With more than a server's caches can tell apart, the questions about one
    would find another in the cache, and every question would cost the whole material again."""
    kind: ReadingName = "probability"

    async def read(self, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
        """The questions follow one another, so that all but the first find the material in the server's cache."""
        async with self.lanes:
            return await self._read(ask, model, matter, call)

    async def _read(self, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
        blank = Opinion(model, matter.stage, "probability")
        template = load_template("opinion_ruling" if matter.reviews else f"opinion_{matter.stage}")
        scores: dict[str, float] = {}
        outside = 0.0
        for criterion, question in questions(matter.stage).items():
            request = question_request(model, template, {**matter.values, "question": question})
            reply = await ask(replace(call, step=f"{call.step}.{criterion}"), request)
            yes, no = reply.labels.get(YES, 0.0), reply.labels.get(NO, 0.0)
            if yes + no < LEAST_MASS:
                return replace(blank, failure=f"it did not answer Yes or No about {criterion}")
            scores[criterion] = yes / (yes + no)
            outside += max(0.0, 1.0 - yes - no)
        return replace(blank, scores=scores, outside=outside / len(scores))


async def read_opinion(reading: Reading, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
    """The model's opinion. A request that its server refuses is a review that could not be read, like any other."""
    try:
        return await reading.read(ask, model, matter, call)
    except Refused as refusal:
        return Opinion(model, matter.stage, reading.kind, failure=str(refusal))


@cache
def questions(stage: Stage) -> Mapping[str, str]:
    """The question for each criterion, in the criteria's order."""
    table = tomllib.loads(files("gra.prompts").joinpath("questions.toml").read_text(encoding="utf-8"))
    return {criterion: table[stage][criterion] for criterion in criteria_of(stage)}


def question_request(model: str, template: Template, values: Mapping[str, str]) -> Request:
    """A request whose answer is read from the probabilities of its first token."""
    return Request(
        model=model,
        messages=template.render(values),
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=1, seed=0),
        labels=LABELS,
        prompt=template.label,
    )


async def read_comment(
    ask: Ask, model: str, matter: Matter, call: CallId, sampling: SamplingConfig, run_seed: int
) -> str:
    """What a reviewer would improve, in a sentence; empty if it says nothing usable."""
    template = load_template("comment")
    request = Request(
        model=model,
        messages=template.render(matter.values),
        sampling=replace(_drawn(sampling, run_seed, call), max_tokens=60),
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


def _read_written(text: str, blank: Opinion, low: int, high: int) -> Opinion | Unusable:
    scores = read_scores(text, criteria_of(blank.stage), low, high)
    if isinstance(scores, Unusable):
        return scores
    found = read_object(text)
    comment = found.get("comment", "") if isinstance(found, dict) else ""
    return replace(blank, scores=scores, comment=comment if isinstance(comment, str) else "")


def _drawn(sampling: SamplingConfig, run_seed: int, call: CallId) -> Sampling:
    seed = call_seed(run_seed, call.sample, call.step)
    return Sampling(sampling.temperature, sampling.top_p, sampling.max_tokens, seed)
