"""How large a share of each part a model gets, by what it has shown. Pure: counts in, shares out.

A bandit whose arms are the pool's models. A Generator's reward is an accepted sample and its price what a candidate of
its costs from first to last, so its share is that of the draws of what may be in which it gives most for its price
(Thompson, Biometrika 1933; with prices: Xia et al., "Thompson Sampling for Budgeted Multi-Armed Bandits", IJCAI 2015).
That rule bears being told late and in batches (Chapelle and Li, NIPS 2011), and a round is one batch: shares are made
when it begins, of what earlier rounds brought, and stay for all of its candidates.

Merit is never everything. Part of each draw is even, so that no model is forgotten for a bad beginning, and no model
has more than a cap, so that the data does not become one model's: in each draw the best has the cap, and the next best
what is left.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

DRAWS = 1000
"""Of the yields that may be, from which shares are counted: to about 1.6 points."""
ELSEWHERE = 4.0
"""Candidates that all other domains count for in a domain: what a model can do carries over, but not for ever."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What candidates of one Generator came to."""

    tried: int = 0
    accepted: int = 0
    cost: float = 0.0
    """Of all their calls together, reviews too."""

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.tried + other.tried, self.accepted + other.accepted, self.cost + other.cost)

    @property
    def share(self) -> float:
        """Yield to be expected: one accepted and one turned down are taken for granted, so it is never 0 or 1."""
        return (1 + self.accepted) / (2 + self.tried)


Tallies = Mapping[str, Mapping[str, Tally]]
"""By Generator and domain."""


def writers(
    tallies: Tallies, domain: str, even: Mapping[str, float], cap: float, draw: random.Random
) -> dict[str, float]:
    """Shares of Generators by accepted samples of a domain for their cost, as far as that is known; they sum to 1.

    Args:
        tallies: what earlier rounds brought.
        domain: the one that is written for.
        even: the models that may write, by the share each has without merit; while nothing was tried it stays so.
        cap: largest share, in (0, 1].
        draw: where the possible yields are drawn from.
    """
    if not any(tally.tried for of in tallies.values() for tally in of.values()):
        return dict(even)
    alone = {name: tallies.get(name, {}).get(domain, Tally()) for name in even}
    whole = {name: sum(tallies.get(name, {}).values(), Tally()) for name in even}
    prices = _prices(whole)
    won, places = dict.fromkeys(even, 0.0), _places(cap, len(even))
    beliefs = {}
    for name, here in alone.items():
        there = Tally(whole[name].tried - here.tried, whole[name].accepted - here.accepted)
        prior, strength = there.share, min(ELSEWHERE, 2.0 + there.tried)
        beliefs[name] = (prior * strength + here.accepted, (1 - prior) * strength + here.tried - here.accepted)
    for _ in range(DRAWS):
        worth = {name: draw.betavariate(*belief) / prices[name] for name, belief in beliefs.items()}
        for name, share in zip(sorted(worth, key=worth.__getitem__, reverse=True), places, strict=False):
            won[name] += share
    return {name: share / DRAWS for name, share in won.items()}


def _places(cap: float, number: int) -> list[float]:
    """What the best gets, the second best, and so on: the cap each, until all is given away."""
    cap = max(cap, 1 / number)
    whole = int(1 / cap + 1e-9)
    return [*[cap] * whole, 1 - cap * whole]


def _prices(whole: Mapping[str, Tally]) -> dict[str, float]:
    """What a candidate costs, by Generator: its mean, with one more that costs as much as all do on average."""
    everything = sum(whole.values(), Tally())
    usual = everything.cost / everything.tried or 1.0
    return {name: (usual + tally.cost) / (1 + tally.tried) for name, tally in whole.items()}


def judges(told: Mapping[str, float], price: Mapping[str, float]) -> dict[str, float]:
    """Shares of a part that judges, by evidence for its price; even where nobody has shown anything.

    What two independent judges know adds up in squares of their separation (it is the information about the mean
    of what each says), so that is what is set against the price.

    Args:
        told: by model, the separation that it has shown in its exam, 0 for none.
        price: by model, what a question costs.
    """
    worth = {name: separation**2 / price[name] for name, separation in told.items()}
    total = sum(worth.values())
    return {name: w / total if total else 1 / len(worth) for name, w in worth.items()}


def held(merit: Mapping[str, float], even: Mapping[str, float], explore: float, cap: float) -> dict[str, float]:
    """Shares by merit with a floor and a cap; they sum to 1.

    None is above the cap (or above an even share, where so many models cannot all be below the cap), and none is below
    `explore` times what it is without merit, unless the cap takes it. What that takes goes to the others in proportion.

    Args:
        merit: by model, summing to 1.
        even: of the same models, summing to 1, all above 0.
        explore: in (0, 1].
        cap: in (0, 1].
    """
    shares = {name: explore * even[name] + (1 - explore) * merit[name] for name in even}
    cap = max(cap, 1 / len(shares))
    capped: set[str] = set()
    while over := {name for name, share in shares.items() if share > cap + 1e-12 and name not in capped}:
        capped |= over
        free = sum(share for name, share in shares.items() if name not in capped)
        left = 1 - cap * len(capped)
        shares = {name: cap if name in capped else share * left / free for name, share in shares.items()}
    return shares
