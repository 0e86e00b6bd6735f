"""The data pool D(t) as the samples of one round see it: fixed for the round, so every draw from it is repeatable."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from gra.records import Entry


class Pool:
    """Seeds and what earlier rounds accepted, by domain.

    Args:
        entries: in their order, seeds first. May be anything that reads an entry when it is asked for: only their
            places are kept.
        fewest: examples that a draw has, where there are so many.
    """

    def __init__(self, entries: Sequence[Entry], fewest: int) -> None:
        self._entries = entries
        self._fewest = fewest
        self._places: dict[str, array[int]] = {}
        seeds: Counter[str] = Counter()
        for place, entry in enumerate(entries):
            self._places.setdefault(entry.domain, array("q")).append(place)
            seeds[entry.domain] += entry.round == 0
        self.seeds = seeds.total()
        """How many there are."""
        seeds = +seeds
        enough = {d: n for d, n in seeds.items() if len(self._places[d]) >= self._fewest} or dict(seeds)
        self._domains = sorted(enough)
        self._often = [enough[domain] for domain in self._domains]

    def seed(self, index: int) -> Entry:
        """A seed by its number."""
        return self._entries[index]

    def draw_domain(self, rng: random.Random) -> str:
        """A domain, as often as the seeds have it (the paper leaves this open).

        A domain with fewer entries than the least number of examples is passed over, as long as another has enough.
        """
        return rng.choices(self._domains, self._often)[0]

    def draw_examples(self, domain: str, rng: random.Random, most: int, but: int = -1) -> tuple[Entry, ...]:
        """Between the least number and `most` entries of the domain; fewer if it has fewer.

        Args:
            domain: of the entries.
            rng: the draw depends on nothing else.
            most: entries that are drawn.
            but: number of a seed that is not drawn.
        """
        places = self._places.get(domain, array("q"))
        at = bisect_left(places, but)  # what lies behind it moves up by one
        without = at < len(places) and places[at] == but
        count = min(rng.randint(self._fewest, most), len(places) - without)
        drawn = rng.sample(range(len(places) - without), count)
        return tuple(self._entries[places[n + (without and n >= at)]] for n in drawn)
