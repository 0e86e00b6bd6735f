"""The Adjudicator's exam: the same seeds and broken twins, with what a reviewer says of each before it.

An opinion is weighed by an exam, and a model that reads reviews says something else than one that reads none
(docs/lab_notes.md). So who may adjudicate is examined as it will be asked. The reviews are comments of another model
that can tell, as in a dispute, where nobody else is quoted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle

from gra.calls import Ask, CallId
from gra.config.synthesis import SynthesisConfig
from gra.synthesis.exam import Question, sit_exam
from gra.synthesis.reading import Matter, Reading, read_comment
from gra.synthesis.standing import Standing
from gra.together import together


async def sit_ruling_exam(
    ask: Ask,
    config: SynthesisConfig,
    judge: tuple[str, Reading],
    questions: Sequence[Question],
    able: Collection[str],
) -> Standing | str | None:
    """What a model has shown as Adjudicator, or why nothing; None without anybody else's reviews, as in its disputes.

    Comments are written for the questions that it comes to. Judges sit one after the other: who reads the comment that
    another has read finds it in the ledger.

    Args:
        ask: answers.
        config: the run.
        judge: its name, and how it is read.
        questions: of the exam on responses.
        able: the models that have shown that they can tell about responses.
    """
    name, reading = judge
    others = [other for other in sorted(able) if other != name]
    if not others:
        return None
    prepare = partial(_with_reviews, ask, config, dict(zip(questions, cycle(others), strict=False)))
    sitting = await sit_exam(ask, name, reading, questions, prepare)
    return sitting.failure or sitting.standing


async def _with_reviews(
    ask: Ask, config: SynthesisConfig, commenters: Mapping[Question, str], some: Sequence[Question]
) -> list[Question]:
    """The questions as an Adjudicator is asked them, under names of their own; a text is commented on once."""

    def call(question: Question, half: str) -> CallId:
        return CallId(f"exam-{question.name}", f"exam.response.{half}.{commenters[question]}.comment")

    halves = [(q, half, matter) for q in some for half, matter in (("good", q.good), ("broken", q.broken))]
    wanted = {(call(q, half), matter): commenters[q] for q, half, matter in halves}
    written = await together(read_comment(ask, who, matter, of, config) for (of, matter), who in wanted.items())
    comments = dict(zip(wanted, written, strict=True))

    def reviewed(question: Question, half: str, matter: Matter) -> Matter:
        comment = comments[call(question, half), matter]
        return replace(matter, reviews=f"- {comment}" if comment else "")

    return [
        replace(q, name=f"{q.name}-ruling", good=reviewed(q, "good", q.good), broken=reviewed(q, "broken", q.broken))
        for q in some
    ]
