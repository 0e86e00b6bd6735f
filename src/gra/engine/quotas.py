"""How far each domain of a round is from what is asked of it. Pure: it knows only what it is told, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gra.postprocess.dedup import Decision


@dataclass
class Quotas:
    """Accepted samples asked for, by domain, against those that there are.

    Passes are counted as they come; how many of them are accepted is known when de-duplication has been done.
    """

    asked: Mapping[str, int]
    domain: Callable[[int], str]
    """The domain of a candidate by its number, as `asked` has it."""
    _passed: Counter[str] = field(default_factory=Counter)
    _missing: dict[str, int] = field(default_factory=dict)
    """When duplicates were last looked at, of the domains where enough have passed."""

    def count(self, index: int) -> bool:
        """Count the pass of a candidate. True if its domain may be full with it, so that duplicates matter."""
        domain = self.domain(index)
        self._passed[domain] += 1
        return self._passed[domain] >= self.asked[domain]

    def settle(self, accepted: Mapping[str, int]) -> bool:
        """Take over how many of all that were counted are no duplicates, by domain. True if every domain is full."""
        self._missing = {d: n - accepted.get(d, 0) for d, n in self.asked.items() if self._passed[d] >= n}
        return all(self.is_full(domain) for domain in self.asked)

    def is_full(self, domain: str) -> bool:
        """Whether the domain had all that is asked for when duplicates were last looked at."""
        return self._missing.get(domain, 1) <= 0

    def missing(self, domain: str, passed: int) -> int:
        """Samples that the domain still lacks if so many have passed, and as far as is known survive."""
        return max(self.asked[domain] - passed, self._missing.get(domain, 0))

    def within(self, decided: Iterable[Decision]) -> Iterator[tuple[Decision, bool]]:
        """Each decision, best first, and whether it is more than its domain asks for."""
        left = Counter(self.asked)
        for decision in decided:
            domain = self.domain(decision.index)
            left[domain] -= decision.accepted
            yield decision, decision.accepted and left[domain] < 0

    def lacking(self, accepted: Iterable[int]) -> list[str]:
        """The domains that are not full with these candidates, with what they reached, in words."""
        reached = Counter(map(self.domain, accepted))
        return [f"{d} {reached[d]} of {n}" for d, n in self.asked.items() if d and reached[d] < n]
