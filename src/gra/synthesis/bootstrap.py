"""D(0): every seed gets a domain, keywords and a summary (as in the paper), the models taking turns at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from gra.calls import Ask, CallId, Request, Sampling
from gra.config.synthesis import SynthesisConfig
from gra.errors import Refused
from gra.ids import call_seed, rng
from gra.prompts import schemas
from gra.prompts.parse import Parser, Unusable, read_choice, read_keywords, read_text_field
from gra.records import Entry, Seed
from gra.synthesis.asking import Unwritten, ask_usable
from gra.synthesis.casting import annotators
from gra.together import a_few_at_once

T = TypeVar("T")
SUMMARY_WORDS = 30
"""The paper's bound (Prompt 2)."""
AT_ONCE = 1024
"""Seeds that are annotated at a time: more than servers take at once, and few enough to be held."""


class Annotator:
    """Labels, extracts and summarises. A task that one model cannot do goes to the next in the rotation."""

    def __init__(self, ask: Ask, config: SynthesisConfig) -> None:
        self._ask = ask
        self._config = config

    async def entry(self, seed: Seed) -> Entry:
        """The seed as a member of the pool; what its file says of it is kept.

        Raises:
            Unwritten: no model could annotate it.
        """
        domain = seed.domain or await self._domain(seed.id, seed.instruction)
        keywords = seed.keywords or await self._keywords(seed.id, seed.instruction)
        summary = seed.summary or await self.summary(seed.id, seed.instruction)
        return Entry(seed.id, 0, domain, keywords, summary, seed.instruction, seed.response)

    async def summary(self, owner: str, instruction: str) -> str:
        """What the instruction asks for, in at most 30 words."""
        schema = schemas.record(summary=schemas.text(220))
        return await self._in_rotation(owner, "summary", {"instruction": instruction}, schema, read_summary)

    async def _domain(self, owner: str, instruction: str) -> str:
        leaves = self._config.leaves
        names = [leaf.name for leaf in leaves]
        values = {
            "instruction": instruction,
            "domains": "\n".join(f"{leaf.name}: {leaf.description}" for leaf in leaves),
            "example_domain": "Question Answering" if "Question Answering" in names else names[0],
        }
        parse = partial(read_choice, field="domain", choices=names)
        return await self._in_rotation(owner, "domain", values, schemas.record(domain=schemas.choice(names)), parse)

    async def _keywords(self, owner: str, instruction: str) -> tuple[str, ...]:
        schema = schemas.record(keywords=schemas.keywords())
        return await self._in_rotation(owner, "seed_keywords", {"instruction": instruction}, schema, read_keywords)

    async def _in_rotation(
        self, owner: str, task: str, values: dict[str, str], schema: schemas.Schema, parse: Parser[T]
    ) -> T:
        models = annotators(self._config)
        rng(self._config.random_seed, owner, task).shuffle(models)
        template, drawn = self._config.templates[task], self._config.judging
        why = ""
        for model in models:
            call = CallId(owner, f"{task}.{model}")
            request = Request(
                model=model,
                messages=template.render({**values, "in_language": self._config.in_language}),
                sampling=Sampling(
                    drawn.temperature,
                    drawn.top_p,
                    min(drawn.max_tokens, 120),
                    call_seed(self._config.random_seed, owner, task),
                ),
                schema=schema,
                prompt=template.label,
            )
            try:
                value = await ask_usable(self._ask, call, request, parse)
            except Refused as refusal:
                value = Unusable(str(refusal))
            if not isinstance(value, Unusable):
                return value
            why = f"{model}: {value.why}"
        raise Unwritten(f"no model could give the {task} of {owner} ({why})")


async def annotate(
    ask: Ask, config: SynthesisConfig, seeds: Sequence[Seed], done: Callable[[], None]
) -> tuple[list[Entry], list[str]]:
    """The seeds as pool entries, in order, and a line for each that no model could annotate."""
    annotator = Annotator(ask, config)

    async def one(seed: Seed) -> Entry | str:
        try:
            return await annotator.entry(seed)
        except Unwritten as spoiled:
            return str(spoiled)
        finally:
            done()

    results = await a_few_at_once((one(seed) for seed in seeds), AT_ONCE)
    return [r for r in results if isinstance(r, Entry)], [r for r in results if isinstance(r, str)]


def read_summary(text: str) -> str | Unusable:
    """A summary of at most 30 words."""
    summary = read_text_field(text, "summary")
    if not isinstance(summary, Unusable) and len(summary.split()) > SUMMARY_WORDS:
        return Unusable(f"the summary has more than {SUMMARY_WORDS} words")
    return summary
