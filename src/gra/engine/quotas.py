"""How far each domain of a round is from what is asked of it. Pure: it knows only what it is told, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from gra.records import Sample, Status

FULL = "the round was full without it"


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
    """After the last de-duplication, of the domains where enough have passed."""

    def count(self, sample: Sample) -> bool:
        """Count a pass. True if its domain may be full with it, so that de-duplication has to be done."""
        domain = self.domain(sample.index)
        self._passed[domain] += 1
        return self._passed[domain] >= self.asked[domain]

    def settle(self, decided: Iterable[Sample]) -> bool:
        """Take over what de-duplication says of all that were counted. True if every domain is full."""
        accepted = self.accepted(decided)
        self._missing = {d: n - accepted[d] for d, n in self.asked.items() if self._passed[d] >= n}
        return all(self.is_full(domain) for domain in self.asked)

    def is_full(self, domain: str) -> bool:
        """Whether the domain had all that is asked for when de-duplication was last done."""
        return self._missing.get(domain, 1) <= 0

    def missing(self, domain: str, passed: int) -> int:
        """Samples that the domain still lacks if so many have passed, and as far as is known survive."""
        return max(self.asked[domain] - passed, self._missing.get(domain, 0))

    def lack(self) -> int:
        """Samples that all domains together still lack, by what was counted."""
        return sum(self.missing(domain, self._passed[domain]) for domain in self.asked)

    def accepted(self, decided: Iterable[Sample]) -> Counter[str]:
        """By domain."""
        return Counter(self.domain(s.index) for s in decided if s.status is Status.ACCEPTED)

    def within(self, decided: Iterable[Sample]) -> list[Sample]:
        """The decided samples, best first; of a domain that has more than is asked, the last are surplus."""
        left, kept = Counter(self.asked), []
        for sample in decided:
            domain = self.domain(sample.index)
            left[domain] -= sample.status is Status.ACCEPTED
            over = sample.status is Status.ACCEPTED and left[domain] < 0
            kept.append(replace(sample, status=Status.SURPLUS, reason=FULL) if over else sample)
        return kept

    def lacking(self, decided: Iterable[Sample]) -> list[str]:
        """The domains that are not full, with what they reached, in words."""
        accepted = self.accepted(decided)
        return [f"{d} {accepted[d]} of {n}" for d, n in self.asked.items() if d and accepted[d] < n]
