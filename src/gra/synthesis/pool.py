"""The data pool D(t) as the samples of one round see it: fixed for the round, so every draw from it is repeatable."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from gra.records import Entry


class Pool:
    """Seeds and what earlier rounds accepted, by domain."""

    def __init__(self, entries: Sequence[Entry], fewest: int) -> None:
        self.entries = tuple(entries)
        self.seeds = tuple(e for e in self.entries if e.round == 0)
        self._fewest = fewest
        self._by_domain: dict[str, list[Entry]] = {}
        for entry in self.entries:
            self._by_domain.setdefault(entry.domain, []).append(entry)

    def draw_domain(self, rng: random.Random) -> str:
        """A domain, as often as the seeds have it (the paper leaves this open).

        A domain with fewer entries than the least number of examples is passed over, as long as another has enough.
        """
        seeds = Counter(e.domain for e in self.seeds)
        enough = {d: n for d, n in seeds.items() if len(self._by_domain[d]) >= self._fewest} or dict(seeds)
        domains = sorted(enough)
        return rng.choices(domains, [enough[d] for d in domains])[0]

    def draw_examples(self, domain: str, rng: random.Random, most: int, but: str = "") -> tuple[Entry, ...]:
        """Between the least number and `most` entries of the domain but the one with this id; fewer if it has fewer."""
        entries = [e for e in self._by_domain.get(domain, []) if e.id != but]
        count = min(rng.randint(self._fewest, most), len(entries))
        return tuple(rng.sample(entries, count))
