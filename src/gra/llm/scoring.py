"""How probable a given reply is, asked of servers that return the log-probabilities of a prompt. Pure but for `score`.

What servers do differently in this is named here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from gra.calls import SCORED, Reply, Request
from gra.llm.base_format import render
from gra.llm.wire import PATHS, Format, Malformed, as_mapping, as_turn, first_choice, read_usage

T = TypeVar("T")
Read = Callable[[Mapping[str, Any], float], Reply]
"""Reads the body of an answer that took so many seconds."""
Scoring = Literal["chat", "echo", "own"]
"""How prompt log-probabilities are asked for: `prompt_logprobs` of a conversation (vLLM), or `echo` and `logprobs` of a
text (vLLM, SGLang, llama-cpp-python); or of gra's own server (`scoring_server`)."""
ECHO_END = "\n\n###"
"""What follows on a reply in the text of a base model: a reply that breaks off is told by how unlikely this is."""


class Send(Protocol):
    """Sends a body to a path of the server and reads the answer, as `client.Endpoint.call` does."""

    async def __call__(
        self, path: tuple[str, ...], body: Mapping[str, Any], read: Callable[[Mapping[str, Any], float], T]
    ) -> T: ...


async def score(send: Send, request: Request, model: str, way: Scoring, format: Format) -> Reply:
    """The probability of the reply that the request has as `scored`."""
    before: tuple[str, ...] = ()
    if way == "chat":
        shorter = chat_scoring_body(request, model, whole=False)
        tokens = await send(PATHS["chat"], shorter, lambda answer, _: read_prompt(answer))
        before = tuple(next(iter(token)) for token in tokens)
    return await send(*last_step(request, model, way, format, before))


def last_step(
    request: Request, model: str, way: Scoring, format: Format, before: Sequence[str] = ()
) -> tuple[tuple[str, ...], dict[str, Any], Read]:
    """Where to send what, and how to read the answer; `before` are the tokens of a conversation without the reply."""
    if way == "own":
        asked = {"prompt": render(request.messages)} if format == "base" else {"messages": chat_turns(request)}
        return ("score",), {"model": model, **asked, "scored": request.scored}, _measured
    if way == "echo":
        return PATHS["base"], echo_scoring_body(request, model), partial(_echoed, request)
    return PATHS["chat"], chat_scoring_body(request, model, whole=True), partial(_told, before)


def _measured(answer: Mapping[str, Any], seconds: float) -> Reply:
    found = answer.get("logprobs")
    return scored_reply(_logprobs(found if isinstance(found, list) else []), answer, seconds)


def _echoed(request: Request, answer: Mapping[str, Any], seconds: float) -> Reply:
    return scored_reply(read_echo_scores(answer, *echo_texts(request)), answer, seconds)


def _told(before: Sequence[str], answer: Mapping[str, Any], seconds: float) -> Reply:
    return scored_reply(read_chat_scores(answer, before), answer, seconds)


def chat_turns(request: Request) -> list[dict[str, str]]:
    """The conversation before the reply. Where it has no turn there is an empty one of the user: templates want one."""
    return [as_turn(message) for message in request.messages] or [{"role": "user", "content": ""}]


def chat_scoring_body(request: Request, model: str, whole: bool) -> dict[str, Any]:
    """A conversation that ends with the reply in question (`whole`), or before it: the difference is the reply."""
    turns = chat_turns(request)
    body = {"model": model, "messages": turns, "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}
    if not whole:
        return body
    said = {"role": "assistant", "content": request.scored}
    return {**body, "messages": [*turns, said], "add_generation_prompt": False}


def echo_scoring_body(request: Request, model: str) -> dict[str, Any]:
    """The text of the conversation and the reply, to be given back with the probabilities of its tokens."""
    text, _ = echo_texts(request)
    return {"model": model, "prompt": text, "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0.0}


def echo_texts(request: Request) -> tuple[str, int]:
    """The whole text, and how many characters of it come before the reply."""
    before = render(request.messages)
    return before + request.scored.strip() + ECHO_END, len(before)


def read_prompt(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tokens of a prompt from the second on, each as {id: facts}.

    Raises:
        Malformed: they are not there.
    """
    entries = body.get("prompt_logprobs")
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and entry for entry in entries[1:]):
        raise Malformed("it has no `prompt_logprobs`, which were asked for")
    return entries[1:]


def read_chat_scores(body: Mapping[str, Any], before: Sequence[str]) -> list[float]:
    """Log-probabilities of the reply's tokens: those after what the conversation has in common with one without it.

    Raises:
        Malformed: they are not there.
    """
    entries = read_prompt(body)
    common = next((n for n, (entry, id) in enumerate(zip(entries, before, strict=False)) if id not in entry), None)
    start = min(len(before), len(entries)) if common is None else common
    of_reply = [as_mapping(next(iter(entry.values()))) for entry in entries[start:]]
    # Templates end a turn with a mark, and many put a newline after it, which says nothing.
    if len(of_reply) > 1 and not str(of_reply[-1].get("decoded_token") or "x").strip():
        of_reply.pop()
    return _logprobs([entry.get("logprob") for entry in of_reply])


def read_echo_scores(body: Mapping[str, Any], text: str, before: int) -> list[float]:
    """The same of a text that was given back, where so many characters come before the reply.

    Raises:
        Malformed: they are not there.
    """
    found = as_mapping(first_choice(body).get("logprobs"))
    tokens, values, places = (found.get(key) for key in ("tokens", "token_logprobs", "text_offset"))
    if not (isinstance(tokens, list) and isinstance(values, list) and isinstance(places, list)):
        raise Malformed("it has no log-probabilities of the prompt, which were asked for")
    # A mark of the beginning that the server put before the text is counted by some.
    shift = max(0, "".join(map(str, tokens)).find(text[:16]))
    start, end = before + shift, len(text) + shift
    of_reply = [v for v, at in zip(values, places, strict=False) if isinstance(at, int) and start <= at < end]
    return _logprobs(of_reply)


def _logprobs(values: Sequence[Any]) -> list[float]:
    sound = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and v <= 1e-3]
    if not sound or len(sound) < len(values) or any(math.isnan(v) for v in sound):
        raise Malformed("its log-probabilities of the prompt are no such")
    return sound


def scored_reply(logprobs: Sequence[float], body: Mapping[str, Any], seconds: float) -> Reply:
    """The geometric mean of the tokens' probabilities, as a label."""
    mean = math.fsum(logprobs) / len(logprobs)
    return Reply("", labels={SCORED: math.exp(min(0.0, max(mean, -700.0)))}, usage=read_usage(body), seconds=seconds)
