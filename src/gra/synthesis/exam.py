"""The exam: every reviewer reads known-good seeds and broken twins of them, as blind as it reads candidates.

A twin is broken by rule, so the right answer is known without a person or a larger model. Each kind of fault is one
that small generators commit.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gra.calls import Ask, CallId
from gra.config.synthesis import SynthesisConfig
from gra.errors import SeedError
from gra.ids import rng
from gra.records import Entry, Opinion, Stage
from gra.synthesis.reading import Matter, Reading, read_opinion
from gra.synthesis.standing import Standing, feature
from gra.together import together

LONGEST = 900
"""Characters of instruction and response together that make a seed fit for the exam, if there are enough such."""
LEAST_QUESTIONS = 4
REFUSAL = "I'm sorry, but as an AI language model I cannot help with that."


@dataclass(frozen=True, slots=True)
class Question:
    """One item of the exam: a seed, and its twin with a fault."""

    name: str
    good: Matter
    broken: Matter
    fault: str


def set_exam(entries: Sequence[Entry], config: SynthesisConfig, size: int) -> dict[Stage, tuple[Question, ...]]:
    """`size` questions a stage, the same for every reviewer, the kinds of fault in turn.

    Raises:
        SeedError: fewer than four seeds to set it from.
    """
    seeds = [e for e in entries if e.round == 0]
    if len(seeds) < LEAST_QUESTIONS:
        raise SeedError(
            f"The gate sets its reviewers an exam and needs at least 4 seeds; there are {len(seeds)}. "
            "Give more seeds, or choose `gate: {type: paper}`."
        )
    brief = [e for e in seeds if len(e.instruction) + len(e.response) <= LONGEST]
    from_these = brief if len(brief) >= min(size, len(seeds)) else seeds
    draw = rng(config.random_seed, "exam")
    drawn = draw.sample(from_these, min(size, len(from_these)))
    return {stage: tuple(_question(stage, n, e, drawn, draw) for n, e in enumerate(drawn)) for stage in STAGES}


async def sit_exam(ask: Ask, model: str, reading: Reading, questions: Sequence[Question]) -> Standing | str:
    """One model's standing at one stage, or why it has none: there is a question on which it could not be read.

    Whoever has shown after half of the questions, or after three quarters, that it can tell or that it is at chance, is
    not asked the others.
    """
    standing, read = Standing(model, questions[0].good.stage, (), ()), 0
    for look in (0.5, 0.75, 1.0):
        upto = max(LEAST_QUESTIONS, math.ceil(look * len(questions)))
        if upto == read:  # of few questions the looks fall together
            continue
        more = await _standing(ask, model, reading, questions[read:upto])
        if isinstance(more, str):
            return more
        standing = replace(standing, good=standing.good + more.good, broken=standing.broken + more.broken)
        read = upto
        if read >= len(questions) or not standing.unsure:
            break
    return standing


async def _standing(ask: Ask, model: str, reading: Reading, questions: Sequence[Question]) -> Standing | str:
    async def one(question: Question) -> tuple[Opinion, Opinion]:
        stage = question.good.stage
        pair = []
        for half, matter in (("good", question.good), ("broken", question.broken)):
            call = CallId(f"exam-{question.name}", f"exam.{stage}.{half}.{model}")
            pair.append(await read_opinion(reading, ask, model, matter, call))
        return pair[0], pair[1]

    pairs = await together(one(q) for q in questions)
    failures = [o.failure for pair in pairs for o in pair if o.failure]
    if failures:
        read = sum(not g.failure and not b.failure for g, b in pairs)
        return f"it could be read on {read} of {len(questions)} exam questions put to it ({failures[0]})"
    stage = questions[0].good.stage
    return Standing(model, stage, tuple(feature(g) for g, _ in pairs), tuple(feature(b) for _, b in pairs))


# --- breaking a seed --------------------------------------------------------------------------------------------------

Fault = Callable[[Entry, Entry, random.Random], str | None]
"""Takes a seed and another one; gives a broken text, or None where this fault does not apply."""


def swapped(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The answer of another exercise."""
    return other.response if other.response != seed.response else None


def truncated(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The first third of the answer."""
    words = seed.response.split()
    return " ".join(words[: len(words) // 3]) if len(words) >= 9 else None


def repeated(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """A sentence of the answer, over and over."""
    first = re.split(r"(?<=[.!?])\s", seed.response)[0]
    return " ".join([first] * 5) if len(first) >= 20 else None


def refused(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """An empty refusal."""
    return REFUSAL


def glued(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """Two unrelated exercises run together."""
    return f"{_first_words(seed.instruction, 0.6)}, {other.instruction[:1].lower()}{other.instruction[1:]}"


def cut(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The first part of the exercise."""
    return _first_words(seed.instruction, 0.4) if len(seed.instruction.split()) >= 5 else None


def listed(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """Keywords instead of an exercise."""
    words = [*seed.keywords, *other.keywords]
    return ", ".join(words) if words else None


def shuffled(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The words in another order."""
    words = seed.instruction.split()
    mixed = draw.sample(words, len(words))
    return " ".join(mixed) if len(words) >= 5 and mixed != words else None


FAULTS: Mapping[Stage, tuple[Fault, ...]] = {
    "instruction": (cut, glued, listed, shuffled),
    "response": (swapped, truncated, refused, repeated, swapped, truncated),
}
STAGES: tuple[Stage, ...] = ("instruction", "response")


def _question(stage: Stage, number: int, seed: Entry, drawn: Sequence[Entry], draw: random.Random) -> Question:
    other = drawn[(number + 1) % len(drawn)]
    faults = FAULTS[stage]
    turn = number % len(faults)
    for fault in (*faults[turn:], *faults[:turn]):
        text = fault(seed, other, draw)
        if not text or text.split() == getattr(seed, stage).split():
            continue
        whole = Matter(stage, seed.instruction, seed.response if stage == "response" else "")
        twin = Matter(stage, text) if stage == "instruction" else Matter(stage, seed.instruction, text)
        return Question(f"{number:03d}", whole, twin, fault.__name__)
    raise SeedError(f"The seed `{seed.id}` is too short to set an exam question from. Remove it or give more seeds.")


def _first_words(text: str, share: float) -> str:
    words = text.split()
    return " ".join(words[: max(1, round(len(words) * share))])
