from __future__ import annotations

import json
from typing import Any

import pytest

from gra.synthesis.seed_forms import (
    ANSWERS,
    FORMS,
    QUESTIONS,
    SYSTEM_NOTE,
    TURNS_NOTE,
    Draft,
    Unfit,
    read_record,
)

USER, ASSISTANT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
HUMAN, GPT = {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}
LATER = [{"role": "user", "content": "more"}, {"role": "assistant", "content": None}]


@pytest.mark.parametrize(
    ("record", "form"),
    [
        *[({question: "q", answer: "a"}, None) for question in QUESTIONS for answer in ANSWERS],
        ({"input": "q", "output": "a"}, "input/output"),
        ({"Question ": " q", "ANSWER": "a\n", "Domain": ""}, "question/answer"),
        ({"problem": "q", "solution": "a", "answer": "only the number"}, "problem/solution"),
        ({"messages": [USER, ASSISTANT]}, "messages"),
        ({"messages": [HUMAN, GPT]}, "messages"),
        ({"messages": {"role": ["user", "assistant"], "content": ["q", "a"]}}, "messages"),
        ({"conversations": [HUMAN, GPT]}, "sharegpt"),
        ({"conversation": [{"from": "User", "value": "q"}, {"from": "chatgpt", "value": "a"}]}, "sharegpt"),
        ({"conversations": {"from": ["human", "gpt"], "value": ["q", "a"]}}, "sharegpt"),
        ({"prompt": [USER], "completion": [ASSISTANT]}, "prompt/completion"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "preference"),
        ({"prompt": [USER], "chosen": [ASSISTANT], "rejected": "b"}, "preference"),
        ({"prompt": "q", "chosen": [USER, ASSISTANT], "rejected": [USER, USER]}, "preference"),
        ({"chosen": [USER, ASSISTANT], "rejected": [USER, USER]}, "preference"),
        ({"conversations": [HUMAN], "chosen": GPT, "rejected": HUMAN}, "sharegpt"),
        ({"prompt": "unused", "messages": [USER, ASSISTANT]}, "messages"),
    ],
)
def test_a_record_is_known_by_its_names(record: dict[str, Any], form: str | None) -> None:
    draft = read_record(record)
    assert (draft.instruction, draft.response, draft.domain, draft.notes) == ("q", "a", None, ())
    assert form is None or draft.form == form


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [USER, ASSISTANT, *LATER]},
        {"conversations": [GPT, HUMAN, GPT]},
        {"prompt": [USER, ASSISTANT, LATER[0]], "completion": [LATER[1]]},
        {"prompt": [USER], "chosen": [ASSISTANT, *LATER]},
    ],
)
def test_of_several_turns_the_first_is_used_and_that_is_said(record: dict[str, Any]) -> None:
    draft = read_record(record)
    assert (draft.instruction, draft.response, draft.notes) == ("q", "a", (TURNS_NOTE,))


@pytest.mark.parametrize(
    "record",
    [
        {"system": "s", "conversations": [HUMAN, GPT]},
        {"conversations": [{"from": "system", "value": "s"}, HUMAN, GPT]},
        {"system_prompt": "s", "question": "q", "response": "a"},
    ],
)
def test_the_system_s_words_go_before_the_question_wherever_they_stand(record: dict[str, Any]) -> None:
    assert read_record(record) == Draft(read_record(record).form, "s\n\nq", "a", notes=(SYSTEM_NOTE,))


def test_a_column_that_names_the_system_that_answered_is_no_instruction() -> None:
    assert read_record({"instruction": "q", "response": "a", "system": "6B_finetuning"}).instruction == "q"


def test_a_context_is_material() -> None:
    assert read_record({"instruction": "q", "context": "c", "response": "a"}).instruction == "q\n\nc"
    assert read_record({"instruction": "q", "context": "", "response": "a"}).instruction == "q"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": [USER]}, "no assistant turn follows the first user turn"),
        ({"messages": []}, "there is no user turn"),
        ({"messages": None}, "`messages` is not a list of turns"),
        ({"messages": [USER, {"role": "assistant"}]}, "the response is empty"),
        ({"messages": [USER, {"role": "assistant", "content": [{"type": "text"}]}]}, "`content` is a list, not text"),
        ({"prompt": "q", "chosen": {"text": "a"}}, "`chosen` is an object, not text"),
        ({"chosen": "a", "rejected": "b"}, "the instruction is empty"),
        ({"question": "q"}, "of no known form; its fields are `question`"),
        ({}, "of no known form; its fields are none"),
        ([], "not an object with named fields"),
    ],
)
def test_what_is_no_seed_says_why(record: Any, reason: str) -> None:
    with pytest.raises(Unfit) as caught:
        read_record(record)
    assert str(caught.value) == reason


def test_names_given_by_the_user_win_over_those_known() -> None:
    record = {"question": "wrong", "output": "wrong", "Q": "q", "A": "a", "input": "not asked for"}
    draft = read_record(record, {"instruction": "Q", "response": "A"})
    assert (draft.instruction, draft.response, draft.form) == ("q", "a", "by `columns`")


@pytest.mark.parametrize("example", FORMS)
def test_the_examples_that_people_are_shown_are_read(example: str) -> None:

    name, _, record = example.partition(": ")
    assert read_record(json.loads(record)).form in (name, "question/answer")
