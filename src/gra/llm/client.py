"""One model on an OpenAI-compatible server: vLLM, SGLang, LMDeploy, llama.cpp, Ollama, or a hosted API.

It takes plain values and knows neither configuration files nor the method, the ledger or who started the server.
What to do about faults is decided in `retry`; what goes over the wire is in `wire`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import aiohttp

from gra.calls import Reply, Request
from gra.errors import ConfigError, EndpointError, OutOfService, Refused
from gra.events import Listener, Notice, ignore
from gra.llm.key import ApiKey
from gra.llm.retry import Fault, GiveUp, counts, decide, failure, is_silence, plain
from gra.llm.scoring import Scoring, score
from gra.llm.server import Access
from gra.llm.transport import Call, base_of, send
from gra.llm.wire import (
    PATHS,
    TOP_LOGPROBS,
    Format,
    Malformed,
    SchemaField,
    completion_body,
    greeting,
    read_completion,
    read_embeddings,
    read_models,
)
from gra.together import together

EMBED_BATCH = 32
"""Texts in one embedding request."""
SHORTEST_CUT = 64
"""Characters below which a text that is too long for the embedding model is not cut further."""

T = TypeVar("T")


class Model(Protocol):
    """Whatever can be asked, wherever it is."""

    @property
    def url(self) -> str:
        """Where, for people."""
        ...

    async def complete(self, request: Request, *, urgency: int = 0) -> Reply:
        """See `Endpoint`."""
        ...

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """See `Endpoint`."""
        ...


class OwnSlots(Protocol):
    """See `slots.Slots`."""

    def one(self, prompt: str) -> AbstractAsyncContextManager[int]:
        """Wait for a slot and have it to oneself."""
        ...


Revive = Callable[[int], Awaitable[str]]
"""Given how often the server has answered, makes sure that it runs; returns its base URL or raises EndpointError."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a server turned out to do for a model (`probe.probe`)."""

    served: str
    """The model's name on the server."""
    json_schema: bool
    """Replies can be held to a JSON schema."""
    label_probabilities: bool
    """The probabilities of a reply's first token can be read."""
    context: int | None
    """Tokens of prompt and reply together, where the server says so."""
    prompt_logprobs: bool = False
    """How probable a given reply is can be asked (`Request.scored`)."""


class Endpoint:
    """A model that can be asked. Safe to use from any number of tasks of one event loop.

    Args:
        name: The model's name in the configuration; it stands in every message.
        base_url: Root of the API, for example `http://localhost:8000/v1`.
        session: Shared by all endpoints, see `transport.open_session`.
        server: Shared by all endpoints of one server.
        slots: Of a server that is asked by nobody else: each request says on which it is to be worked on.
        model: The model's name on the server; None if it serves just one.
        key: Presented with each request.
        format: `base` for a model without a chat template.
        timeout_s: Bound of one try, from sending to the last byte.
        retries: Further tries, see `retry`.
        listen: Told when requests begin to fail, once per kind of fault.
        revive: Called before a further try when there was no connection.
        luck: Draws from [0, 1), for the jitter of waits.

    Raises:
        ConfigError: `base_url` is no HTTP address, or it holds a password or a query.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        session: aiohttp.ClientSession,
        server: Access,
        *,
        model: str | None = None,
        key: ApiKey | None = None,
        slots: OwnSlots | None = None,
        format: Format = "chat",
        timeout_s: float = 600.0,
        retries: int = 4,
        listen: Listener = ignore,
        revive: Revive | None = None,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.format: Format = format
        self.listen = listen
        self.server = server
        self._base = base_of(name, base_url)
        self._session = session
        self._model = model
        self._key = key
        self._slots = slots
        self._timeout_s = timeout_s
        self._retries = retries
        self._revive = revive
        self._luck = luck
        self._told: set[str] = set()
        # Until a probe says otherwise the server is taken to do what current servers do.
        self.schema_field: SchemaField | None = "response_format" if format == "chat" else "json_schema"
        self.top_logprobs = TOP_LOGPROBS[0]
        self.scorer: Endpoint | None = None
        """Who is asked for that instead: gra's own servers have another address for it."""
        self.scoring: Scoring | None = None
        """How the probability of a given reply is asked for; few servers tell."""

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, {self.url!r})"

    @property
    def url(self) -> str:
        """The base URL; there is nothing secret in it."""
        return str(self._base)

    async def complete(self, request: Request, *, urgency: int = 0) -> Reply:
        """Ask the model. Requests with more `urgency` go first when the server's places are taken.

        A request that is refused with a schema is sent once more without it: servers know different parts of JSON
        schema, and the parser of replies is tolerant.

        Raises:
            Refused: the server will not answer this request.
            OutOfService: the server is dead, or says that it will answer nobody.
            EndpointError: no usable answer after all tries, though others have one.
        """
        model = await self.served()
        if request.labels and not self.top_logprobs:
            raise Refused(
                f"Model `{self.name}` at {self.url}: the server gives no log-probabilities. "
                "Let its reviews be written instead."
            )
        if request.scored:
            return await (self.scorer or self)._score(request, model, urgency)
        body = completion_body(request, model, self.format, self.schema_field, self.top_logprobs)
        field = self.schema_field
        if field is None or field not in body:
            return await self._complete(request, body, urgency)
        try:
            return await self._complete(request, body, urgency)
        except Refused:
            del body[field]
            reply = await self._complete(request, body, urgency)
            self._tell("schema", f"Model `{self.name}` at {self.url}: a JSON schema was refused; asking without it.")
            return reply

    async def _complete(self, request: Request, body: Mapping[str, Any], urgency: int) -> Reply:
        read = partial(read_completion, format=self.format, labels=request.labels)
        if self._slots is None or request.slot is not None:
            return await self.call(PATHS[self.format], body, read, urgency)
        async with self._slots.one(request.prompt) as number:
            return await self.call(PATHS[self.format], {**body, "id_slot": number}, read, urgency)

    async def _score(self, request: Request, model: str, urgency: int) -> Reply:
        if self.scoring is None:
            raise Refused(
                f"Model `{self.name}` at {self.url}: the server gives no log-probabilities of the prompt. "
                "Leave `likelihood` out of the `verifiers`."
            )
        return await score(partial(self.call, urgency=urgency), request, model, self.scoring, self.format)

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors, one per text, in order.

        A text that the model cannot hold is embedded by its beginning: halved until the server takes it.
        """
        batches = [texts[i : i + EMBED_BATCH] for i in range(0, len(texts), EMBED_BATCH)]
        results = await together(self._embed_batch(batch) for batch in batches)
        return [vector for batch in results for vector in batch]

    async def _embed_batch(self, texts: list[str]) -> list[list[float]]:
        # A text without a word has no embedding on some servers; a full stop has one everywhere.
        body = {"model": await self.served(), "input": [text if text.strip() else "." for text in texts]}
        try:
            return await self.call(("embeddings",), body, lambda answer, _: read_embeddings(answer, len(texts)))
        except Refused:
            if len(texts) > 1:
                return [vector for text in texts for vector in await self._embed_batch([text])]
            if len(texts[0]) < 2 * SHORTEST_CUT:
                raise
            return await self._embed_batch([texts[0][: len(texts[0]) // 2]])

    async def served(self) -> str:
        """The model's name on the server, asked of the server if the configuration does not say it."""
        if self._model is None:
            self._model = self._only(list(await self.models()))
        return self._model

    def _only(self, names: list[str]) -> str:
        if len(names) == 1:
            return names[0]
        listed = ", ".join(plain(name, 80) for name in names[:20]) or "none"
        raise ConfigError(
            f"Model `{self.name}`: set `model`, because the server at {self.url} does not serve exactly one. "
            f"It serves: {listed}."
        )

    async def models(self) -> dict[str, int | None]:
        """The models that the server lists, each with its context where the server says so."""
        return await self.call(("models",), None, lambda answer, _: read_models(answer))

    async def tokens_of(self, text: str) -> tuple[int, ...] | None:
        """The numbers of a text's tokens, where the server tells (llama.cpp and vLLM do); None where it does not.

        Outside of the account of faults: a server that knows no such question is not at fault.
        """
        body = {
            "model": await self.served(),
            "content": text,
            "add_special": False,  # llama.cpp
            "prompt": text,
            "add_special_tokens": False,  # vLLM
        }
        async with self.server.place(0):
            answer = await self._once(("..", "tokenize"), body, lambda found, _: found.get("tokens"))
        if isinstance(answer, Fault) or not isinstance(answer, list):
            return None
        return tuple(answer) if all(isinstance(n, int) for n in answer) else None

    async def call(
        self,
        path: tuple[str, ...],
        body: Mapping[str, Any] | None,
        read: Callable[[Mapping[str, Any], float], T],
        urgency: int = 0,
    ) -> T:
        """Send, as often as `retry` says, and read the answer; or raise the error that `retry` says."""
        answer = await self.try_call(path, body, read, urgency)
        if isinstance(answer, Failed):
            raise answer.error()
        return answer

    async def try_call(
        self,
        path: tuple[str, ...],
        body: Mapping[str, Any] | None,
        read: Callable[[Mapping[str, Any], float], T],
        urgency: int = 0,
    ) -> T | Failed:
        """Like `call`, but the failure is returned."""
        tries = spared = heard = 0
        in_doubt = False
        while True:
            async with self.server.place(urgency) as place:
                heard = heard if tries else place.heard
                silence = await self._greet(path, body) if in_doubt and place.heard == heard else None
                answer: T | Fault = silence if silence is not None else await self._once(path, body, read)
                if not isinstance(answer, Fault):
                    self.server.answered(place.generation)
                    return answer
                found = await self.server.report(answer, place.generation)
            tries += 1
            now = found.heard
            spared += not counts(answer, tries, now > heard, found.silent, now > 0)
            heard, in_doubt = now, is_silence(answer) and now > 0
            step = decide(answer, tries, self._retries, self._luck(), spared, found.lost)
            if isinstance(step, GiveUp):
                kind = OutOfService if step.error is EndpointError and await self.server.to_blame() else step.error
                return Failed(kind, answer, self.name, self._address(path), tries)
            self._tell(answer.kind + str(answer.status), self._trouble(answer))
            self.server.retried()
            await asyncio.sleep(step.after_s)
            if answer.kind == "connection" and self._revive is not None:
                self._base = base_of(self.name, await self._revive(now))

    async def _once(
        self,
        path: tuple[str, ...],
        body: Mapping[str, Any] | None,
        read: Callable[[Mapping[str, Any], float], T],
    ) -> T | Fault:
        started = time.monotonic()
        answer = await send(self._session, Call(self._address(path), self._key, body), self._timeout_s)
        if isinstance(answer, Fault):
            return answer
        try:
            return read(answer, time.monotonic() - started)
        except (Malformed, OverflowError) as error:  # a server may send numbers of any length
            return Fault("body", str(error))

    async def _greet(self, path: tuple[str, ...], body: Mapping[str, Any] | None) -> Fault | None:
        """Whether anybody is there to whoever asks less: the silence that is met, or None."""
        fault = await self._once(path, greeting(body), lambda *_: None)
        if fault is not None and is_silence(fault):
            return fault
        self.server.greeted()
        return None

    def _address(self, path: tuple[str, ...]) -> str:
        return str(self._base.joinpath(*path))

    def _trouble(self, fault: Fault) -> str:
        status = f"HTTP {fault.status} " if fault.status else ""
        return f"Model `{self.name}` at {self.url}: {fault.kind} fault, trying again: {status}{fault.said}"

    def _tell(self, about: str, text: str) -> None:
        """Tell once about each kind of trouble: a flood of the same notice helps nobody."""
        if about not in self._told:
            self._told.add(about)
            self.listen(Notice(text))


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that `retry` gave up."""

    kind: type[EndpointError]
    fault: Fault
    name: str
    url: str
    tries: int

    def error(self) -> EndpointError:
        """The error to raise."""
        return failure(self.kind, self.fault, self.name, self.url, self.tries)
