"""What a real vLLM 0.32.0 answered to gra's own requests, recorded (docs/servers.md), is read as it is meant.

On a CPU, with Qwen2.5-Coder 0.5B Instruct. Changed by hand: the folder that it was served from.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gra.calls import SCORED, Message, Request, Sampling
from gra.errors import OutOfService, Refused
from gra.llm.retry import Fault, GiveUp, decide, error_message, failure
from gra.llm.scoring import echo_texts, last_step, read_prompt
from gra.llm.wire import completion_body, read_completion, read_first_tokens, read_models

RECORDED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "recorded" / "vllm-0.32.0.json").read_text(encoding="utf-8")
)
SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=60, seed=1)
SCORE = Request("q", (Message("user", "What is the capital of France?"),), SAMPLING, scored="Paris.")


def body(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RECORDED[name]["body"]
    return found


def test_its_list_tells_the_context() -> None:
    assert read_models(body("models")) == {"qwen-0.5b": 2048}


@pytest.mark.parametrize(("format", "likelier"), [("chat", "Yes"), ("base", "No")])
def test_labels_are_read_in_both_shapes(format: Any, likelier: str) -> None:
    request = Request("q", (Message("user", "Is water wet? Answer Yes or No."),), SAMPLING, labels=("Yes", "No"))
    assert RECORDED[f"{format} labels"]["request"] == completion_body(request, "qwen-0.5b", format, None, 5)
    reply = read_completion(body(f"{format} labels"), 1.0, format, ("Yes", "No"))
    assert reply.text == likelier == max(reply.labels, key=reply.labels.__getitem__)
    assert 0.9 < sum(reply.labels.values()) < 1.0
    assert len(read_first_tokens(body(f"{format} labels"))) == 5


@pytest.mark.parametrize("format", ["chat", "base"])
def test_replies_are_held_to_a_schema(format: Any) -> None:
    reply = read_completion(body(f"{format} schema"), 1.0, format, ())
    assert json.loads(reply.text) == {"vexil": "ostrander-47"} and reply.finish == "stop"
    assert reply.usage.prompt_tokens > 10 and reply.usage.completion_tokens > 10


def test_the_tokens_of_a_reply_are_told_from_those_before_it() -> None:
    before = [next(iter(token)) for token in read_prompt(body("scores before"))]
    _, asked, read = last_step(SCORE, "qwen-0.5b", "chat", "chat", before)
    assert asked == RECORDED["scores whole"]["request"]
    whole = [next(iter(token.values())) for token in read_prompt(body("scores whole"))]
    of_reply = [token["logprob"] for token in whole if token["decoded_token"] in ("Paris", ".")][-2:]
    mark = whole[-2]
    assert mark["decoded_token"] == "<|im_end|>", "the end of the turn counts, the newline after it does not"
    expected = math.exp((sum(of_reply) + mark["logprob"]) / 3)
    assert read(body("scores whole"), 1.0).labels[SCORED] == pytest.approx(expected)


def test_the_tokens_of_a_text_that_is_given_back_are_told_by_their_places() -> None:
    _, asked, read = last_step(SCORE, "qwen-0.5b", "echo", "base")
    assert asked == RECORDED["scores echo"]["request"]
    found = body("scores echo")["choices"][0]["logprobs"]
    text, before = echo_texts(SCORE)
    assert body("scores echo")["choices"][0]["text"].startswith(text)
    pairs = zip(found["text_offset"], found["token_logprobs"], strict=True)
    values = [logprob for place, logprob in pairs if before <= place < len(text)]
    assert read(body("scores echo"), 1.0).labels[SCORED] == pytest.approx(math.exp(sum(values) / len(values)))


def test_the_numbers_of_tokens_are_where_they_are_looked_for() -> None:
    assert body("tokens")["tokens"] == [7414]


@pytest.mark.parametrize(
    ("name", "error", "advice"),
    [
        ("too long", Refused, "give the model more context"),
        ("too many alternatives", Refused, "greater than max allowed: 20"),
        ("unknown model", OutOfService, "Valid aliases: qwen-0.5b. Set `model` to a name that it serves"),
    ],
)
def test_what_it_refuses_is_told_in_its_words(name: str, error: type[Exception], advice: str) -> None:
    fault = Fault("status", error_message(body(name)).rstrip("."), RECORDED[name]["status"])
    assert decide(fault, 1, 4, 0.5) == GiveUp(error)  # type: ignore[arg-type]
    assert advice in str(failure(OutOfService, fault, "q", "http://localhost:8000/v1", 1))
