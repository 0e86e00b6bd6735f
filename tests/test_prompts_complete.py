"""Every bundled prompt is rendered by the product's own functions, and nothing in it is left open."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files

import pytest

from gra.calls import CallId, Reply, Request
from gra.config.models import ModelConfig
from gra.config.synthesis import SeedsConfig, SynthesisConfig
from gra.prompts.template import load_template
from gra.records import Cast, Entry, Opinion, Passage, Sample, Seed, Stage, Verdict, Version, criteria_of
from gra.synthesis.bootstrap import Annotator
from gra.synthesis.generate import Generator
from gra.synthesis.reading import Matter, ProbabilityReading, WrittenReading, read_comment

NAMES = sorted(f.name.removesuffix(".txt") for f in files("gra.prompts").iterdir() if f.name.endswith(".txt"))
CONFIG = SynthesisConfig(
    seeds=SeedsConfig.model_validate({"path": "seeds.json"}),
    models=(ModelConfig(name="m", base_url="http://localhost:1/v1"),),
    target=1,
)
CAST = Cast("m", ("m",), "m")
CALL = CallId("r01-00000", "step")
EXAMPLES = [Entry("seed-00000", 0, "Math", ("sum", "odd"), "SUMMARY", "EXAMPLE", "ANSWER")]
ANSWER = json.dumps({"domain": "Math", "keywords": ["new"], "summary": "s"})


class Listening:
    """Answers anything and keeps the requests by the name of their prompt."""

    def __init__(self) -> None:
        self.heard: dict[str, Request] = {}

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.heard.setdefault(request.prompt.partition("@")[0], request)
        return Reply(ANSWER, labels=dict.fromkeys(request.labels, 0.5))


async def everything(ask: Listening) -> None:
    """All that the method ever asks."""
    await Annotator(ask, CONFIG).entry(Seed("seed-00000", "INSTRUCTION", "RESPONSE"))
    said = Opinion("m", "response", "written", comment="REVIEW")
    version = Version(0, "RESPONSE", CAST, (said,), Verdict("reject", 5.0, 0.0, "low", {"m": 1.0}))
    sample = Sample("r01-00000", 1, 0, "Math", CAST, instruction="INSTRUCTION", versions=(version,))
    for examples, passage in ((EXAMPLES, None), ([], None), (EXAMPLES, Passage("a.md:1", "PASSAGE"))):
        generator = Generator(ask, CONFIG, sample, examples, passage)
        await generator.keywords()
        await generator.instruction(("KEYWORD",))
        await generator.response("INSTRUCTION")
        await generator.revision(sample)
    matters = [Matter("instruction", "INSTRUCTION"), Matter("response", "INSTRUCTION", "RESPONSE")]
    matters.append(Matter("response", "INSTRUCTION", "RESPONSE", "REVIEW"))
    for matter in matters:
        await WrittenReading(CONFIG.judging, 0).read(ask, "m", matter, CALL)
        await ProbabilityReading().read(ask, "m", matter, CALL)
    await read_comment(ask, "m", matters[1], CALL, CONFIG.judging, 0)


@pytest.fixture(scope="module")
def heard() -> dict[str, Request]:
    ask = Listening()
    asyncio.run(everything(ask))
    return ask.heard


def test_every_prompt_file_is_used(heard: dict[str, Request]) -> None:
    assert sorted(heard) == NAMES


MATERIAL = {
    "passage": "PASSAGE",
    "instruction": "INSTRUCTION",
    "response": "RESPONSE",
    "reviews": "REVIEW",
    "new_keywords": "KEYWORD",
    "description": "mathematical problems",
    "domains": "mathematical problems",
    "question": "?",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_is_filled_and_ends_with_what_is_asked(heard: dict[str, Request], name: str) -> None:
    template, messages = load_template(name), heard[name].messages
    whole = "\n".join(m.content for m in messages)
    assert "{{" not in whole
    assert "}}" not in whole
    for heading, text in template.sections:
        for placeholder in template.placeholders:
            if f"{{{{{placeholder}}}}}" in text and not heading.startswith("example"):
                assert MATERIAL.get(placeholder, "") in whole
    assert messages[-1].role == "user"
    assert all(m.content.strip() for m in messages)
    assert heard[name].prompt == template.label


@pytest.mark.parametrize("name", NAMES)
def test_turns_alternate_as_chat_templates_demand(heard: dict[str, Request], name: str) -> None:
    roles = [m.role for m in heard[name].messages if m.role != "system"]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert "system" not in [m.role for m in heard[name].messages[1:]]


@pytest.mark.parametrize("stage", ["instruction", "response"])
def test_reviewers_are_told_every_criterion(stage: Stage) -> None:
    told = load_template(f"review_{stage}").sections
    for criterion in criteria_of(stage):
        assert any(f"{criterion}:" in text for _, text in told)
