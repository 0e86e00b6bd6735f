"""The Generator's work: novel keywords, an instruction from them, a response (as in the paper), and its revision.

The paper writes responses without examples and never revises. Shown two of the pool's responses first, small models
keep to their length and manner instead of writing on until they are cut off (docs/lab_notes.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial

from gra.calls import Ask, CallId, Request, Sampling
from gra.config.synthesis import SamplingConfig, SynthesisConfig
from gra.ids import call_seed
from gra.prompts import schemas
from gra.prompts.parse import Unusable, read_choice, read_keywords, read_plain, same_keywords
from gra.prompts.template import Template
from gra.records import Entry, Passage, Sample
from gra.synthesis.asking import Unwritten, ask_or_fail
from gra.synthesis.review import comments_text
from gra.synthesis.standalone import points_away

LONGEST_EXAMPLE = 600
"""Characters of an instruction that is still shown as an example; a longer one is represented by its summary."""
LEAST_COPY = 40
"""Characters from which an answer that is an example's, word for word, is a copy and not a coincidence."""
LONGEST_ANSWERED = 1500
"""Characters of instruction and response together that are still shown as an example of a response."""
POINTS_AWAY = "it speaks of a text that the reader does not have"


class Generator:
    """Writes one sample. All of it is the same model's work."""

    def __init__(
        self,
        ask: Ask,
        config: SynthesisConfig,
        sample: Sample,
        examples: Sequence[Entry],
        passage: Passage | None = None,
    ) -> None:
        self._ask = ask
        self._config = config
        self._sample = sample
        self._examples = tuple(examples)
        self._passage = passage
        self._domain = next(leaf for leaf in config.leaves if leaf.name == sample.domain)

    async def keywords(self) -> tuple[str, ...]:
        """At most three keywords in the sample's domain that none of the examples has, from its passage if it has one.

        Raises:
            Unwritten: not even after a repair turn.
        """
        template = self._template("keywords")
        request = Request(
            model=self._sample.cast.generator,
            messages=template.render(self._values(), self._shots()),
            sampling=self._sampling("keywords", 80),
            schema=schemas.record(domain=schemas.choice([self._domain.name]), keywords=schemas.keywords()),
            prompt=template.label,
        )
        parse = partial(read_novel_keywords, domain=self._domain.name, examples=self._examples)
        return await ask_or_fail(self._ask, CallId(self._sample.id, "keywords"), request, parse)

    async def instruction(self, keywords: Sequence[str]) -> str:
        """An executable instruction from the keywords, with the examples' summaries as reference.

        Raises:
            Unwritten: an empty text, an example word for word, or the request again instead of the exercise; or, with a
                passage, what cannot be understood without it.
        """
        template = self._template("instruction")
        values = {**self._values(), "new_keywords": ", ".join(keywords)}
        request = Request(
            model=self._sample.cast.generator,
            messages=template.render(values, self._shots()),
            sampling=self._sampling("instruction", 400),
            prompt=template.label,
        )
        known = {_squeezed(e.instruction) for e in self._examples} | _shown(request)
        asked = request.messages[-1].content.replace(self._values()["passage"], "")
        opening = _squeezed(asked.partition(values["new_keywords"])[0].rpartition("\n")[2]).rstrip(" :")

        def parse(text: str) -> str | Unusable:
            written = read_plain(text, longest=8_000)
            if isinstance(written, Unusable):
                return written
            if _squeezed(written) in known:
                return Unusable("it is an example, word for word")
            # Shorter openings, as a prompt of the user's own may have, are how many exercises begin.
            echoed = len(opening.split()) >= 3 and _squeezed(written).startswith(opening)
            if echoed or not _words(written) - _words(asked):
                return Unusable("it only repeats the request; write the exercise itself")
            if self._passage and points_away(written):
                return Unusable(POINTS_AWAY)
            return written

        return await ask_or_fail(self._ask, CallId(self._sample.id, "instruction"), request, parse, whole=True)

    async def response(self, instruction: str, number: int = 0) -> str:
        """An answer to the instruction, in the manner of the examples, and with what the passage says.

        Args:
            instruction: all that it is told, beside the examples.
            number: of the version that it will be.

        Raises:
            Unwritten: an empty text, or one that was cut off.
        """
        return await self._respond("response", f"v{number}.response", {"instruction": instruction})

    async def revision(self, sample: Sample) -> str:
        """A new response to the sample's instruction, after the critique of its last version. Not in the paper.

        The last version itself is not shown: small models copy it, or apologise for it.

        Raises:
            Unwritten: an empty text, or one that was cut off; or nobody who can tell had anything to say.
        """
        version = sample.versions[-1]
        critique = comments_text(version, self._config.random_seed, sample.id)
        if not critique:
            raise Unwritten("there is no critique to follow")
        values = {"instruction": sample.instruction, "reviews": critique}
        return await self._respond("revise", f"v{version.number + 1}.response", values)

    async def _respond(self, prompt: str, step: str, values: Mapping[str, str]) -> str:
        template = self._config.templates[f"{prompt}_document" if self._passage else prompt]
        values = {**self._values(), **values, "words": words_in(self._config.generation)}
        brief = [e for e in self._examples if len(e.instruction) + len(e.response) <= LONGEST_ANSWERED]
        shown = [
            {"instruction": e.instruction, "response": e.response} for e in brief[: self._config.response_examples]
        ]
        request = Request(
            model=self._sample.cast.generator,
            messages=template.render(values, shown),
            sampling=self._sampling(step),
            prompt=template.label,
        )
        copies = {text for text in _shown(request) if len(text) >= LEAST_COPY}

        def parse(text: str) -> str | Unusable:
            written = read_plain(text)
            if isinstance(written, Unusable):
                return written
            if any(copy in _squeezed(written) for copy in copies):
                return Unusable("it is an example's answer, word for word")
            if self._passage and points_away(written):
                return Unusable(POINTS_AWAY)
            return written

        return await ask_or_fail(self._ask, CallId(self._sample.id, step), request, parse, whole=True)

    def _template(self, step: str) -> Template:
        """The prompt of a step: from a passage, after the pool's examples, or, with neither, after its own."""
        return self._config.templates[step + ("_document" if self._passage else "" if self._examples else "_first")]

    def _values(self) -> dict[str, str]:
        return {
            "passage": self._passage.text if self._passage else "",
            "domain": self._domain.name,
            "description": self._domain.description,
            "domain_json": json.dumps(self._domain.name, ensure_ascii=False),
            "in_language": self._config.in_language,
        }

    def _shots(self) -> list[dict[str, str]]:
        return [
            {
                "keywords": ", ".join(e.keywords),
                "keywords_json": json.dumps(e.keywords, ensure_ascii=False),
                "summary": e.summary,
                "instruction": e.instruction if len(e.instruction) <= LONGEST_EXAMPLE else e.summary,
            }
            for e in self._examples
        ]

    def _sampling(self, step: str, longest: int | None = None) -> Sampling:
        drawn = self._config.generation
        most = min(longest, drawn.max_tokens) if longest else drawn.max_tokens
        return Sampling(
            drawn.temperature, drawn.top_p, most, call_seed(self._config.random_seed, self._sample.id, step)
        )


def words_in(sampling: SamplingConfig) -> str:
    """Words that fit a response: about 0.6 a token, so that few are cut off at `max_tokens`."""
    return str(max(10, int(0.6 * sampling.max_tokens)))


def read_novel_keywords(text: str, domain: str, examples: Sequence[Entry]) -> tuple[str, ...] | Unusable:
    """Keywords that are few enough, of the right domain, and none of the examples' own."""
    named = read_choice(text, "domain", [domain])
    if isinstance(named, Unusable):
        return named
    words = read_keywords(text)
    if not isinstance(words, Unusable) and any(same_keywords(words, e.keywords) for e in examples):
        return Unusable("these keywords have been used already")
    return words


def _shown(request: Request) -> set[str]:
    """The answers of the examples in a request."""
    return {_squeezed(message.content) for message in request.messages if message.role == "assistant"}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _squeezed(text: str) -> str:
    return " ".join(text.casefold().split())
