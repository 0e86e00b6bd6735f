"""A verifier as a member of a committee: what it measures becomes an opinion, or it abstains.

Knows neither the exam nor the gate: to both it is a `Reading` like a model's, under a name of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gra.calls import Ask, CallId
from gra.errors import Refused
from gra.records import Opinion
from gra.records import Reading as ReadingName
from gra.synthesis.reading import Matter

_WORD = re.compile(r"\w+")
Embedding = Callable[[CallId, list[str]], Awaitable[Sequence[Sequence[float]]]]
"""Unit vectors of texts, from the run's store if they are there; the call says for whom."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a verifier has measured."""

    value: float
    """Any finite number; more is better. Its scale and its zero are the exam's business."""
    comment: str = ""
    """What could be mended, in a sentence, for whoever revises the response; empty if there is nothing to say."""


class Verifier(Protocol):
    """Measures one thing about a response.

    The same matter must always give the same finding, so whatever it asks of a model it asks through `ask`, under steps
    that begin with `call.step`.
    """

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """What it finds; or, as text, why there is nothing here that it could check."""
        ...


@dataclass(frozen=True, slots=True)
class EvidenceReading:
    """A verifier's findings as opinions."""

    verifier: Verifier
    cheap: bool = True
    """Asked before the models are; else in its turn, if it can still change something."""
    kind: ReadingName = "evidence"

    async def read(self, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
        """Its opinion. What its server refuses to measure, a text that is too long for example, it abstains from."""
        try:
            found = await self.verifier.verify(ask, matter, call)
        except Refused as refusal:
            found = str(refusal)
        if isinstance(found, str):
            return Opinion(model, matter.stage, self.kind, abstained=found)
        return Opinion(model, matter.stage, self.kind, {self.kind: logistic(found.value)}, comment=found.comment)


def logistic(value: float) -> float:
    """A number in (0, 1) whose log-odds are the value, without overflow."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    return math.exp(max(value, -700.0)) / (1 + math.exp(max(value, -700.0)))


def log_odds(share: float) -> float:
    """The value whose logistic is a share in (0, 1)."""
    return math.log(share / (1 - share))


def smoothed(hits: float, of: int) -> float:
    """The log-odds of `hits` in `of` trials, each outcome seen half a time before (Jeffreys' prior): never infinite."""
    return log_odds((hits + 0.5) / (of + 1))


def copied(matter: Matter) -> float:
    """Share of the response's words that the instruction has too, in [0, 1]."""
    given = set(_WORD.findall(matter.instruction.casefold()))
    words = _WORD.findall(matter.response.casefold())
    return sum(word in given for word in words) / len(words) if words else 0.0
