"""Every prompt as it would be sent, without a model: the method's own functions, asked by somebody who only listens.

For people who look at their prompts (`gra prompts`), and for tests: what is rendered here is what a run renders.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from gra.calls import CallId, Reply, Request
from gra.config.synthesis import SynthesisConfig
from gra.config.verifiers import CodeVerifier, MathVerifier
from gra.records import Cast, Entry, Opinion, Passage, Sample, Seed, Verdict, Version
from gra.synthesis.bootstrap import Annotator
from gra.synthesis.evidence.code import Code
from gra.synthesis.evidence.mathematics import Mathematics
from gra.synthesis.evidence.snippets import Program, program_in
from gra.synthesis.generate import Generator
from gra.synthesis.preferring import read_preference
from gra.synthesis.reading import Matter, ProbabilityReading, WrittenReading, read_comment

CRITIQUE = "It leaves out the most important point."
"""What a reviewer is taken to have said."""
OTHER = "It is what it is."
"""Another response, to compare with."""
NOVEL = ("lighthouse", "patience")
"""What a Generator is taken to have planned, and an annotator to have found."""
PROGRAM = "def double(number: int) -> int:\n    return 2 * number"
"""What a response is taken to be, for tests of it."""
PAGE = Passage("page.md", "A lighthouse keeper counts the ships of every night, and waits with patience for the last.")
"""What it is taken to have read, where there are documents."""


class Listening:
    """An `Ask` that gives a usable answer to everything, and keeps the first request of each prompt."""

    def __init__(self, domain: str) -> None:
        self.heard: dict[str, Request] = {}
        self._answer = json.dumps({"domain": domain, "keywords": NOVEL, "summary": "Say what it is."})

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.heard.setdefault(request.prompt.partition("@")[0], request)
        return Reply(self._answer, labels=dict.fromkeys(request.labels, 0.5))


async def rehearse(config: SynthesisConfig, seeds: Sequence[Seed]) -> dict[str, Request]:
    """The first request of each prompt, by its name.

    Args:
        config: the run.
        seeds: at least one. The first is written and judged, the next few are the examples (itself, if it is alone).
    """
    seed, domains = seeds[0], [leaf.name for leaf in config.leaves]
    domain = seed.domain if seed.domain in domains else domains[0]
    ask = Listening(domain)
    # 1) The seed becomes an entry, as if its file said nothing of it.
    await Annotator(ask, config).entry(Seed(seed.id, seed.instruction, seed.response))
    # 2) The Generator writes, and writes again after a critique: after examples, from a page, and with neither.
    examples = [_entry(s, domain) for s in seeds[1 : 1 + config.examples[1]] or seeds]
    model = config.models[0].name
    sample = Sample("r01-00000", 1, 0, domain, Cast(model, (model,), model), instruction=seed.instruction)
    said = Opinion(model, "response", "written", comment=CRITIQUE)
    low = Verdict("reject", 5.0, 0.0, "taken to be low", {model: 1.0})
    drafted = replace(sample, versions=(Version(0, seed.response, sample.cast, (said,), low),))
    for shown, passage in ((examples, None), (examples, PAGE), ((), None)):
        generator = Generator(ask, config, sample, shown, passage)
        await generator.instruction(await generator.keywords())
        await generator.response(seed.instruction)
        await generator.revision(drafted)
    # 3) Both readings judge an instruction, a response, and a disputed one.
    answered = Matter("response", seed.instruction, seed.response)
    ruled = Matter("response", seed.instruction, seed.response, f"- {CRITIQUE}")
    call = CallId(sample.id, "rehearsal")
    for reading in (ProbabilityReading(prompts=config.templates, criteria=config.criteria), WrittenReading(config)):
        for matter in (Matter("instruction", seed.instruction), answered, ruled):
            await reading.read(ask, model, matter, call)
    await read_comment(ask, model, answered, call, config)
    # 4) A revision is compared with what it may replace.
    reading = ProbabilityReading(prompts=config.templates, criteria=config.criteria)
    await read_preference(reading, ask, model, 1.0, (answered, OTHER), call, config)
    # 5) Verifiers have models work it out, and write tests.
    summed = replace(answered, response="The answer is 12.")
    await Mathematics(config, MathVerifier(samples=1), (model,)).verify(ask, summed, call)
    program = program_in(PROGRAM)
    assert isinstance(program, Program), "it is one"
    await Code(config, CodeVerifier(), (model,)).written(ask, answered, program, call)
    return ask.heard


def _entry(seed: Seed, domain: str) -> Entry:
    """The seed as an example; its own longest words stand for keywords that it has not been given yet."""
    words = sorted({w.strip(".,;:?!\"'()").lower() for w in seed.instruction.split()}, key=lambda w: (-len(w), w))
    keywords = seed.keywords or tuple(words[:3])
    return Entry(seed.id, 0, domain, keywords, seed.summary or ", ".join(keywords), seed.instruction, seed.response)
