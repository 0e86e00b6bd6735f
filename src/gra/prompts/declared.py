"""What each prompt is for, and the values that it may ask for. A prompt of the user's own is held to the same table.

Data only: who gives the values is the method's business (`gra.synthesis`), and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declared:
    """One prompt of the method."""

    about: str
    """What it asks for, and of whom."""
    must: tuple[str, ...]
    """Values that it has to show in a turn of its own, because without them nobody knows what is asked."""
    may: tuple[str, ...] = ()
    """Values that it can show as well."""
    examples: tuple[str, ...] = ()
    """Values of each example, for its `[example ...]` sections."""

    @property
    def values(self) -> tuple[str, ...]:
        """What its own turns can show."""
        return (*self.must, *self.may)


_POOL = ("keywords", "keywords_json", "summary", "instruction")
_DOMAIN = ("description", "domain_json", "in_language")
_WRITING = ("words", "in_language")
_ANSWERED = ("instruction", "response")
_MARKS = ("criteria", "names", "count", "low", "high")

DECLARED: Mapping[str, Declared] = {
    "domain": Declared("the domain of a seed whose file names none", ("instruction", "domains"), ("example_domain",)),
    "seed_keywords": Declared("the keywords of a seed whose file has none", ("instruction",), ("in_language",)),
    "summary": Declared(
        "what a seed or an accepted sample asks for, in a sentence", ("instruction",), ("in_language",)
    ),
    "keywords": Declared("the Generator's new keywords", ("domain",), _DOMAIN, _POOL),
    "instruction": Declared("the Generator's instruction", ("new_keywords",), ("domain", *_DOMAIN), _POOL),
    "keywords_document": Declared("the same, from a passage of a document", ("passage", "domain"), _DOMAIN, _POOL),
    "instruction_document": Declared(
        "the same, from a passage of a document", ("passage", "new_keywords"), ("domain", *_DOMAIN), _POOL
    ),
    "keywords_first": Declared("the same, while the pool has no examples", ("domain",), _DOMAIN),
    "instruction_first": Declared("the same, while the pool has no examples", ("new_keywords",), ("domain", *_DOMAIN)),
    "response": Declared("the Generator's response", ("instruction",), _WRITING, _ANSWERED),
    "response_document": Declared(
        "the same, from a passage of a document", ("passage", "instruction"), _WRITING, _ANSWERED
    ),
    "revise": Declared(
        "the Generator's new response after a critique",
        ("instruction", "reviews"),
        _WRITING,
        _ANSWERED,
    ),
    "revise_document": Declared(
        "the same, from a passage of a document", ("passage", "instruction", "reviews"), _WRITING, _ANSWERED
    ),
    "opinion_instruction": Declared(
        "a Reviewer's one-token answer to one question about an instruction", ("instruction", "question")
    ),
    "opinion_response": Declared(
        "a Reviewer's one-token answer to one question about a response", ("instruction", "response", "question")
    ),
    "opinion_ruling": Declared(
        "the Adjudicator's one-token answer to one question about a disputed response",
        ("instruction", "response", "reviews", "question"),
    ),
    "compare": Declared(
        "which of two responses is better, where one may replace the other",
        ("instruction", "response_a", "response_b"),
    ),
    "review_instruction": Declared(
        "a Reviewer's written marks for an instruction", ("instruction",), (*_MARKS, "lacking", "all_met")
    ),
    "review_response": Declared(
        "a Reviewer's comment and written marks for a response", ("instruction", "response"), (*_MARKS, "in_language")
    ),
    "adjudicate": Declared(
        "the Adjudicator's comment and written marks for a disputed response",
        ("instruction", "response", "reviews"),
        (*_MARKS, "in_language"),
    ),
    "comment": Declared(
        "what a Reviewer would improve, where its opinion is read from probabilities",
        ("instruction", "response"),
        ("in_language",),
    ),
    "solve": Declared("a solution of a model's own, for the verifier `math`", ("instruction",)),
    "tests": Declared("tests of what another model wrote, for the verifier `code`", ("instruction", "signatures")),
}

VALUES: Mapping[str, str] = {
    "all_met": "JSON of a mark for each criterion, all met",
    "count": "how many criteria there are, as a word",
    "criteria": "a line for each criterion, `name: description`",
    "description": "the domain's description",
    "domain": "the domain's name",
    "domain_json": "the domain's name as a JSON string",
    "domains": "a line for each domain, `name: description`",
    "example_domain": "a domain for the solved example",
    "high": "the best mark",
    "in_language": "` Write in LANGUAGE.`, with a blank before it; nothing for English",
    "instruction": "the instruction; in an example its own (its summary, if it is long)",
    "keywords": "an example's keywords, separated by commas",
    "keywords_json": "an example's keywords as a JSON list",
    "lacking": "the same JSON, with 0 for `completeness`, or for every criterion where none is called so",
    "low": "the worst mark",
    "names": "the criteria's names, separated by commas",
    "new_keywords": "the keywords to write about",
    "passage": "the passage of a document that a sample is written from",
    "question": "a criterion's question",
    "response": "the response; in an example its own",
    "response_a": "one of two responses, the new one in one of two questions",
    "response_b": "the other",
    "reviews": "what reviewers said, a line for each",
    "signatures": "heads of the functions and classes that a response defines, without what is in them",
    "summary": "an example's summary",
    "words": "how many words fit a response",
}
"""What each value is."""
