"""The exam: every reviewer reads texts of known quality, as blind as it reads candidates.

Good are the user's seeds, bad are twins of them that were broken by rule (`faults.py`); beside them stand the user's
own labelled answers. Half of the twins are broken in form and half in meaning, as far as the seeds lend themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle, islice, zip_longest
from random import Random

from gra.calls import Ask, CallId
from gra.config.synthesis import SynthesisConfig
from gra.errors import SeedError
from gra.ids import rng
from gra.records import Entry, Opinion, Stage
from gra.synthesis.exam_material import Labelled, bundled
from gra.synthesis.faults import FAULTS, Fault, broken
from gra.synthesis.forms import Way
from gra.synthesis.reading import Matter, Reading, read_opinion
from gra.synthesis.standing import Standing, feature
from gra.together import together

LONGEST = 900
"""Characters of instruction and response together that make a seed fit for the exam, if there are enough such."""
LEAST_QUESTIONS = 4
STAGES: tuple[Stage, ...] = ("instruction", "response")


@dataclass(frozen=True, slots=True)
class Question:
    """One item of the exam: a good text and a bad one."""

    name: str
    """Of the good text; several questions may be about one."""
    good: Matter
    broken: Matter
    """Mostly the good one's twin."""
    fault: str
    """What is wrong with it: the name of a function of `faults.py`, `rejected` or `wrong`."""
    domain: str = ""
    authors: tuple[str, str] = ("", "")
    """Who wrote the two; empty where nobody says."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model thinks of both halves of a question."""

    question: Question
    good: Opinion
    broken: Opinion


@dataclass(frozen=True, slots=True)
class Sitting:
    """One model's exam at one stage."""

    model: str
    stage: Stage
    answers: tuple[Answer, ...]
    way: Way | None = None
    """How it was asked; None where there is one way only."""

    @property
    def standing(self) -> Standing:
        """What it has shown."""
        good, broken = (tuple(feature(getattr(a, half)) for a in self.told) for half in ("good", "broken"))
        told = tuple(n for n, a in enumerate(self.answers) if a.good.usable and a.broken.usable)
        places = () if len(told) == len(self.answers) else told
        domains = tuple(a.question.domain for a in self.told)
        found = Standing(self.model, self.stage, good, broken, places, domains if any(domains) else ())
        return replace(found, no_vote_in=found.cannot_tell_in()) if found.domains else found

    @property
    def told(self) -> tuple[Answer, ...]:
        """The answers that say something: all but those where a verifier had nothing to say of a text."""
        return tuple(a for a in self.answers if a.good.usable and a.broken.usable)

    @property
    def failure(self) -> str:
        """Why it has no standing; empty if it has one."""
        return self.unread or self.silence

    @property
    def silence(self) -> str:
        """Why it has none: it is a verifier, and has nothing to say of more than half of the questions.

        A committee's exam is as long as that of its most silent member.
        """
        enough = max(LEAST_QUESTIONS, math.ceil(len(self.answers) / 2))
        if len(self.told) >= min(enough, len(self.answers)):
            return ""
        asked = len(self.answers)
        return f"it has something to say of {len(self.told)} of {asked} exam questions, {enough} are needed"

    @property
    def unread(self) -> str:
        """Why it has none: there is a text on which it could not be read."""
        failures = [o.failure for a in self.answers for o in (a.good, a.broken) if o.failure]
        read = sum(not a.good.failure and not a.broken.failure for a in self.answers)
        told = f"it could be read on {read} of {len(self.answers)} exam questions put to it"
        return f"{told} ({failures[0]})" if failures else ""


# --- setting it -------------------------------------------------------------------------------------------------------


def lacks_seeds(entries: Sequence[Entry]) -> bool:
    """Whether there are fewer seeds than make an exam, so that gra's own exercises help out."""
    return sum(e.round == 0 for e in entries) < LEAST_QUESTIONS


def set_exam(
    entries: Sequence[Entry], config: SynthesisConfig, size: int, labelled: Sequence[Labelled] = (), most: int = 1
) -> dict[Stage, tuple[Question, ...]]:
    """The questions of each stage, the same for every reviewer.

    Args:
        entries: the pool; its seeds are asked about. With fewer than four, gra's own general exercises are added.
        config: of the run.
        size: the most questions about seeds, and the most about labelled answers.
        labelled: the user's own, short ones first.
        most: how many twins a seed may have, each with another fault.

    Raises:
        SeedError: a seed cannot be broken.
    """
    draw = rng(config.random_seed, "exam")
    drawn = drawn_from(entries, draw)
    brief = [pair for pair in labelled if pair.characters <= LONGEST]
    others = [pair for pair in labelled if pair.characters > LONGEST]
    asked = draw.sample(brief, min(size, len(brief)))
    asked += draw.sample(others, min(size - len(asked), len(others)))
    paper = {stage: tuple(islice(twins(stage, drawn, config.random_seed, most), size)) for stage in STAGES}
    both = chain.from_iterable(zip_longest(paper["response"], map(_labelled, asked)))
    return {**paper, "response": tuple(question for question in both if question)}


def drawn_from(entries: Sequence[Entry], draw: Random) -> list[Entry]:
    """The seeds in the order in which they are asked about, short ones first."""
    seeds = [e for e in entries if e.round == 0]
    if lacks_seeds(seeds):
        seeds += bundled()
    brief = [e for e in seeds if len(e.instruction) + len(e.response) <= LONGEST]
    others = [e for e in seeds if len(e.instruction) + len(e.response) > LONGEST]
    return [*draw.sample(brief, len(brief)), *draw.sample(others, len(others))]


def _labelled(pair: Labelled) -> Question:
    good = Matter("response", pair.instruction, pair.good, domain=pair.domain)
    bad = Matter("response", pair.bad_instruction, pair.bad, domain=pair.domain)
    return Question(pair.name, good, bad, pair.kind, pair.domain, (pair.good_author, pair.bad_author))


def twins(stage: Stage, drawn: Sequence[Entry], seed: int, most: int) -> Iterator[Question]:
    """Form and meaning in turn; of each the fault that came least so far, of those that apply."""
    come: Counter[Fault] = Counter()
    had: set[tuple[str, Fault]] = set()
    kinds = cycle((FAULTS[stage]["form"], FAULTS[stage]["meaning"]))
    for number in range(most * len(drawn)):
        place = number % len(drawn)
        entry = drawn[place]
        wanted = next(kinds)
        faults = [*sorted(wanted, key=come.__getitem__), *sorted(_rest(stage, wanted), key=come.__getitem__)]
        others = [drawn[(place + step) % len(drawn)] for step in range(1, min(4, len(drawn)))]
        for fault in (f for f in faults if (entry.id, f) not in had):
            draw = rng(seed, "exam", stage, entry.id, fault.__name__)
            text = broken(fault, stage, entry, others, draw)
            if text is None:
                continue
            come[fault] += 1
            had.add((entry.id, fault))
            whole = Matter(stage, entry.instruction, entry.response if stage == "response" else "", domain=entry.domain)
            twin = replace(whole, instruction=text) if stage == "instruction" else replace(whole, response=text)
            yield Question(f"{place:03d}", whole, twin, fault.__name__, entry.domain)
            break
        else:
            if number < len(drawn):
                raise SeedError(
                    f"The seed `{entry.id}` is too short to set an exam question from. Remove it or give more seeds."
                )


def _rest(stage: Stage, wanted: Sequence[Fault]) -> list[Fault]:
    return [f for faults in FAULTS[stage].values() for f in faults if f not in wanted]


# --- sitting it -------------------------------------------------------------------------------------------------------


Prepare = Callable[[Sequence[Question]], Awaitable[Sequence[Question]]]
"""Gives questions what has to be there before they are asked."""


async def sit_exam(
    ask: Ask, model: str, reading: Reading, questions: Sequence[Question], prepare: Prepare | None = None
) -> Sitting:
    """One model's exam at one stage, as far as it has to be taken.

    Whoever has shown after half of the questions, or after three quarters, that it can tell or that it is at chance, is
    not asked the others, and they are not prepared.
    """
    answers: tuple[Answer, ...] = ()
    sitting = Sitting(model, questions[0].good.stage, answers)
    for upto in looks(len(questions)):
        some = questions[len(answers) : upto]
        answers += await answered(ask, model, reading, await prepare(some) if prepare else some)
        sitting = Sitting(model, sitting.stage, answers)
        if sitting.unread or not (sitting.silence or sitting.standing.unsure):
            break
    return sitting


def looks(count: int) -> list[int]:
    """After how many questions it is looked at where a model stands; of few questions the looks fall together."""
    return sorted({min(count, max(LEAST_QUESTIONS, math.ceil(look * count))) for look in (0.5, 0.75, 1.0)})


async def answered(ask: Ask, model: str, reading: Reading, questions: Sequence[Question]) -> tuple[Answer, ...]:
    """A model's answers to these questions; a text that is in several is read once."""
    calls = [(_call(q, model, "good"), _call(q, model, q.fault)) for q in questions]
    matters = {
        call: matter
        for q, pair in zip(questions, calls, strict=True)
        for call, matter in zip(pair, (q.good, q.broken), strict=True)
    }
    opinions = await together(read_opinion(reading, ask, model, matter, call) for call, matter in matters.items())
    read = dict(zip(matters, opinions, strict=True))
    return tuple(Answer(q, read[good], read[bad]) for q, (good, bad) in zip(questions, calls, strict=True))


def _call(question: Question, model: str, half: str) -> CallId:
    return CallId(f"exam-{question.name}", f"exam.{question.good.stage}.{half}.{model}")
