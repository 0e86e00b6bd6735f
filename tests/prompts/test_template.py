from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.calls import Message
from gra.errors import ConfigError
from gra.prompts.declared import DECLARED
from gra.prompts.prompt_set import PromptSet
from gra.prompts.template import parse_template

NAMES = sorted(f.name.removesuffix(".txt") for f in files("gra.prompts").iterdir() if f.name.endswith(".txt"))
WHOLE = """[system]
You teach {{subject}}.
[example user]
About {{topic}}?
[example assistant]
{{answer}}
[user]
About {{topic}} in {{subject}}?
"""


def test_sections_become_turns_and_the_example_pair_is_repeated() -> None:
    rows = [{"topic": "a", "answer": "A"}, {"topic": "b", "answer": "B"}]
    turns = parse_template("t", WHOLE).render({"subject": "art", "topic": "c"}, rows)
    assert turns == (
        Message("system", "You teach art."),
        Message("user", "About a?"),
        Message("assistant", "A"),
        Message("user", "About b?"),
        Message("assistant", "B"),
        Message("user", "About c in art?"),
    )


def test_without_examples_the_pair_is_left_out() -> None:
    turns = parse_template("t", WHOLE).render({"subject": "art", "topic": "c"})
    assert [t.role for t in turns] == ["system", "user"]


HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(["{{topic}}", "{{subject}}", "{{x}}", "\n[user]\n", "[system]", "{{", "}}", "\\1", "\\g<0>"]),
        st.text(),
    ),
    max_size=6,
).map("".join)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_whatever_a_value_holds_is_inserted_once_and_does_nothing(subject: str, topic: str, answer: str) -> None:
    turns = parse_template("t", WHOLE).render(
        {"subject": subject, "topic": topic}, [{"topic": answer, "answer": topic}]
    )
    assert turns == (
        Message("system", f"You teach {subject}."),
        Message("user", f"About {answer}?"),
        Message("assistant", topic),
        Message("user", f"About {topic} in {subject}?"),
    )


def test_all_missing_values_of_a_turn_are_named() -> None:
    with pytest.raises(ConfigError, match=r"`t` wants values that nothing gives: alpha, omega\.$"):
        parse_template("t", "[user]\n{{omega}} {{given}} {{alpha}} {{omega}}").render({"given": "x"})


def test_values_that_nothing_asks_for_do_no_harm() -> None:
    assert parse_template("t", "[user]\nGo.").render({"more": "x"}) == (Message("user", "Go."),)


def test_placeholders_are_those_of_every_section() -> None:
    assert parse_template("t", WHOLE).placeholders == {"subject", "topic", "answer"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "end with a [user] section"),
        ("Go.", "begin with a heading"),
        ("Go.\n[user]\nGo.", "begin with a heading"),
        ("[system]\nGo.", "end with a [user] section"),
        ("[user]\nGo.\n[assistant]\nGone.", "end with a [user] section"),
        ("[example user]\na\n[user]\nGo.", "as a pair"),
        ("[example assistant]\na\n[user]\nGo.", "as a pair"),
        ("[system]\ns\n[example assistant]\na\n[user]\nGo.", "as a pair"),
        ("[example user]\na\n[user]\nb\n[example assistant]\nc\n[user]\nGo.", "as a pair"),
        ("[example user]\na\n[example user]\nb\n[example assistant]\nc\n[user]\nGo.", "as a pair"),
        ("[tool]\na\n[user]\nGo.", "begin with a heading"),
    ],
)
def test_a_malformed_file_is_refused_by_name(text: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_template("mine", text)
    assert wrong in str(refused.value)
    assert "`mine`" in str(refused.value)


def test_words_in_brackets_inside_a_line_are_no_heading() -> None:
    turns = parse_template("t", "[user]\nsay [user] and [other]\n[tool]\nwell").render({})
    assert turns == (Message("user", "say [user] and [other]\n[tool]\nwell"),)


@pytest.mark.parametrize("name", NAMES)
def test_every_bundled_prompt_parses_and_is_recorded_by_its_hash(name: str) -> None:
    template = PromptSet()[name]
    content = files("gra.prompts").joinpath(f"{name}.txt").read_bytes()
    assert template.label == f"{name}@{hashlib.sha256(content).hexdigest()[:12]}"
    text = "".join(section for _, section in template.sections)
    for placeholder in template.placeholders:
        text = text.replace(f"{{{{{placeholder}}}}}", "")
    assert "{{" not in text
    assert "}}" not in text


def test_every_bundled_prompt_is_declared_and_every_declared_one_is_bundled() -> None:
    assert sorted(DECLARED) == NAMES
