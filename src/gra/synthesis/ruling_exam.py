"""The Adjudicator's exam: the same seeds and broken twins, with what a reviewer says of each before it.

An opinion is weighed by an exam, and a model that reads reviews says something else than one that reads none
(docs/lab_notes.md). So who may adjudicate is examined as it will be asked. The reviews are comments of another model
that can tell, as in a dispute, where nobody else is quoted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from gra.calls import Ask, CallId
from gra.config.synthesis import SynthesisConfig
from gra.synthesis.exam import LEAST_QUESTIONS, Question, sit_exam
from gra.synthesis.reading import Matter, Reading, read_comment
from gra.synthesis.standing import Standing
from gra.together import together

Half = tuple[str, str, str]
"""The name of a question, `good` or `broken`, and who comments on it."""


async def sit_ruling_exams(
    ask: Ask,
    config: SynthesisConfig,
    readings: Mapping[str, Reading],
    questions: Sequence[Question],
    able: Collection[str],
    judges: Sequence[str],
) -> dict[str, Standing | str]:
    """By model, its standing as Adjudicator, or why it has none.

    Half of the questions, as comments have to be written for them. A model that has nobody else's reviews to read is
    left out: in a dispute it has none either.

    Args:
        ask: answers.
        config: the run.
        readings: how each model is read.
        questions: of the exam on responses.
        able: the models that have shown that they can tell about responses.
        judges: those that may adjudicate.
    """
    some = questions[: max(LEAST_QUESTIONS, math.ceil(len(questions) / 2))]
    readers = {judge: [_commenter(n, judge, able) for n in range(len(some))] for judge in judges}
    wanted = {(q, who) for whos in readers.values() for q, who in zip(some, whos, strict=True) if who}
    comments = await _comments(ask, config, sorted(wanted, key=lambda pair: (pair[0].name, pair[1])))
    found: dict[str, Standing | str] = {}
    for judge, whos in readers.items():
        if all(whos):
            shown = [_with_reviews(q, who, comments) for q, who in zip(some, whos, strict=True)]
            sitting = await sit_exam(ask, judge, readings[judge], shown)
            found[judge] = sitting.failure or sitting.standing
    return found


def _commenter(number: int, judge: str, able: Collection[str]) -> str:
    """Whose review the Adjudicator reads on a question: the others in turn; empty if there is no other."""
    others = [name for name in sorted(able) if name != judge]
    return others[number % len(others)] if others else ""


async def _comments(ask: Ask, config: SynthesisConfig, wanted: Sequence[tuple[Question, str]]) -> dict[Half, str]:
    async def one(question: Question, half: str, matter: Matter, model: str) -> tuple[Half, str]:
        call = CallId(f"exam-{question.name}", f"exam.{matter.stage}.{half}.{model}.comment")
        return (question.name, half, model), await read_comment(ask, model, matter, call, config)

    halves = [(q, half, matter, who) for q, who in wanted for half, matter in (("good", q.good), ("broken", q.broken))]
    return dict(await together(one(*each) for each in halves))


def _with_reviews(question: Question, who: str, comments: Mapping[Half, str]) -> Question:
    """The question as the Adjudicator is asked it, under a name of its own."""

    def reviewed(half: str, matter: Matter) -> Matter:
        comment = comments[question.name, half, who]
        return replace(matter, reviews=f"- {comment}" if comment else "")

    good, broken = reviewed("good", question.good), reviewed("broken", question.broken)
    return replace(question, name=f"{question.name}-ruling", good=good, broken=broken)
