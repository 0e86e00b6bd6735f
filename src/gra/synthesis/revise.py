"""Critique and revision: a response goes back to its Generator with what the reviewers said.

Not in the paper, whose reviewers' comments reach the Adjudicator only.
"""

from __future__ import annotations

from gra.calls import Ask, CallId, Request, Sampling
from gra.config.synthesis import SynthesisConfig
from gra.ids import call_seed
from gra.prompts.parse import read_plain
from gra.prompts.template import load_template
from gra.records import Sample
from gra.synthesis.asking import ask_or_fail
from gra.synthesis.generate import words_in
from gra.synthesis.review import comments_text


async def revise(ask: Ask, config: SynthesisConfig, sample: Sample) -> str:
    """A new response to the sample's instruction, after the critique of its last version.

    Raises:
        Unwritten: an empty text, or one that was cut off.
    """
    version = sample.versions[-1]
    step = f"v{version.number + 1}.response"
    template = load_template("revise")
    values = {
        "instruction": sample.instruction,
        "response": version.response,
        "words": words_in(config.generation),
        "reviews": comments_text(version, config.random_seed, sample.id),
    }
    drawn = config.generation
    request = Request(
        model=sample.cast.generator,
        messages=template.render(values),
        sampling=Sampling(
            drawn.temperature, drawn.top_p, drawn.max_tokens, call_seed(config.random_seed, sample.id, step)
        ),
        prompt=template.label,
    )
    return await ask_or_fail(ask, CallId(sample.id, step), request, read_plain, whole=True)
