"""Whose opinion is still needed: nobody is asked who can no longer change what becomes of a sample. Pure.

Opinions that are open are imagined as far out as they can be: each reviewer may turn out to be unreadable, and the
others may all say the worst or all say the best. Where the sample comes to the same end in all of these cases, it does
so whatever would be said, because the gate is `Monotone`; with any other gate everybody is asked.

"The same end" is more than the outcome: the score of what passes orders de-duplication, and the comments on a response
that may go back to its Generator are read. So a response that passes, is disputed, or may be revised wants everybody
whose opinion has weight, and an instruction, whose score nobody uses again, only those who settle it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from gra.config.criteria import CriteriaConfig
from gra.records import Opinion, Stage
from gra.records import Reading as ReadingName
from gra.synthesis.decide import Gate, Monotone, quorum

FORESEEN = 6
"""Opinions that may be open where it is gone through what they could say: 2 x 64 cases. Of larger committees the
first are asked in any case."""
WORST_AND_BEST: Mapping[tuple[ReadingName, Stage], tuple[float, float]] = {
    ("probability", "instruction"): (0.0, 1.0),
    ("probability", "response"): (0.0, 1.0),
    ("written", "instruction"): (0.0, 1.0),
    ("written", "response"): (1.0, 10.0),
    ("evidence", "instruction"): (0.0, 1.0),
    ("evidence", "response"): (0.0, 1.0),
}
"""Bounds of a criterion's score, as `records.Opinion` has them."""


@dataclass(frozen=True, slots=True)
class Economy:
    """A committee before it is asked, or half asked."""

    gate: Gate
    stage: Stage
    reviewers: tuple[str, ...]
    """In the order of the cast, and after them the verifiers."""
    readings: Mapping[str, ReadingName]
    """How each reviewer's opinion is read."""
    criteria: CriteriaConfig
    revisable: bool
    """True if the response may go back to its Generator, with what was said of it."""

    def needed(self, known: Mapping[str, Opinion]) -> tuple[str, ...]:
        """Who is to be asked next, at once; nobody once the others cannot change anything.

        Those whose opinion settles most go first, and only as many at a time as could settle it.
        """
        unheard = self._open(known)
        if not self._foreseeable:
            return unheard
        if self._settled(known):
            return ()
        for some in range(max(1, len(unheard) - FORESEEN), len(unheard)):
            if any(self._settled({**known, **self._all(unheard[:some], best)}) for best in (False, True)):
                return unheard[:some]
        return unheard

    def complete(self, known: Mapping[str, Opinion]) -> tuple[Opinion, ...]:
        """An opinion of each reviewer, in the order of the cast; who was not asked says so."""
        return tuple(known[m] if m in known else self._unasked(m, known) for m in self.reviewers)

    @property
    def _foreseeable(self) -> bool:
        bounded = all((reading, self.stage) in WORST_AND_BEST for reading in self.readings.values())
        return bounded and isinstance(self.gate, Monotone)

    def _open(self, known: Mapping[str, Opinion]) -> tuple[str, ...]:
        unheard = [m for m in self.reviewers if m not in known]
        gate = self.gate
        if isinstance(gate, Monotone):
            unheard.sort(key=lambda model: -gate.weigh(self.stage, model))  # equal ones stay as they were cast
        return tuple(unheard)

    def _settled(self, known: Mapping[str, Opinion]) -> bool:
        """True if everything that may still be said comes to the same end."""
        unheard = self._open(known)
        if not unheard or len(unheard) > FORESEEN:
            return not unheard
        first: tuple[object, ...] | None = None
        for case in self._cases(known, unheard):
            end = self._end(case, unheard)
            if end is None or end != (first or end):
                return False
            first = end
        return True

    def _cases(self, known: Mapping[str, Opinion], unheard: tuple[str, ...]) -> Iterator[list[Opinion]]:
        """The committee's opinions, for each way in which open ones fail, and the others say the worst or the best."""
        for fails in product((True, False), repeat=len(unheard)):
            silent = {m: self._blank(m, "imagined") for m, fail in zip(unheard, fails, strict=True) if fail}
            speak = [m for m in unheard if m not in silent]
            for best in (False, True) if speak else (False,):
                said = {**known, **silent, **self._all(speak, best)}
                yield [said[m] for m in self.reviewers]

    def _end(self, opinions: Sequence[Opinion], unheard: tuple[str, ...]) -> tuple[object, ...] | None:
        """What later steps see of a verdict; None if they see more of it than could be the same for all."""
        if not quorum(opinions):
            return ("no verdict",)
        verdict = self.gate.judge(self.stage, opinions)
        if self.stage == "instruction":
            return (verdict.outcome,)
        if verdict.outcome == "reject" and not (self.revisable and self.gate.mendable(verdict)):
            return (verdict.outcome,)
        say = {model for model, weight in verdict.weights.items() if weight > 0}
        if verdict.outcome == "dispute" and not say:  # whoever settles it does so without them
            return (verdict.outcome,)
        return (verdict.outcome, verdict.score) if say and say.isdisjoint(unheard) else None

    def _all(self, models: Sequence[str], best: bool) -> dict[str, Opinion]:
        return {model: self._extreme(model, best) for model in models}

    def _extreme(self, model: str, best: bool) -> Opinion:
        reading = self.readings[model]
        score = WORST_AND_BEST[reading, self.stage][best]
        if reading == "evidence":
            return Opinion(model, self.stage, reading, {reading: score})
        scores = {criterion.name: score for criterion in self.criteria.of(self.stage)}
        return Opinion(model, self.stage, reading, scores, weights=self.criteria.weights(self.stage))

    def _blank(self, model: str, failure: str) -> Opinion:
        return Opinion(model, self.stage, self.readings[model], failure=failure)

    def _unasked(self, model: str, known: Mapping[str, Opinion]) -> Opinion:
        others = [known.get(m) or self._blank(m, "imagined") for m in self.reviewers]
        if not quorum(others):
            why = "too few of the others could be read for a verdict"
        else:
            verdict = self.gate.judge(self.stage, others)
            weighs = isinstance(self.gate, Monotone) and self.gate.weigh(self.stage, model)
            why = f"the others settled it: {verdict.outcome}, whatever it said" if weighs else "it has no say here"
        return Opinion(model, self.stage, self.readings[model], unasked=why)
