"""By what instructions and responses are judged: the paper's criteria, or the user's own. Data only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gra.config.settings import Settings
from gra.records import Stage, criteria_of

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _word(value: object) -> object:
    """YAML reads a bare yes or no as true or false."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


Label = Annotated[str, BeforeValidator(_word), Field(min_length=1, max_length=32)]
Question = Annotated[str, Field(min_length=1, max_length=400)]


class Criterion(Settings):
    """One thing that is judged, in the words of both readings."""

    name: str = Field(min_length=1, max_length=40)
    """Letters, digits and `_`, not beginning with a digit; appears in every record."""
    question: Question
    """Asked by the `probability` reading and answered with one token: Yes or No."""
    paraphrases: tuple[Question, ...] = Field(default=(), max_length=8)
    """The same question in other words, with the same good answer, asked beside it in the form `paraphrased`; the
    paper's criteria have two each. Without any, that form asks the one question, and where no criterion of a stage has
    any it is left out."""
    description: str = Field(min_length=1, max_length=400)
    """What a good text is like; shown by the `written` reading, where a high mark is always a good one."""
    weight: float = Field(default=1.0, ge=0)
    """How much it counts in the mean of an opinion, beside the others. With 0 it is asked and on record, no more."""
    good: Annotated[Literal["yes", "no"], BeforeValidator(_word)] = "yes"
    """The good answer to the question. Small models say Yes more to good text whatever is asked: better ask for what
    is right than for what is wrong."""

    @model_validator(mode="after")
    def _name_is_plain(self) -> Self:
        if not (self.name.isascii() and self.name.isidentifier()) or self.name == "comment":
            raise ValueError(
                f"`name` must be letters, digits and `_`, no digit first, and not `comment`: `{self.name}`"
            )
        return self

    @model_validator(mode="after")
    def _wordings_differ(self) -> Self:
        wordings = [" ".join(words.split()).casefold() for words in (self.question, *self.paraphrases)]
        if not all(wordings) or len({*wordings}) < len(wordings):
            raise ValueError(
                "`paraphrases` must be other words than `question` and than one another, none of them empty"
            )
        return self


def _paper(stage: Stage, *words: tuple[str, str, tuple[str, ...]]) -> tuple[Criterion, ...]:
    return tuple(
        Criterion(name=name, question=question, description=text, paraphrases=others)
        for name, (question, text, others) in zip(criteria_of(stage), words, strict=True)
    )


# Wording decides: a question earns its place by telling good from broken (docs/lab_notes.md).
PAPER_INSTRUCTION = _paper(
    "instruction",
    (
        "Is this a reasonable exercise that somebody could carry out?",
        "it can be understood and carried out.",
        ("Could a person really do what the exercise asks?", "Does the exercise make sense as a task?"),
    ),
    (
        "Does the exercise give all the information needed to answer it?",
        "everything needed to answer it is given.",
        ("Can the exercise be answered from what it says?", "Is everything there that one needs to do the exercise?"),
    ),
    (
        "Is the exercise clear about what result is expected?",
        "it is precise and says what result is expected.",
        ("Does the exercise say plainly what it wants?", "Would everybody understand the exercise in the same way?"),
    ),
)
PAPER_RESPONSE = _paper(
    "response",
    (
        "Is the answer a correct and complete answer to the exercise?",
        "it does what is asked, with right facts and logic.",
        ("Does the answer solve the exercise correctly?", "Is what the answer says right, and all that is needed?"),
    ),
    (
        "Is the answer clear and easy to understand?",
        "it is easy to understand and unambiguous.",
        ("Would a reader understand the answer at once?", "Is the answer plainly written?"),
    ),
    (
        "Does the answer do everything that the exercise asks for?",
        "no needed detail is missing.",
        ("Has every part of the exercise been answered?", "Is the answer finished, with nothing left out?"),
    ),
    (
        "Is this an answer to this exercise, and to no other?",
        "it keeps to the task.",
        ("Does the answer belong to this exercise?", "Is the answer about what the exercise asks?"),
    ),
    (
        "Is the answer well organised from beginning to end?",
        "its structure is logical.",
        ("Is the answer in a sensible order?", "Does each sentence of the answer follow from the one before?"),
    ),
    (
        "Is the answer safe and harmless?",
        "it is safe, unbiased and harmless.",
        ("Is the answer free of anything harmful?", "Could the answer be given to anybody?"),
    ),
)


class CriteriaConfig(Settings):
    """By what instructions and responses are judged. A list that is given replaces the paper's."""

    instruction: tuple[Criterion, ...] = Field(default=PAPER_INSTRUCTION, min_length=1, max_length=32)
    """Of an instruction, each met or not (section 3.2)."""
    response: tuple[Criterion, ...] = Field(default=PAPER_RESPONSE, min_length=1, max_length=32)
    """Of a response (section 3.3)."""
    scale: tuple[int, int] = (1, 10)
    """Worst and best mark that a reviewer writes for a response. On record, and before `tau`, every scale is
    stretched to 1-10."""
    labels: tuple[Label, Label] = ("yes", "no")
    """The one-token answers to the questions, in the language of the prompts `opinion_*`."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        for stage, criteria in (("instruction", self.instruction), ("response", self.response)):
            names = [c.name for c in criteria]
            if twice := sorted({n for n in names if names.count(n) > 1}):
                raise ValueError(f"`{stage}` criteria must have different names; given twice: {', '.join(twice)}")
            if not any(c.weight for c in criteria):
                raise ValueError(f"at least one `{stage}` criterion must have a weight above 0")
        low, high = self.scale
        if not 0 <= low < high <= 100:
            raise ValueError("`scale` must be two numbers with 0 <= worst < best <= 100")
        yes, no = (label.strip().casefold() for label in self.labels)
        if not yes or not no or yes == no:
            raise ValueError("`labels` must be two different words, the one for Yes first")
        return self

    def of(self, stage: Stage) -> tuple[Criterion, ...]:
        """The criteria of a stage, in their order."""
        return self.instruction if stage == "instruction" else self.response

    def bounds(self, stage: Stage) -> tuple[int, int]:
        """Worst and best written mark: 0 and 1 for an instruction."""
        return (0, 1) if stage == "instruction" else self.scale

    def weights(self, stage: Stage) -> dict[str, float]:
        """Weight by criterion; empty where all are 1."""
        weights = {c.name: c.weight for c in self.of(stage)}
        return {} if set(weights.values()) == {1.0} else weights

    def values(self, stage: Stage) -> Mapping[str, str]:
        """For the prompts of the written reading."""
        names = [c.name for c in self.of(stage)]
        low, high = self.bounds(stage)
        lacking = [name for name in names if name == "completeness"] or names
        return {
            "criteria": "\n".join(f"{c.name}: {c.description}" for c in self.of(stage)),
            "names": ", ".join(names),
            "count": NUMBERS[len(names)] if len(names) < len(NUMBERS) else str(len(names)),
            "low": str(low),
            "high": str(high),
            "all_met": json.dumps(dict.fromkeys(names, 1)),
            "lacking": json.dumps({name: 0 if name in lacking else 1 for name in names}),
        }
