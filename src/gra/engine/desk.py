"""The desk every question passes: answered from the ledger if it can be, asked and written down if not.

This one mechanism is resume, caching, provenance and cost accounting. A question that was answered before is never
put again; one with another prompt, model or sampling is another question.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gra.calls import CallId, Reply, Request
from gra.config.models import Price
from gra.config.synthesis import Budget, SynthesisConfig
from gra.engine.compute import UNIT, UNIT_NAME, compute, sizes_of
from gra.engine.energy import told
from gra.engine.metering import Energy
from gra.engine.prices import FREE, charge, money, prices_of
from gra.errors import Refused
from gra.events import CallAnswered, Listener
from gra.ids import index_of
from gra.llm import Model
from gra.programs import SANDBOX
from gra.store.kept_answers import KeptAnswers
from gra.store.ledger import Ledger
from gra.store.reader import Totals


class BudgetSpent(Exception):  # a state of the run, not an error
    """A limit of the budget is reached; what was answered is stored."""


class Purse(Protocol):
    """What a desk asks for with: `Spending`, or what passes on to it from another process."""

    def check(self) -> None:
        """Raise a `BudgetSpent` if nothing more may be asked."""
        ...

    def count(self, model: str, answer: Reply | Refused) -> None:
        """Add one call of a model."""
        ...


@dataclass
class Spending:
    """What the run has used so far, earlier attempts included except for time."""

    budget: Budget
    calls: int = 0
    tokens: int = 0
    compute: float = 0.0
    """In the unit of `engine.compute`; counts only what `sizes` knows."""
    sizes: Mapping[str, float] = field(default_factory=dict)
    """Parameters by model."""
    money: float = 0.0
    """Counts only what `prices` knows."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By model."""
    currency: str = "USD"
    energy: Energy = field(default_factory=Energy)
    """Measured and estimated."""
    started: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raise if nothing more may be asked.

        Raises:
            BudgetSpent: names the limit.
        """
        if self.budget.calls is not None and self.calls >= self.budget.calls:
            raise BudgetSpent(f"the budget of {self.budget.calls} calls is spent")
        if self.budget.tokens is not None and self.tokens >= self.budget.tokens:
            raise BudgetSpent(f"the budget of {self.budget.tokens} tokens is spent")
        if self.budget.compute is not None and self.compute >= self.budget.compute:
            raise BudgetSpent(f"the budget of {self.budget.compute:.4g} {UNIT_NAME} is spent")
        if self.budget.money is not None and self.money >= self.budget.money:
            raise BudgetSpent(f"the budget of {self.budget.money:g} {self.currency} is spent")
        if self.budget.energy_wh is not None and self.energy.wh >= self.budget.energy_wh:
            raise BudgetSpent(f"the budget of {self.budget.energy_wh:g} Wh is spent ({told(self.energy.consumed)})")
        minutes = (time.monotonic() - self.started) / 60
        if self.budget.minutes is not None and minutes >= self.budget.minutes:
            raise BudgetSpent(f"the budget of {self.budget.minutes:g} minutes is spent")

    def count(self, model: str, answer: Reply | Refused) -> None:
        """Add one call of a model; a refused one took no tokens."""
        self.calls += 1
        if not isinstance(answer, Refused):
            used = answer.usage
            self.tokens += used.prompt_tokens + used.completion_tokens
            computed = used.prompt_tokens - used.cached_tokens + used.completion_tokens
            self.compute += self.sizes.get(model, 0.0) * computed / UNIT
            price = self.prices.get(model, FREE)
            self.money += charge(price, used.prompt_tokens, used.cached_tokens, used.completion_tokens)
            if model != SANDBOX:  # what runs there is the machine's, and no model's
                self.energy.count(model, used)


def spent_so_far(config: SynthesisConfig, totals: Totals, energy: Energy) -> Spending:
    """What earlier attempts have used, to go on counting from; of energy it is known already."""
    known, priced, spent = sizes_of(config), prices_of(config), totals.by_model()
    return Spending(
        config.budget,
        calls=totals.all.calls,
        tokens=totals.all.prompt_tokens + totals.all.completion_tokens,
        compute=compute(spent, known) or 0.0,
        sizes=known,
        money=money(spent, priced) or 0.0,
        prices=priced,
        currency=config.currency,
        energy=energy,
    )


class Desk:
    """An `Ask` over the ledger and the endpoints."""

    def __init__(
        self,
        ledger: Ledger,
        endpoints: Mapping[str, Model],
        identities: Mapping[str, str],
        spending: Purse,
        listen: Listener,
        kept: KeptAnswers | None = None,
    ) -> None:
        self._ledger = ledger
        self._kept = kept
        self._endpoints = endpoints
        self._identities = identities
        self._spending = spending
        self._listen = listen

    async def __call__(self, call: CallId, request: Request) -> Reply:
        """The answer to a call.

        Raises:
            Refused: the server will not answer it as things are; recorded, and asked again in another attempt.
            EndpointError: the endpoint gave up; not recorded, so it is asked again on resume.
            BudgetSpent: nothing more may be asked.
        """
        identity = self._identities[request.model]
        digest = request.digest(identity)
        known = self._ledger.find(call, digest)
        if known is not None:
            self._tell(request, known, replayed=True)
            return known
        self._spending.check()
        elsewhere = self._ledger.find_elsewhere(call, digest)
        if elsewhere is None and self._kept:
            elsewhere = self._kept.find(call.sample, identity, digest)
        answer = elsewhere or await self._asked(request, urgency(call))
        # Another run's answer counts like one's own: a budget ends the run where it would end if it were alone.
        self._spending.count(request.model, answer)
        reply = await self._ledger.commit(call, digest, request, answer)
        if self._kept and elsewhere is None:
            self._kept.keep(call.sample, identity, digest, reply)
        self._tell(request, reply, replayed=elsewhere is not None)
        return reply

    async def _asked(self, request: Request, urgency: int) -> Reply | Refused:
        try:
            return await self._endpoints[request.model].complete(request, urgency=urgency)
        except Refused as refusal:
            return refusal

    def _tell(self, request: Request, reply: Reply, replayed: bool) -> None:
        usage = reply.usage
        self._listen(CallAnswered(request.model, usage.prompt_tokens, usage.completion_tokens, reply.seconds, replayed))


def urgency(call: CallId) -> int:
    """How soon a call is asked, where it has to wait: of candidates those that began first.

    They are the nearest to their end, and their ends are what a round waits for. A call that belongs to no candidate
    goes before all, because candidates wait for it.
    """
    index = index_of(call.sample)
    return 0 if index is None else -index
