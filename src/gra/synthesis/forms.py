"""In which way a model is asked for an opinion: the form of the questions, and which of them. Pure.

Which way is good differs by model and by data (docs/lab_notes.md), so the exam finds it out: a model that cannot tell
good from broken in the first form is asked in the next. Most of what a model can tell it tells by few questions.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from gra.calls import Message
from gra.config.criteria import PAPER_INSTRUCTION, PAPER_RESPONSE, CriteriaConfig, Criterion
from gra.config.questions import Form, QuestionsConfig
from gra.prompts.template import Template
from gra.records import Stage
from gra.synthesis.standing import logit

DIGITS = tuple("0123456789")
PAPERS = {"instruction": PAPER_INSTRUCTION, "response": PAPER_RESPONSE}
TELLING: Mapping[Stage, tuple[str, ...]] = {
    "instruction": tuple(c.name for c in PAPER_INSTRUCTION),
    "response": ("correctness", "completeness", "relevance", "coherence", "clarity", "ethicality"),
}
"""The paper's criteria by what their questions tell, as measured on three models and five sets (docs/lab_notes.md).
A fixed order: the best of six by one short exam is mostly the luckiest."""
FEWEST: Mapping[Stage, int] = {"instruction": 1, "response": 2}
"""Criteria that tell as much as all of the paper's, for most models; no more are asked about unless these show
nothing."""
REASONS = 96
"""Tokens of the reasons that are written before an answer. Where they are cut off they count as they stand."""
LONGEST_REASONS = 1_000
"""Characters of them that are shown again, whatever a server holds to be so many tokens."""

AS_IT_STANDS: tuple[Form, ...] = ("examples", "paraphrased")
"""Forms in which a prompt is rendered as its file has it. What both ask is one call."""


@dataclass(frozen=True, slots=True)
class Solved:
    """An example with its answer."""

    instruction: str
    response: str
    good: bool


@dataclass(frozen=True, slots=True)
class Way:
    """How a model is asked at one stage."""

    form: Form = "examples"
    criteria: tuple[str, ...] = ()
    """Those that are asked about, by name; all if empty."""
    solved: tuple[Solved, ...] = ()
    """Examples of the form `own`."""

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        solved = [[s.instruction, s.response, s.good] for s in self.solved]
        return {"form": self.form, "criteria": list(self.criteria), "solved": solved}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Way:
        """From JSON data."""
        return cls(row["form"], tuple(row["criteria"]), tuple(Solved(*each) for each in row["solved"]))

    def asked(self, criteria: CriteriaConfig, stage: Stage) -> tuple[Criterion, ...]:
        """The criteria that are asked about, in the configuration's order."""
        return tuple(c for c in criteria.of(stage) if not self.criteria or c.name in self.criteria)

    def wordings(self, criterion: Criterion) -> tuple[str, ...]:
        """The questions about a criterion, its own first."""
        return (criterion.question, *(criterion.paraphrases if self.form == "paraphrased" else ()))

    def labels(self, criteria: CriteriaConfig) -> tuple[str, ...]:
        """What may be answered, each one token."""
        return DIGITS if self.form == "digit" else criteria.labels

    def label(self, template: Template) -> str:
        """What a prompt in this form is called in the record, and by who shares its beginning with another."""
        if self.form in AS_IT_STANDS:
            return template.label
        shown = json.dumps([self.form, *self.plain()["solved"]]).encode("utf-8", "surrogatepass")
        return f"{template.name}.{self.form}@{hashlib.sha256(template.digest.encode() + shown).hexdigest()[:12]}"

    def messages(
        self,
        template: Template,
        blind: Template,
        values: Mapping[str, str],
        criteria: CriteriaConfig,
        words: QuestionsConfig,
    ) -> tuple[Message, ...]:
        """The turns of one question; of the form `reasoned` those that ask for the reasons.

        Args:
            template: the prompt; its last turn is the question.
            blind: the same where nobody's reviews are shown, as solved examples have none.
            values: for the prompt, with `question`.
            criteria: of the run.
            words: what follows the question.
        """
        if self.form in AS_IT_STANDS:
            return template.render(values)
        shots: list[Message] = []
        for solved in self.solved:
            shown = {**values, "instruction": solved.instruction, "response": solved.response}
            answer = criteria.labels[not solved.good].capitalize()
            shots += [blind.render(shown)[-1], Message("assistant", answer)]
        system = [message for message in template.render(values)[:-1] if message.role == "system"]
        follows = {"digit": words.digit, "reasoned": words.reasons[0]}.get(self.form)
        if follows:
            values = {**values, "question": f"{values['question']} {follows}"}
        return (*system, *shots, template.render(values)[-1])

    def score(self, labels: Mapping[str, float], criteria: CriteriaConfig) -> tuple[float, float]:
        """How good in the eyes of who gave these probabilities, in [0, 1], and what the labels have together.

        Of digits the expectation, divided by 9; 0.5 if the labels have nothing.
        """
        found = [labels.get(label, 0.0) for label in self.labels(criteria)]
        mass = sum(found)
        if not mass:
            return 0.5, 0.0
        if self.form == "digit":
            return sum(n * p for n, p in enumerate(found)) / (9 * mass), mass
        return found[0] / mass, mass


def concluding(asked: Sequence[Message], said: str, question: str, words: QuestionsConfig) -> tuple[Message, ...]:
    """The turns that put a question again when its reasons are there, as the model wrote them."""
    again = Message("user", f"{question} {words.reasons[1]}")
    return (*asked, Message("assistant", said[:LONGEST_REASONS]), again)


def in_one(scores: Sequence[float]) -> float:
    """What several wordings of a question come to: the sigmoid of their mean log-odds; of one, its score."""
    if len(scores) == 1:
        return scores[0]
    return 1 / (1 + math.exp(-fmean(map(logit, scores))))


def chooses(criteria: CriteriaConfig, stage: Stage) -> bool:
    """True if the criteria of a stage are the paper's, of which some may be left out; one's own are all asked.

    In which other words they are asked besides is no matter.
    """
    given, papers = (
        [c.model_dump(exclude={"paraphrases"}) for c in each] for each in (criteria.of(stage), PAPERS[stage])
    )
    return given == papers


def forms_of(forms: Sequence[Form], solved: Sequence[Solved], criteria: CriteriaConfig, stage: Stage) -> list[Way]:
    """The ways that a stage's exam tries, in turn, as far as there is what they need.

    Without examples of one's own there is no form `own`. They answer one question, and to others they would be false:
    so that is the only one that is asked. Without other words for any question `paraphrased` would be `examples`.
    """
    ways = []
    for form in forms:
        if form == "own":
            if solved and chooses(criteria, stage):
                ways.append(Way("own", TELLING[stage][:1], tuple(solved)))
        elif form != "paraphrased" or any(c.paraphrases for c in criteria.of(stage)):
            ways.append(Way(form))
    return ways or [Way()]
