"""What small models trip over in a prompt, each rule with its reason. Pure: looks at requests as they would be sent.

Rules of thumb, from what was measured here (`docs/lab_notes.md`); a warning is a reason to look, not a fault. Rules
that look for words know English only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gra.calls import Request
from gra.config.synthesis import SynthesisConfig
from gra.engine.plan import TURN, tokens
from gra.prompts.template import PLACEHOLDER, Template
from gra.records import Stage

MOST_SENTENCES = 6
"""Of a prompt's own in one turn."""
MOST_UNSHARED = 400
"""Characters of a prompt's own after its first value: about 100 tokens, which are computed anew for every sample."""
LARGEST_SHARE = 1 / 3
"""Of the context that a prompt fills; the reply has to fit, and examples of seeds may be longer than these."""

_ALIKE = frozenset(
    {"in_language", "words", "criteria", "names", "count", "low", "high", "all_met", "lacking", "domains"}
)
"""Values that are the same for every sample."""
_NEGATIVE = re.compile(r"\b(do not|don't|never|must not|should not|without mentioning)\b", re.IGNORECASE)
_CLOSING = re.compile(
    r"\b(reply|answer|respond)\b[^.\n]{0,30}\byes\b[^.\n]{0,12}\bno\b[^.\n]{0,12}[.!]?\s*$", re.IGNORECASE
)
_ENDS = re.compile(r"[.!?:](?:\s|$)|\n")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    prompt: str
    """Name of the prompt, or the key of the configuration."""
    severity: Literal["error", "warning"]
    what: str
    why: str
    see: str = ""
    """The section of docs/lab_notes.md where it was measured; empty where it was not."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A prompt, and a request made of it."""

    template: Template
    request: Request
    config: SynthesisConfig
    context: int | None
    """Tokens that the smallest embedded model holds."""

    @property
    def examples(self) -> list[str]:
        """What the assistant is shown to have said."""
        return [m.content for m in self.request.messages if m.role == "assistant"]

    @property
    def told(self) -> list[tuple[str, str]]:
        """(heading, text) of the turns that tell the model something: the system's and the last."""
        *before, last = self.template.sections
        return [*(section for section in before if section[0] == "system"), last]

    @property
    def stage(self) -> Stage:
        """What is judged, where something is."""
        return "instruction" if self.template.name.endswith("_instruction") else "response"

    @property
    def asks_criteria(self) -> bool:
        """Whether it asks the questions of the criteria; a comparison has a question of its own."""
        return bool(self.request.labels) and self.template.name != "compare"

    @property
    def tokens(self) -> int:
        """An estimate."""
        return round(sum(tokens(m.content) + TURN for m in self.request.messages))


def lint(sent: Sent) -> list[Finding]:
    """Everything to say of one prompt."""
    return [
        Finding(sent.template.name, severity, what, why, see)
        for rule, severity, why, see in RULES
        for what in rule(sent)
    ]


def lint_criteria(config: SynthesisConfig) -> list[Finding]:
    """What there is to say of the questions themselves."""
    both: Mapping[Stage, str] = {"instruction": "criteria.instruction", "response": "criteria.response"}
    return [
        Finding(key, "warning", f"the good answer to `{c.question}` is No", _YES, _SOLVED)
        for stage, key in both.items()
        for c in config.criteria.of(stage)
        if c.good == "no"
    ]


# --- the rules --------------------------------------------------------------------------------------------------------


def unsolved(sent: Sent) -> Iterator[str]:
    """A bare one-token question."""
    if sent.request.labels and not sent.examples:
        yield "no solved examples before a question with a one-token answer"


def strange_labels(sent: Sent) -> Iterator[str]:
    """Examples that show another answer than the one that is read."""
    labels = sent.request.labels
    for answer in dict.fromkeys(sent.examples if labels else ()):
        if answer.strip().casefold() not in {label.strip().casefold() for label in labels}:
            yield f"a solved example answers `{answer}`, but what is read is {' or '.join(labels)} (`criteria.labels`)"


def one_label(sent: Sent) -> Iterator[str]:
    """Examples that all say the same."""
    answers = {answer.strip().casefold() for answer in sent.examples}
    if sent.request.labels and len(sent.examples) > 1 and len(answers) == 1:
        yield f"all {len(sent.examples)} solved examples answer `{sent.examples[0]}`"


def other_questions(sent: Sent) -> Iterator[str]:
    """Examples that solve other questions than those that are asked."""
    shown = "\n".join(m.content for m in sent.request.messages[:-1])
    questions = [c.question for c in sent.config.criteria.of(sent.stage)]
    asked = sent.asks_criteria and sent.examples
    if asked and not any(question in shown for question in questions):
        yield f"the solved examples ask none of the questions of `criteria.{sent.stage}`"


def unnamed_criteria(sent: Sent) -> Iterator[str]:
    """Written marks that are wanted but not asked for."""
    if sent.template.name not in ("review_instruction", "review_response", "adjudicate"):
        return
    whole = "\n".join(m.content for m in sent.request.messages)
    missing = [c.name for c in sent.config.criteria.of(sent.stage) if not re.search(rf"\b{c.name}\b", whole)]
    if missing:
        yield f"it does not name {', '.join(missing)}; {{{{criteria}}}} does"


def crowded(sent: Sent) -> Iterator[str]:
    """Many rules in one turn."""
    for heading, text in sent.told:
        sentences = [piece for piece in _ENDS.split(PLACEHOLDER.sub("", text)) if re.search(r"\w", piece)]
        if len(sentences) > MOST_SENTENCES:
            yield f"{len(sentences)} sentences of its own in one [{heading}]"


def negative(sent: Sent) -> Iterator[str]:
    """Rules that say what not to do."""
    for heading, text in sent.told:
        if found := _NEGATIVE.search(text):
            yield f"`{found[0]}` in [{heading}]"


def closing(sent: Sent) -> Iterator[str]:
    """An instruction after the question."""
    found = _CLOSING.search(sent.template.sections[-1][1])
    if sent.request.labels and found:
        yield f"it closes with `{found[0].strip()}`"


def unshared(sent: Sent) -> Iterator[str]:
    """Fixed text behind values, which no cache can keep."""
    own, met = 0, False
    for heading, text in sent.template.sections:
        met = met or heading.startswith("example")
        for piece in re.split(r"(\{\{ *\w+ *\}\})", text):
            value = PLACEHOLDER.fullmatch(piece)
            met = met or (value is not None and value[1] not in _ALIKE)
            own += len(piece) if met and not value else 0
    if own > MOST_UNSHARED:
        yield f"{own} characters of its own come after the first value that differs from sample to sample"


def early_question(sent: Sent) -> Iterator[str]:
    """The question before the material."""
    order = [value for _, text in sent.template.sections for value in PLACEHOLDER.findall(text)]
    if sent.asks_criteria and order and order[-1] != "question":
        yield f"{{{{{order[-1]}}}}} comes after {{{{question}}}}"


def long(sent: Sent) -> Iterator[str]:
    """A prompt that leaves little room."""
    if sent.context and sent.tokens > LARGEST_SHARE * sent.context:
        yield f"about {sent.tokens} tokens, more than a third of the context of {sent.context}"


_SOLVED = "solved examples before a reviewer's question"
_COSTS = "what an opinion costs on two cores"
_YES = "a 1.5B model said Yes more to good text whatever it was asked; ask for what is right instead"

Rule = Callable[[Sent], Iterator[str]]
RULES: tuple[tuple[Rule, Literal["error", "warning"], str, str], ...] = (
    (strange_labels, "error", "a model does as the examples do, and would not be understood", ""),
    (unnamed_criteria, "error", "a review is read only if it has every criterion by its name", ""),
    (unsolved, "warning", "judging instructions by a bare question was at chance for every small model tried", _SOLVED),
    (one_label, "warning", "small models repeat the answer that they have seen most", ""),
    (other_questions, "warning", "a pattern is followed best where it is the same pattern", ""),
    (crowded, "warning", "small models follow a pattern that they are shown, and mix up rules that they are told",
     "which prompts make small models write exercises"),
    (negative, "warning", "told not to mention a draft, models spoke of it all the same; say what is wanted instead",
     "revisions that were worse than no revision"),
    (closing, "warning", "after solved examples it showed no clear gain, and it parts the question from its answer",
     "three quickstarts"),
    (early_question, "warning", "a server keeps what all questions begin with; each would pay for its material anew",
     _COSTS),
    (unshared, "warning", "a server keeps what all samples begin with; this is computed anew for each", _COSTS),
    (long, "warning", "longer seeds and the reply have to fit as well", ""),
)  # fmt: skip
"""Each rule with what it means and why."""
