"""Every bundled prompt is rendered by the product's own functions, and nothing in it is left open."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping

import pytest

from gra.calls import Message, Request
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import SynthesisConfig
from gra.prompts.declared import DECLARED
from gra.prompts.prompt_set import PromptSet
from gra.prompts.template import PLACEHOLDER, Template
from gra.records import Seed, Stage, criteria_of
from gra.synthesis.rehearsal import CRITIQUE, PAGE, rehearse

CONFIG = SynthesisConfig(
    seeds=SeedsConfig.model_validate({"path": "seeds.json"}),
    models=(ModelConfig(name="m", base_url="http://localhost:1/v1"),),
    target=1,
)
SEEDS = [
    Seed("seed-00000", "INSTRUCTION", "RESPONSE", "Math"),
    Seed("seed-00001", "EXAMPLE", "ANSWER", "Math", ("sum", "odd"), "SUMMARY"),
]


def rehearsed(**changes: object) -> dict[str, Request]:
    return asyncio.run(rehearse(CONFIG.model_copy(update=changes), SEEDS))


@pytest.fixture(scope="module")
def heard() -> dict[str, Request]:
    return rehearsed()


def test_every_prompt_is_used(heard: dict[str, Request]) -> None:
    assert sorted(heard) == sorted(DECLARED)


def test_whatever_is_declared_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, tuple[set[str], set[str]]] = {}
    render = Template.render

    def noting(self: Template, values: Mapping[str, str], examples: list[Mapping[str, str]] = []) -> object:  # noqa: B006
        given.setdefault(self.name, (set(values), {name for row in examples for name in row}))
        return render(self, values, examples)

    monkeypatch.setattr(Template, "render", noting)
    rehearsed()
    for name, declared in DECLARED.items():
        values, shown = given[name]
        assert set(declared.values) <= values, name
        assert set(declared.examples) <= shown | values, name


MATERIAL = {
    "passage": PAGE.text,
    "instruction": "INSTRUCTION",
    "response": "RESPONSE",
    "reviews": CRITIQUE,
    "new_keywords": "lighthouse",
    "description": "understanding",
    "domains": "mathematical problems",
    "question": "?",
}


@pytest.mark.parametrize("name", DECLARED)
def test_every_prompt_is_filled_and_ends_with_what_is_asked(heard: dict[str, Request], name: str) -> None:
    template, messages = PromptSet()[name], heard[name].messages
    whole = "\n".join(m.content for m in messages)
    assert "{{" not in whole
    assert "}}" not in whole
    for value in DECLARED[name].must:
        assert MATERIAL.get(value, "") in whole
    assert messages[-1].role == "user"
    assert all(m.content.strip() for m in messages)
    assert heard[name].prompt == template.label


@pytest.mark.parametrize("name", DECLARED)
def test_turns_alternate_as_chat_templates_demand(heard: dict[str, Request], name: str) -> None:
    roles = [m.role for m in heard[name].messages if m.role != "system"]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert "system" not in [m.role for m in heard[name].messages[1:]]


@pytest.mark.parametrize("name", ["opinion_instruction", "opinion_response", "opinion_ruling"])
def test_what_questions_about_one_matter_have_in_common_comes_first(name: str) -> None:
    *shared, (_, last) = PromptSet()[name].sections
    assert not any(PLACEHOLDER.search(text) for _, text in shared), "the same for all matters"
    *matter, question = PLACEHOLDER.findall(last)
    assert question == "question"
    assert "question" not in matter


@pytest.mark.parametrize("stage", ["instruction", "response"])
def test_reviewers_are_told_every_criterion(heard: dict[str, Request], stage: Stage) -> None:
    told = [m.content for m in heard[f"review_{stage}"].messages]
    for criterion in criteria_of(stage):
        assert any(f"{criterion}:" in text for text in told)


# --- as they were measured --------------------------------------------------------------------------------------------

MEASURED = {
    "domain": "6b7fce36b6f1",
    "seed_keywords": "bd0779856b37",
    "summary": "4f54303702ae",
    "keywords": "202b48bd586c",
    "instruction": "df38f8de2f9a",
    "response": "e2112738d0ea",
    "revise": "c2d34666cf24",
    "opinion_instruction": "ba7c323bf388",
    "opinion_response": "e95ed4dacd02",
    "opinion_ruling": "88cdd40f8a92",
    "review_instruction": "cdc2eacc8506",
    "review_response": "32b774d17c11",
    "adjudicate": "9b249dd366c4",
    "comment": "6519c5e6f449",
}
"""Hash of each prompt as the runs of docs/lab_notes.md sent it. Whoever changes one on purpose measures it again."""


@pytest.mark.parametrize("name", MEASURED)
def test_by_default_models_are_sent_what_was_measured(heard: dict[str, Request], name: str) -> None:
    assert digest(heard[name].messages) == MEASURED[name]


def digest(messages: tuple[Message, ...]) -> str:
    return hashlib.sha256(repr([(m.role, m.content) for m in messages]).encode()).hexdigest()[:12]


# --- another language -------------------------------------------------------------------------------------------------


def test_another_language_is_asked_for_wherever_a_text_is_written(heard: dict[str, Request]) -> None:
    german = rehearsed(language="German")
    for name, declared in DECLARED.items():
        asked = [m.content for m in german[name].messages]
        assert any("Write in German." in text for text in asked) is ("in_language" in declared.may), name
        plain = [text.replace(" Write in German.", "") for text in asked]
        assert plain == [m.content for m in heard[name].messages], name


@pytest.mark.parametrize(("language", "said"), [("English", ""), (" english ", ""), ("中文", " Write in 中文.")])
def test_english_is_what_prompts_are_in(language: str, said: str) -> None:
    assert CONFIG.model_copy(update={"language": language}).in_language == said
