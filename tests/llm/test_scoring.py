"""How probable a given reply is: what is sent, what is read, and who is believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from gra.calls import SCORED, Message, Request
from gra.errors import Refused
from gra.llm import Endpoint, probe
from gra.llm.scoring import chat_scoring_body, echo_scoring_body, echo_texts, read_chat_scores, read_echo_scores
from gra.llm.wire import Malformed
from gra.testing.fake_answers import FakeModel, prompt_text, prompt_tokens
from gra.testing.fake_server import FakeServer

pytest_plugins = ["llm_fixtures"]
Connect = Callable[..., Endpoint]
Ask = Callable[..., Request]


def by_hand(whole: dict[str, Any], before: int, last: int | None) -> float:
    """The geometric mean over some of the tokens of the fake's prompt."""
    values = [p for _, p in prompt_tokens(prompt_text(whole))[before:last] if p is not None]
    return math.exp(sum(values) / len(values))


async def test_a_conversation_is_scored_by_what_the_reply_adds_to_it(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as server:
        endpoint = connect(server)
        assert (await probe(endpoint, scoring=True)).prompt_logprobs
        assert endpoint.scoring == "chat"
        request = ask("Name a fruit.", scored="An apple is a fruit.")
        reply = await endpoint.complete(request)
    shorter, whole = server.bodies[-2:]
    assert (shorter["prompt_logprobs"], whole["prompt_logprobs"], whole["add_generation_prompt"]) == (0, 0, False)
    assert whole["messages"][-1] == {"role": "assistant", "content": "An apple is a fruit."}
    # The reply and the mark of its end count; the newline that the template puts after it does not.
    assert reply.labels[SCORED] == pytest.approx(by_hand(whole, len(prompt_tokens(prompt_text(shorter))), -1))


async def test_a_text_is_scored_where_conversations_are_not(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as server:
        endpoint = connect(server, format="base")
        assert (await probe(endpoint, scoring=True)).prompt_logprobs
        assert endpoint.scoring == "echo"
        request = ask("Name a fruit.", scored="An apple is a fruit.")
        reply = await endpoint.complete(request)
    text, before = echo_texts(request)
    assert text[before:] == "An apple is a fruit.\n\n###"
    tokens = len(prompt_tokens(text[:before]))
    assert reply.labels[SCORED] == pytest.approx(by_hand(server.bodies[-1], tokens, None))


async def test_without_a_turn_an_empty_one_stands(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as server:
        endpoint = connect(server)
        await probe(endpoint, scoring=True)
        given = await endpoint.complete(ask("An apple is what?", scored="An apple is a fruit."))
        alone = await endpoint.complete(ask(messages=(), scored="An apple is a fruit."))
    assert server.bodies[-1]["messages"][0] == {"role": "user", "content": ""}
    assert given.labels[SCORED] > alone.labels[SCORED]


async def test_who_does_not_tell_is_found_out(connect: Connect, ask: Ask) -> None:
    async with FakeServer([FakeModel("fake", prompt_logprobs=False)]) as server:
        endpoint = connect(server)
        assert not (await probe(endpoint, scoring=True)).prompt_logprobs
        with pytest.raises(Refused, match="log-probabilities of the prompt"):
            await endpoint.complete(ask(scored="An apple."))


async def test_it_is_asked_for_only_where_it_is_wanted(connect: Connect) -> None:
    async with FakeServer() as server:
        assert not (await probe(connect(server))).prompt_logprobs
    assert not [body for body in server.bodies if "prompt_logprobs" in body or "echo" in body]


def test_the_shorter_conversation_ends_before_the_reply() -> None:
    request = Request("tiny", (Message("user", "Hi."),), sampling=None, scored="Yes.")  # type: ignore[arg-type]
    assert chat_scoring_body(request, "m", whole=False)["messages"] == [{"role": "user", "content": "Hi."}]
    assert echo_scoring_body(request, "m")["echo"] is True


ENTRY = {"5": {"logprob": -1.0, "decoded_token": "x"}}


@pytest.mark.parametrize(
    "prompt",
    [None, [], [None], [None, None], [None, {"5": {"logprob": "low"}}], [None, {"5": {"logprob": float("nan")}}], "no"],
)
def test_what_is_no_list_of_log_probabilities_is_not_read(prompt: Any) -> None:
    with pytest.raises(Malformed):
        read_chat_scores({"prompt_logprobs": prompt}, [])


def test_where_a_template_differs_the_reply_begins_at_the_difference() -> None:
    prompt = [None, {"1": {"logprob": -9.0}}, {"2": {"logprob": -1.0}}, {"3": {"logprob": -2.0}}]
    assert read_chat_scores({"prompt_logprobs": prompt}, ["1", "7", "8"]) == [-1.0, -2.0]
    assert read_chat_scores({"prompt_logprobs": [None, ENTRY]}, []) == [-1.0]


def test_a_mark_before_the_text_is_no_part_of_it() -> None:
    found = {
        "tokens": ["<s>", "ab", "cd", "x"],
        "token_logprobs": [None, -1.0, -2.0, -9.0],
        "text_offset": [0, 3, 5, 7],
    }
    assert read_echo_scores({"choices": [{"logprobs": found}]}, "abcd", 2) == [-2.0]


@pytest.mark.parametrize("logprobs", [None, {}, {"tokens": ["a"], "token_logprobs": [None], "text_offset": [0]}])
def test_what_is_no_echo_is_not_read(logprobs: Any) -> None:
    with pytest.raises(Malformed):
        read_echo_scores({"choices": [{"logprobs": logprobs}]}, "a", 0)
