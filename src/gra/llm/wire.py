"""The OpenAI-compatible wire format: from a `Request` to a body, and from a body to a `Reply`. Pure.

What servers do differently is named here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gra.calls import Message, Reply, Request, Usage
from gra.llm.base_format import STOP, render
from gra.llm.labels import first_token, probabilities

Format = Literal["chat", "base"]
SchemaField = Literal["response_format", "json_schema"]

PATHS: Mapping[Format, tuple[str, ...]] = {"chat": ("chat", "completions"), "base": ("completions",)}
SCHEMA_FIELDS: Mapping[Format, tuple[SchemaField, ...]] = {
    "chat": ("response_format",),
    # completions: llama.cpp and SGLang read the first only, vLLM the second
    "base": ("json_schema", "response_format"),
}
TOP_LOGPROBS = (20, 5)
"""Alternatives to ask for: 20 is the most that OpenAI and vLLM give, 5 what older and stricter servers give."""


class Malformed(ValueError):
    """A JSON object that is not the answer it should be; says what is wrong with it."""


def completion_body(
    request: Request, model: str, format: Format, schema_field: SchemaField | None, top_logprobs: int
) -> dict[str, Any]:
    """The body of a completion request."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
    }
    if request.slot is not None:
        body["id_slot"] = request.slot  # llama.cpp's
    stop = list(request.stop)
    if format == "chat":
        body["messages"] = [as_turn(message) for message in request.messages]
    else:
        body["prompt"] = render(request.messages)
        stop.insert(0, STOP)
    if stop:
        body["stop"] = stop
    if request.labels:
        body |= {"max_tokens": 1, "temperature": 0.0, "top_p": 1.0}
        body |= {"logprobs": True, "top_logprobs": top_logprobs} if format == "chat" else {"logprobs": top_logprobs}
    elif request.schema is not None and schema_field is not None:
        body[schema_field] = _schema(request.schema, schema_field)
    return body


def greeting(body: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The least that can be asked of the same model, at the same place, instead of this body."""
    if body is None:
        return None
    kept = {name: body[name] for name in ("model", "id_slot") if name in body}
    if "input" in body:
        return {**kept, "input": ["."]}
    text = {"prompt": "Hello"} if "prompt" in body else {"messages": [as_turn(Message("user", "Hello"))]}
    return {**kept, **text, "max_tokens": 1}


def as_turn(message: Message) -> dict[str, str]:
    """A turn of a conversation."""
    return {"role": message.role, "content": message.content}


def _schema(schema: Mapping[str, Any], field: SchemaField) -> dict[str, Any]:
    if field == "json_schema":
        return dict(schema)
    named = {"name": "answer", "strict": True, "schema": dict(schema)}
    return {"type": "json_schema", "json_schema": named}


def read_completion(body: Mapping[str, Any], seconds: float, format: Format, labels: Sequence[str]) -> Reply:
    """The reply in the body of a completion.

    Raises:
        Malformed: it is not there.
    """
    choice = first_choice(body)
    text = _chat_text(choice) if format == "chat" else choice.get("text")
    if not isinstance(text, str):
        raise Malformed("its reply is no text")
    found: dict[str, float] = {}
    if labels:
        tokens = read_first_tokens(body)
        if not tokens:
            raise Malformed("it has no log-probabilities, which were asked for")
        found = probabilities(labels, tokens)
    finish = "length" if choice.get("finish_reason") == "length" else "stop"
    return Reply(_sound(text), finish, found, read_usage(body), seconds)


def read_first_tokens(body: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(token, log-probability) of the likeliest first tokens in the body of a completion; empty if there are none."""
    return first_token(first_choice(body).get("logprobs"))


def first_choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one choice in the body of a completion.

    Raises:
        Malformed: it is not there.
    """
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise Malformed("it has no `choices`")
    return choices[0]


def _chat_text(choice: Mapping[str, Any]) -> Any:
    """The text of a chat reply. A refusal is one; so is the silence of a model that only thought or called tools."""
    message = choice.get("message")
    if not isinstance(message, Mapping):
        return None
    content = message.get("content")
    if content is not None:
        return content
    if message.get("refusal"):
        return message["refusal"]
    return "" if any(message.get(n) for n in ("reasoning_content", "reasoning", "tool_calls")) else None


def _sound(text: str) -> str:
    """Text without lone surrogates: JSON may carry them, UTF-8 files and databases cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_usage(body: Mapping[str, Any]) -> Usage:
    """Tokens of the call; zeros where the server says nothing.

    Cached tokens are `usage.prompt_tokens_details.cached_tokens` (OpenAI, vLLM, SGLang, llama.cpp) or
    `timings.cache_n` (older llama.cpp).
    """
    usage = as_mapping(body.get("usage"))
    cached = as_mapping(usage.get("prompt_tokens_details")).get("cached_tokens")
    if cached is None:
        cached = as_mapping(body.get("timings")).get("cache_n")
    return Usage(_count(usage.get("prompt_tokens")), _count(cached), _count(usage.get("completion_tokens")))


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object of JSON, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def read_embeddings(body: Mapping[str, Any], expected: int) -> list[list[float]]:
    """The vectors in the body of an embedding reply, in the order of the texts, each scaled to length 1.

    Raises:
        Malformed: they are not there, or are not vectors of one length.
    """
    data = body.get("data")
    if not isinstance(data, list) or len(data) != expected:
        raise Malformed(f"it does not have {expected} embeddings")
    entries = [as_mapping(entry) for entry in data]
    if all(isinstance(entry.get("index"), int) for entry in entries):
        entries.sort(key=lambda entry: int(entry["index"]))
    vectors = [_unit(entry.get("embedding")) for entry in entries]
    if len({len(vector) for vector in vectors}) > 1:
        raise Malformed("its embeddings differ in length")
    return vectors


def _unit(values: Any) -> list[float]:
    if not isinstance(values, list) or not values:
        raise Malformed("an embedding is no list of numbers")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise Malformed("an embedding is no list of numbers")
    norm = math.hypot(*values)
    if not math.isfinite(norm) or norm == 0.0:
        raise Malformed("an embedding has no direction")
    return [v / norm for v in values]


def read_models(body: Mapping[str, Any]) -> dict[str, int | None]:
    """The models that a server lists, with the tokens of context where it says so.

    Raises:
        Malformed: it is no list of models.
    """
    data = body.get("data")
    if not isinstance(data, list):
        raise Malformed("it is no list of models")
    entries = [as_mapping(entry) for entry in data]
    return {entry["id"]: _context(entry) for entry in entries if isinstance(entry.get("id"), str)}


def _context(entry: Mapping[str, Any]) -> int | None:
    """What vLLM and SGLang call `max_model_len`, gateways `context_length`, llama.cpp `meta.n_ctx` (one slot's)."""
    for value in (
        entry.get("max_model_len"),
        entry.get("context_length"),
        as_mapping(entry.get("meta")).get("n_ctx"),
    ):
        if _count(value):
            return _count(value)
    return None
