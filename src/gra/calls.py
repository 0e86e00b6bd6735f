"""What is asked of a model and what comes back: the one vocabulary between the method and the engines.

The method (`gra.synthesis`) builds a `Request` and awaits an `Ask`; it does not know whether the answer came
from a server or from the run's ledger. Every field of a `Request` but `slot` shapes the answer or says where the
question comes from, so its digest is what the ledger holds an answer against.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]
SCORED = "scored"
"""The label of a reply to a request with `scored`: the geometric mean of the probabilities of its tokens, the end of
the turn among them."""
LATER = "scored"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn."""

    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    """Sent to the server; servers that batch do not promise the same text for it (the ledger does)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one model, complete."""

    model: str
    """The model's name in the configuration."""
    messages: tuple[Message, ...]
    sampling: Sampling
    schema: Mapping[str, Any] | None = None
    """JSON schema that the reply has to satisfy, where the server can enforce one."""
    labels: tuple[str, ...] = ()
    """Read the probabilities of these one-token answers; the reply's text is then of no interest."""
    prompt: str = ""
    """Name and hash of the prompt file this was rendered from, for the record."""
    stop: tuple[str, ...] = ()
    """Strings that end the reply, not part of it."""
    scored: str = ""
    """Instead of a reply: how probable is this one? `Reply.labels` then has the answer under `SCORED`."""
    slot: int | None = field(default=None, compare=False)
    """The server's slot that has the beginning of this prompt in its cache. Where a question is worked on is no part of
    it: not in the digest, and two requests that differ in nothing else are equal."""

    def digest(self, identity: str) -> str:
        """Hash of everything that shapes the answer; `identity` tells one build of the model from another."""
        body = _CANONICAL.encode([identity, self])
        return "sha256:" + hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def _shallow(value: Any) -> dict[str, Any]:
    """One level of a record as a dictionary, without what is no part of its identity.

    What requests came to have later is left out where it is empty: then ledgers of before are found again.
    `dataclasses.asdict` copies all levels first, for most of a call's CPU.
    """
    return {f.name: getattr(value, f.name) for f in fields(value) if f.compare and (f.name != LATER or value.scored)}


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_shallow)
"""Of everything that is hashed; another form would be another digest, and an old ledger would not be found again."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's tokens, those that the server did not have to compute again."""
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered."""

    text: str
    finish: str = "stop"
    """`stop`, or `length` where the reply was cut at `max_tokens`."""
    labels: Mapping[str, float] = field(default_factory=dict)
    """Probability of each of the request's labels, each in [0, 1]; what they miss of 1 went to other tokens."""
    usage: Usage = Usage()
    seconds: float = 0.0
    """Wall time from sending to the last byte."""


@dataclass(frozen=True, slots=True)
class CallId:
    """Where in a sample's life a call stands. With the request's digest it is the call's key in the ledger."""

    sample: str
    step: str
    """For example `keywords`, `v0.review.response.qwen-1.5b.correctness`."""
    attempt: int = 0
    """0 for the first try; a repair turn is attempt 1."""


class Ask(Protocol):
    """Puts a request to a model and returns its answer, from the ledger if it is there.

    Raises:
        Refused: the server will not answer this request as things are; the sample fails, others go on.
        EndpointError: the endpoint gave up.
    """

    async def __call__(self, call: CallId, request: Request) -> Reply: ...


class Embed(Protocol):
    """Sentence embeddings: one unit vector of floats per text, in order."""

    async def __call__(self, texts: list[str]) -> list[list[float]]: ...
