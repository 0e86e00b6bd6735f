"""The exam in one way after another: which form of question a model can tell with, and how many questions it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice

from gra.calls import Ask
from gra.config.synthesis import SynthesisConfig
from gra.ids import rng
from gra.records import Entry, Opinion, Stage
from gra.synthesis.exam import Question, Sitting, drawn_from, sit_exam, twins
from gra.synthesis.forms import FEWEST, TELLING, Solved, Way, chooses, forms_of
from gra.synthesis.reading import ProbabilityReading, Reading

EXAMPLES = 4
"""Seeds that solved examples are made of, each once good and once broken."""
BRIEF = 500
"""Characters of a seed that is fit for an example: all of them stand before every question."""


def ways_to_ask(entries: Sequence[Entry], config: SynthesisConfig, size: int, stage: Stage) -> list[Way]:
    """The ways in which an exam of this size asks at a stage, in turn.

    Where criteria may be chosen these are the forms with the fewest questions: in another form models came to tell, by
    more questions hardly ever (docs/lab_notes.md).
    """
    forms = config.questions.forms
    solved = solved_examples(entries, config, size, stage) if "own" in forms else ()
    ways = forms_of(forms, solved, config.criteria, stage)
    if config.questions.ask == "all" or not chooses(config.criteria, stage):
        return ways
    few = TELLING[stage][: FEWEST[stage]]
    return [way if way.criteria else replace(way, criteria=few) for way in ways]


def solved_examples(entries: Sequence[Entry], config: SynthesisConfig, size: int, stage: Stage) -> tuple[Solved, ...]:
    """Good and broken texts of seeds that an exam of this size does not ask about, in turn; none if too few are short.

    Each text is followed by the twin of another, so that nothing is answered by what was just said.
    """
    left = [e for e in drawn_from(entries, rng(config.random_seed, "exam"))[size:] if _length(e, stage) <= BRIEF]
    if len(left) < EXAMPLES:
        return ()
    shown = list(islice(twins(stage, left[:EXAMPLES], config.random_seed, 1), EXAMPLES))
    pairs = zip(shown, [*shown[1:], *shown[:1]], strict=True)
    both = chain.from_iterable(((one.good, True), (other.broken, False)) for one, other in pairs)
    return tuple(Solved(m.instruction, m.response, good) for m, good in both)


def _length(entry: Entry, stage: Stage) -> int:
    return len(entry.instruction) + (len(entry.response) if stage == "response" else 0)


async def sit_in_turn(
    ask: Ask, judge: tuple[str, Reading], questions: Sequence[Question], ways: Sequence[Way]
) -> Sitting:
    """The exam in one way after another, until one shows that the model can tell.

    Every further way is one more chance to be lucky, and has to show more: the k-th at a level of 0.05 / k. So a model
    at chance comes to a say in one of twelve exams of two ways, and in one of twenty of one. If none does, the first
    counts.
    """
    name, reading = judge
    stage = questions[0].good.stage
    if not isinstance(reading, ProbabilityReading):
        return await sit_exam(ask, name, reading, questions)
    sittings: list[Sitting] = []
    for way in ways:
        sitting = replace(await sit_exam(ask, name, reading.asking(stage, way), questions), way=way)
        sittings.append(sitting)
        if not sitting.failure and sitting.standing.shown(tries=len(sittings)):
            return sitting
    return sittings[0]


def narrowed(sitting: Sitting, criteria: Sequence[str]) -> Sitting:
    """The sitting as if it had been asked about these criteria alone."""

    def of(opinion: Opinion) -> Opinion:
        return replace(opinion, scores={c: opinion.scores[c] for c in criteria} if opinion.scores else {})

    answers = tuple(replace(a, good=of(a.good), broken=of(a.broken)) for a in sitting.answers)
    return replace(sitting, answers=answers)


def unlimited(way: Way, stage: Stage) -> Way:
    """The way with all questions that its form has."""
    return replace(way, criteria=TELLING[stage][:1] if way.form == "own" else ())
