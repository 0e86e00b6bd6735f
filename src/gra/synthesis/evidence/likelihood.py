"""Likelihood: how probable a model finds the response, given its instruction and alone.

Superfiltering (arXiv 2402.00530) and instruction-following difficulty (arXiv 2308.12032) select data by these numbers,
and find that a small model's do for a large one's. Two members: they see different faults (docs/method.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gra.calls import SCORED, Ask, CallId, Message, Request, Sampling
from gra.synthesis.evidence.verifier import Finding, copied
from gra.synthesis.reading import Matter

MOST_COPIED = 0.6
"""Share of words from the instruction above which a response is taken to repeat it. Of seeds' answers one in seven
(code) to one in two (mathematics) is; of the others the measure tells as well within 0.01 of AUC, or better."""
LEAST = 1e-30
"""A response that is less likely than this, per token, is no more unlikely than another such."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Mean log-probability of a token of the response, given the instruction; in nats."""

    model: str

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """Below 0; small models give -1 to -4 to sound answers."""
        if not matter.response.strip():
            return "there is no response"
        return Finding(await _given(ask, self.model, matter, call))


@dataclass(frozen=True, slots=True)
class Information:
    """What the instruction adds to that, against the response alone: pointwise mutual information a token, in nats.

    The instruction foretells best what repeats it, so of a response that does it says nothing (docs/lab_notes.md).
    """

    model: str

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """About 0 for an answer to something else."""
        if not matter.response.strip():
            return "there is no response"
        if (share := copied(matter)) > MOST_COPIED:
            return f"{share:.0%} of its words are the instruction's"
        given = await _given(ask, self.model, matter, call)
        alone = await _logprob(ask, self.model, (), matter.response, _step(call, self.model, "alone"))
        return Finding(given - alone)


async def _given(ask: Ask, model: str, matter: Matter, call: CallId) -> float:
    turns = (Message("user", matter.instruction),)
    return await _logprob(ask, model, turns, matter.response, _step(call, model, "given"))


def _step(call: CallId, model: str, what: str) -> CallId:
    """One name for what both members ask, so that it is asked once."""
    return replace(call, step=f"{call.step.rsplit('@', 1)[0]}@likelihood.{model}.{what}")


async def _logprob(ask: Ask, model: str, turns: tuple[Message, ...], response: str, call: CallId) -> float:
    request = Request(
        model=model,
        messages=turns,
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=1, seed=0),
        scored=response,
    )
    reply = await ask(call, request)
    return math.log(max(reply.labels.get(SCORED, 0.0), LEAST))
