"""Finds out what a server really does for a model, by asking it. Claims and version numbers are not believed.

Knows nothing of which abilities anybody needs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gra.calls import SCORED, Message, Request, Sampling
from gra.llm.client import Abilities, Endpoint, Failed
from gra.llm.scoring import Read, Scoring, last_step
from gra.llm.wire import (
    PATHS,
    SCHEMA_FIELDS,
    TOP_LOGPROBS,
    Malformed,
    SchemaField,
    completion_body,
    read_completion,
    read_first_tokens,
)

_KEY, _VALUE = "vexil", "ostrander-47"
"""No model says these to a greeting by itself: a reply that has them was held to the schema."""
_SCHEMA = {
    "type": "object",
    "properties": {_KEY: {"type": "string", "enum": [_VALUE]}},
    "required": [_KEY],
    "additionalProperties": False,
}
CERTAIN = 0.999
"""No model is as sure as this of a whole sentence: who says so did not look."""
_CANNOT = (400, 413, 422, 500, 501)
"""Statuses by which servers turn down what they do not know; some fail (500) where they should refuse."""


async def probe(endpoint: Endpoint, scoring: bool = False) -> Abilities:
    """Ask the server what it can do, and set the endpoint to use that and no more.

    Args:
        endpoint: the model.
        scoring: ask for log-probabilities of the prompt too.

    Raises:
        ConfigError: the model is not named and the server does not serve exactly one.
        EndpointError: the server cannot be reached, or does not serve the model.
    """
    listed = await _listed(endpoint)
    served = await endpoint.served()
    endpoint.schema_field = await _schema_field(endpoint, served)
    endpoint.top_logprobs = await _top_logprobs(endpoint, served)
    scores = endpoint.scorer or endpoint
    scores.scoring = await _scoring(endpoint, scores, served) if scoring else None
    return Abilities(
        served=served,
        json_schema=endpoint.schema_field is not None,
        label_probabilities=endpoint.top_logprobs > 0,
        context=listed.get(served),
        prompt_logprobs=scores.scoring is not None,
    )


async def _listed(endpoint: Endpoint) -> dict[str, int | None]:
    """The server's models; none if it does not list them, which matters only to those who need a name."""
    answer = await endpoint.try_call(("models",), None, lambda body, _: body)
    if isinstance(answer, Failed) and answer.fault.status in (404, 405, *_CANNOT):
        return {}
    return await endpoint.models()


async def _schema_field(endpoint: Endpoint, served: str) -> SchemaField | None:
    request = _request("Hello! How are you?", schema=_SCHEMA, max_tokens=60)

    def obeys(answer: Mapping[str, Any], seconds: float) -> bool:
        text = read_completion(answer, seconds, endpoint.format, ()).text
        try:
            return bool(json.loads(text) == {_KEY: _VALUE})
        except (ValueError, RecursionError):
            return False

    for field in SCHEMA_FIELDS[endpoint.format]:
        if await _can(endpoint, completion_body(request, served, endpoint.format, field, 0), obeys):
            return field
    return None


async def _top_logprobs(endpoint: Endpoint, served: str) -> int:
    """How many alternatives the server returns on demand; 0 if it returns none that can be believed."""
    request = _request("Is water wet? Answer Yes or No.", labels=("Yes", "No"), max_tokens=1)

    def believable(answer: Mapping[str, Any], seconds: float) -> bool:
        del seconds
        tokens = read_first_tokens(answer)
        return len(tokens) > 1 and math.fsum(math.exp(logprob) for _, logprob in tokens) <= 1.01

    for top in TOP_LOGPROBS:
        if await _can(endpoint, completion_body(request, served, endpoint.format, None, top), believable):
            return top
    return 0


async def _scoring(endpoint: Endpoint, asked: Endpoint, served: str) -> Scoring | None:
    """How the probability of a given reply is asked for; None if the server does not tell it."""
    request = replace(
        _request("What is the capital of France?", max_tokens=1), scored="The capital of France is Paris."
    )
    ways: tuple[Scoring, ...] = ("chat", "echo") if endpoint.format == "chat" else ("echo",)
    for way in ("own",) if endpoint.scorer else ways:
        path, body, read = last_step(request, served, way, endpoint.format)

        def believable(answer: Mapping[str, Any], seconds: float, read: Read = read) -> bool:
            try:
                return 0 < read(answer, seconds).labels[SCORED] < CERTAIN
            except Malformed:
                return False

        if await _can(asked, body, believable, path):
            return way
    return None


async def _can(
    endpoint: Endpoint,
    body: Mapping[str, Any],
    judge: Callable[[Mapping[str, Any], float], bool],
    path: tuple[str, ...] = (),
) -> bool:
    """Whether the server answers this to the judge's content. Failures that say nothing of abilities are raised."""
    answer = await endpoint.try_call(path or PATHS[endpoint.format], body, judge)
    if not isinstance(answer, Failed):
        return answer
    if answer.fault.kind == "body" or answer.fault.status in (*_CANNOT, *((404, 405) if path else ())):
        return False
    raise answer.error()


def _request(
    text: str, *, max_tokens: int, schema: Mapping[str, Any] | None = None, labels: tuple[str, ...] = ()
) -> Request:
    sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=max_tokens, seed=1)
    return Request("probe", (Message("user", text),), sampling, schema=schema, labels=labels)
