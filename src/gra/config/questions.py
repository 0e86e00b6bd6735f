"""How reviewers are asked for one-token answers: in which form, and how many questions. Data only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gra.config.settings import Settings

Form = Literal["examples", "own", "plain", "digit", "reasoned", "paraphrased"]
DEAR_FORMS: tuple[Form, ...] = ("reasoned", "paraphrased")
"""Those that cost a multiple; nobody gets them unasked for."""
Phrase = Annotated[str, Field(min_length=1, max_length=200)]


class QuestionsConfig(Settings):
    """The questions of the `probability` reading, under the gates that hold exams. Others ask all, by `examples`."""

    forms: tuple[Form, ...] = Field(default=("examples", "own"), min_length=1)
    """How a question is put: after the solved examples of the prompt (`examples`), after solved examples made of your
    own seeds that are not in the exam (`own`, where there are four short ones left, and about the first question
    alone), without any (`plain`), without any for a digit in place of yes or no (`digit`), without any and after the
    model's own reasons (`reasoned`), or as in `examples` and again in other words (`paraphrased`). A reviewer sits the
    exam in the first form; in the next one only if it could not tell good from broken. What all of them come to for a
    model, `gra exam --forms` tells."""
    ask: Literal["needed", "all"] = "needed"
    """Of the paper's criteria, those that are needed: two of a response and one of an instruction. With `all`, and of
    criteria of your own, all are asked."""
    digit: Phrase = "Answer with one digit, from 0 (not at all) to 9 (fully)."
    """What follows the question where a digit is wanted."""
    reasons: tuple[Phrase, Phrase] = (
        "First say in one or two short sentences what speaks for it and what against it.",
        "Answer with one word, Yes or No.",
    )
    """What follows the question where reasons are wanted first, and what follows it again when they are there. Of the
    reasons 96 tokens are read."""

    @field_validator("forms")
    @classmethod
    def _differ(cls, forms: tuple[Form, ...]) -> tuple[Form, ...]:
        if len(set(forms)) < len(forms):
            raise ValueError("each form can be given once")
        return forms
