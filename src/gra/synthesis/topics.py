"""What each candidate is about: its domain and its passage. Pure.

Both follow from the candidate's number alone, so neither depends on what other candidates have come to. Which of the
candidates are wanted in the end is the round's business.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, islice

from gra.config.synthesis import SynthesisConfig
from gra.ids import rng
from gra.records import Passage

ANY = ""
"""Stands for all domains together, where samples are not asked for by domain."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What the candidates of one round are about, by number."""

    order: tuple[str, ...] = ()
    """The domain of each sample that is asked for; candidates go through it over and over. Empty: any will do."""
    passages: Sequence[Passage] = ()
    before: int = 0
    """Candidates that earlier rounds came to a decision on: their passages have been used."""
    random_seed: int = 0

    def domain(self, index: int) -> str:
        """The domain of candidate `index`; `ANY` if it is drawn as the seeds have it."""
        return self.order[index % len(self.order)] if self.order else ANY

    def numbers(self, domain: str) -> Iterator[int]:
        """The candidates of a domain, or of `ANY`, in order and without end."""
        order = self.order or (ANY,)
        places = [place for place, named in enumerate(order) if named == domain]
        return (begin + place for begin in count(0, len(order)) for place in places)

    def quotas(self, target: int) -> dict[str, int]:
        """Samples asked for, by domain; of `ANY` if it does not matter which."""
        return dict(Counter(self.order)) or {ANY: target}

    def passage(self, index: int) -> Passage | None:
        """The passage of candidate `index`: each is drawn once before any is drawn again."""
        if not self.passages:
            return None
        turn, place = divmod(self.before + index, len(self.passages))
        return self.passages[_shuffled(self.random_seed, turn, len(self.passages))[place]]


def shares_of(config: SynthesisConfig) -> dict[str, float]:
    """What share each domain is to have of what is accepted; empty where the seeds decide, as in refinement."""
    if config.allocation == "seeds" or config.task == "refine":
        return {}
    return {leaf.name: leaf.share if config.allocation == "quota" else 1.0 for leaf in config.leaves}


def in_turn(shares: Mapping[str, float], number: int) -> tuple[str, ...]:
    """`number` domains, each as often as its share has it, and evenly spread.

    The k-th of a domain (from 0) stands at (k + 1/2) / share: Webster's method of apportionment. So the first n are
    apportioned well for every n, and a longer list begins with a shorter one: rounds are slices of it.
    """

    def places(rank: int, domain: str, share: float) -> Iterator[tuple[float, int, str]]:
        return (((k + 0.5) / share, rank, domain) for k in count())

    spread = [places(rank, domain, share) for rank, (domain, share) in enumerate(shares.items()) if share > 0]
    return tuple(domain for *_, domain in islice(heapq.merge(*spread), number))


@lru_cache(maxsize=4)
def _shuffled(random_seed: int, turn: int, size: int) -> tuple[int, ...]:
    return tuple(rng(random_seed, "passages", turn).sample(range(size), size))
