"""The exam in one way after another: which form of question a model can tell with, and how many questions it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice

import numpy as np

from gra.calls import Ask
from gra.config.synthesis import SynthesisConfig
from gra.ids import rng
from gra.records import Entry, Opinion, Stage
from gra.synthesis.exam import Question, Sitting, drawn_from, sit_exam, twins
from gra.synthesis.forms import FEWEST, TELLING, Solved, Way, chooses, enough, forms_of
from gra.synthesis.reading import ProbabilityReading, Reading
from gra.synthesis.standing import SURE, logit, sure

EXAMPLES = 4
"""Seeds that solved examples are made of, each once good and once broken."""
BRIEF = 500
"""Characters of a seed that is fit for an example: all of them stand before every question."""


def ways_to_ask(entries: Sequence[Entry], config: SynthesisConfig, size: int, stage: Stage) -> list[Way]:
    """The ways in which an exam of this size asks at a stage, in turn."""
    forms = config.questions.forms
    solved = solved_examples(entries, config, size, stage) if "own" in forms else ()
    return forms_of(forms, solved, config.criteria, stage)


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
    ask: Ask, config: SynthesisConfig, judge: tuple[str, Reading], questions: Sequence[Question], ways: Sequence[Way]
) -> Sitting:
    """The exam in one way after another, until one shows that the model can tell; then with the questions needed.

    Every further way is one more chance to be lucky, and has to show more (Bonferroni). If none does, the first counts.
    """
    name, reading = judge
    stage = questions[0].good.stage
    if not isinstance(reading, ProbabilityReading):
        return await sit_exam(ask, name, reading, questions)
    first: Sitting | None = None
    for tries, way in enumerate(ways, start=1):
        sitting = replace(await sit_exam(ask, name, reading.asking(stage, way), questions), way=way)
        if not sitting.failure and sitting.standing.separation > sure(tries) * sitting.standing.error:
            return briefed(sitting, config, sure(tries))
        first = first or sitting
    assert first is not None, "there is no way to ask"
    return first


def briefed(sitting: Sitting, config: SynthesisConfig, least: float = SURE) -> Sitting:
    """The sitting as if no more had been asked than is needed to tell as well, where that may be chosen.

    So few that it would not have shown any more that it can tell, by `least` standard errors, are too few.
    """
    way, stage = sitting.way or Way(), sitting.stage
    names = way.criteria or TELLING[stage]
    if config.questions.ask == "all" or not chooses(config.criteria, stage) or len(names) == 1:
        return sitting
    good, broken = (
        np.array([[logit(getattr(a, half).scores[c]) for c in names] for a in sitting.told])
        for half in ("good", "broken")
    )
    for count in range(enough(good, broken, FEWEST[stage]), len(names) + 1):
        chosen = tuple(c.name for c in config.criteria.of(stage) if c.name in names[:count])
        brief = replace(narrowed(sitting, chosen), way=replace(way, criteria=chosen))
        if brief.standing.separation > least * brief.standing.error:
            break
    return brief


def narrowed(sitting: Sitting, criteria: Sequence[str]) -> Sitting:
    """The sitting as if it had been asked about these criteria alone."""

    def of(opinion: Opinion) -> Opinion:
        return replace(opinion, scores={c: opinion.scores[c] for c in criteria} if opinion.scores else {})

    answers = tuple(replace(a, good=of(a.good), broken=of(a.broken)) for a in sitting.answers)
    return replace(sitting, answers=answers)


def unlimited(way: Way, stage: Stage) -> Way:
    """The way with all questions that its form has."""
    return replace(way, criteria=TELLING[stage][:1] if way.form == "own" else ())
