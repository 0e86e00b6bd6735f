from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.prompts.declared import DECLARED, VALUES
from gra.prompts.prompt_set import PromptSet, bundled, problems_of
from gra.prompts.template import PLACEHOLDER, parse_template

MINE = "[system]\nBe brief.\n[user]\n{{instruction}}\n"


def test_a_text_of_ones_own_stands_for_the_bundled_one_and_no_other_changes() -> None:
    prompts = PromptSet({"response": MINE})
    assert prompts["response"] == parse_template("response", MINE)
    assert all(prompts[name] == PromptSet()[name] for name in DECLARED if name != "response")


@pytest.mark.parametrize("name", DECLARED)
def test_every_text_in_use_is_in_the_digest(name: str) -> None:
    changed = bundled(name) + " "
    assert PromptSet({name: changed}).digest != PromptSet().digest
    assert PromptSet({name: bundled(name)}).digest == PromptSet().digest


def test_two_prompts_that_change_places_are_another_set() -> None:
    swapped = {"review_response": bundled("comment"), "comment": bundled("review_response")}
    assert PromptSet(swapped).digest != PromptSet().digest


@pytest.mark.parametrize("name", DECLARED)
def test_every_bundled_prompt_may_be_replaced_by_itself(name: str) -> None:
    assert problems_of(name, bundled(name)) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("responze", MINE, "there is no prompt `responze`; did you mean `response`?"),
        ("x", MINE, "there is no prompt `x`; there are: domain, seed_keywords"),
        ("response", "[user]\nGo.", "it must have {{instruction}} in a section that is no example"),
        ("response", "[user]\n{{instruction}}\n{{wrods}}", "line 3: nothing gives {{wrods}} here; there are: {{in_l"),
        ("response", "[user]\n{{instruction}} {{response}}", "line 2: nothing gives {{response}} here"),
        ("response", "{{instruction}}", "must begin with a heading"),
        ("comment", "[user]\n{{response}}", "it must have {{instruction}} in"),
        (
            "response",
            "[example user]\n{{instruction}}\n[example assistant]\n{{response}}\n[user]\nGo.",
            "it must have {{instruction}}",
        ),
    ],
)
def test_a_text_that_does_not_fit_is_told_with_its_line(name: str, text: str, said: str) -> None:
    assert said in "\n".join(problems_of(name, text))


def test_blanks_inside_the_braces_do_no_harm() -> None:
    assert problems_of("response", "[user]\n{{ instruction }}") == []
    assert parse_template("response", "[user]\n{{ instruction }}").render({"instruction": "x"})[0].content == "x"


def test_every_value_is_explained_and_none_that_is_not_given() -> None:
    given = {value for declared in DECLARED.values() for value in (*declared.values, *declared.examples)}
    assert given == VALUES.keys()


TEXTS = st.lists(st.sampled_from(["[user]", "[system]", "{{instruction}}", "{{x}}", "Go.", "[example user]", ""]))


@given(TEXTS.map("\n".join), st.sampled_from(sorted(DECLARED)))
def test_what_is_not_complained_of_can_be_rendered(text: str, name: str) -> None:
    declared = DECLARED[name]
    if problems_of(name, text):
        return
    template = parse_template(name, text)
    own, shown = (dict.fromkeys(names, "v") for names in (declared.values, declared.examples))
    turns = template.render(own, [shown])
    assert turns[-1].role == "user"
    assert not any(PLACEHOLDER.search(turn.content) for turn in turns)


PAGE = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")


def test_the_page_has_every_prompt_with_its_values_and_what_they_are() -> None:
    for name, declared in DECLARED.items():
        values = ", ".join([*(f"**`{v}`**" for v in declared.must), *(f"`{v}`" for v in declared.may)])
        examples = f" / {', '.join(f'`{v}`' for v in declared.examples)}" if declared.examples else ""
        assert f"| `{name}` | {declared.about} | {values}{examples} |\n" in PAGE
    for value, what in VALUES.items():
        assert f"| `{value}` | {what} |\n" in PAGE
