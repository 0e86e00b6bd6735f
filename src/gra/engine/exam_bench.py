"""What `gra exam` asks through: models without a run, with their answers kept for the next exam and the next run."""

from __future__ import annotations

from gra.calls import Ask, CallId, Reply, Request
from gra.engine.models import EMBEDDINGS, OpenModels
from gra.events import CallAnswered, Listener
from gra.store.kept_answers import KeptAnswers
from gra.store.ledger import embedded


class Bench:
    """An `Ask` without a run: what was kept is found, what is asked is kept."""

    def __init__(self, models: OpenModels, kept: KeptAnswers, listen: Listener) -> None:
        self._models, self._kept, self._listen = models, kept, listen
        self._asked: dict[str, Reply] = {}

    async def __call__(self, call: CallId, request: Request) -> Reply:
        identity = self._models.identities[request.model]
        digest = request.digest(identity)
        known = self._asked.get(digest) or self._kept.find(call.sample, identity, digest)
        reply = known or await self._models.endpoints[request.model].complete(request)
        if known is None:
            self._kept.keep(call.sample, identity, digest, reply)
        self._asked[digest] = reply
        usage = reply.usage
        tokens = (usage.prompt_tokens, usage.completion_tokens)
        self._listen(CallAnswered(request.model, *tokens, reply.seconds, known is not None))
        return reply

    async def embed(self, call: CallId, texts: list[str]) -> list[list[float]]:
        """Unit vectors; they are too cheap to be kept."""
        return await self._models.endpoints[EMBEDDINGS].embed([embedded(text) for text in texts])


class Counting:
    """An `Ask` that adds up new tokens: of prompts without what was cached, and of answers."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.tokens = 0

    async def __call__(self, call: CallId, request: Request) -> Reply:
        reply = await self._ask(call, request)
        self.tokens += reply.usage.prompt_tokens - reply.usage.cached_tokens + reply.usage.completion_tokens
        return reply
