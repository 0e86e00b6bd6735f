"""The samples of a run that are most worth a person's time, found in one pass. Keeps a few of each kind, cut short."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from gra.records import Sample, Status
from gra.synthesis.figures import alike, rating, said_by_models

KEPT = 20
"""Samples told."""
SHORTENED = 2000
"""Characters kept of an instruction or a response."""
KINDS = ("most disputed", "lowest score that passed", "reviewers most apart", "longest response", "nearly a duplicate")


@dataclass(frozen=True, slots=True, order=True)
class Worth:
    """One sample, and why it is told."""

    by: float
    """Within its kind, the larger the more worth a look."""
    id: str
    kind: str = field(compare=False)
    why: str = field(compare=False)
    domain: str = field(compare=False)
    status: str = field(compare=False)
    score: float = field(compare=False)
    instruction: str = field(compare=False)
    response: str = field(compare=False)


@dataclass
class Worthy:
    """Looks at sample by sample; its memory does not grow with them."""

    kinds: dict[str, list[Worth]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def add(self, sample: Sample) -> None:
        """Consider one."""
        version = sample.best
        if version is None:
            return
        disputed = [v.verdict for v in sample.versions if v.verdict and v.verdict.outcome == "dispute"]
        if disputed:
            spread = max(verdict.spread for verdict in disputed)
            self._consider(KINDS[0], spread, f"disputed, with a spread of {spread:.2f}", sample)
        ratings = [rating(o) for o in alike(said_by_models(version.opinions))]
        if len(ratings) > 1:
            apart = max(ratings) - min(ratings)
            self._consider(KINDS[2], apart, f"reviewers {apart:.1f} of 10 apart", sample)
        if sample.status is Status.ACCEPTED:
            self._consider(KINDS[1], -sample.score, f"passed with a score of {sample.score:.2f} only", sample)
            self._consider(KINDS[3], len(version.response), f"long: {len(version.response):,} characters", sample)
            if sample.similarity is not None:
                why = f"accepted, with a cosine of {sample.similarity:.3f} to another"
                self._consider(KINDS[4], sample.similarity, why, sample)

    def found(self) -> tuple[Worth, ...]:
        """At most `KEPT`, each once, as many of each kind as there are, in turn."""
        order = {kind: sorted(kept, reverse=True) for kind, kept in self.kinds.items()}
        taken: dict[str, Worth] = {}
        while len(taken) < KEPT and any(order.values()):
            for kind in KINDS:
                while order[kind] and order[kind][0].id in taken:
                    order[kind].pop(0)
                if order[kind] and len(taken) < KEPT:
                    first = order[kind].pop(0)
                    taken[first.id] = first
        return tuple(sorted(taken.values(), key=lambda worth: (KINDS.index(worth.kind), -worth.by, worth.id)))

    def _consider(self, kind: str, by: float, why: str, sample: Sample) -> None:
        kept = self.kinds[kind]
        if len(kept) == KEPT and by <= kept[0].by:
            return
        texts = sample.instruction[:SHORTENED], sample.response[:SHORTENED]
        worth = Worth(by, sample.id, kind, why, sample.domain, sample.status.value, sample.score, *texts)
        heapq.heappush(kept, worth) if len(kept) < KEPT else heapq.heapreplace(kept, worth)
