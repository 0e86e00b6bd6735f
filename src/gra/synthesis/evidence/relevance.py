"""Relevance: how near a response is to its instruction in meaning, by the embeddings of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gra.calls import Ask, CallId
from gra.synthesis.evidence.verifier import Embedding, Finding, copied
from gra.synthesis.reading import Matter

MOST_COPIED = 0.8
"""Share of words from the instruction above which a response is taken to give it back: nothing is nearer to an
instruction, and it tells nothing of how well it is answered. Of seeds' answers 6 in 100 are (docs/lab_notes.md)."""
MOST = 0.9999
"""A cosine beyond this says no more."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """The cosine of instruction and response, by Fisher's transformation, which gives all cosines the same spread."""

    embed: Embedding

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """Twice the inverse hyperbolic tangent of the cosine, so that (1 + cosine) / 2 is on record."""
        if not matter.response.strip():
            return "there is no response"
        if (share := copied(matter)) > MOST_COPIED:
            return f"{share:.0%} of its words are the instruction's"
        one, other = await self.embed(call, [matter.instruction, matter.response])
        cosine = math.fsum(float(a) * float(b) for a, b in zip(one, other, strict=True))
        return Finding(2 * math.atanh(min(max(cosine, -MOST), MOST)))
