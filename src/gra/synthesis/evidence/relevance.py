"""Relevance: how near a response is to its instruction in meaning, by the embeddings of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gra.calls import Ask, CallId
from gra.synthesis.evidence.verifier import Embedding, Finding
from gra.synthesis.reading import Matter

MOST = 0.9999
"""A cosine beyond this, that of a response that repeats its instruction, says no more."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """The cosine of instruction and response, by Fisher's transformation, which gives all cosines the same spread."""

    embed: Embedding

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """Twice the inverse hyperbolic tangent of the cosine, so that (1 + cosine) / 2 is on record."""
        if not matter.response.strip():
            return "there is no response"
        one, other = await self.embed(call, [matter.instruction, matter.response])
        cosine = math.fsum(float(a) * float(b) for a, b in zip(one, other, strict=True))
        return Finding(2 * math.atanh(min(max(cosine, -MOST), MOST)))
