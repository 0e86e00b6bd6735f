"""The end of a round: its accepted samples get their summaries and join the pool, all others their last word.

Samples are read from disk one by one, and written in one transaction, so a round of any size takes little room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gra.engine.desk import BudgetSpent
from gra.engine.outcome import Outcome, surplus
from gra.errors import StoreError
from gra.ids import sample_id
from gra.records import Entry, Sample, Status
from gra.store.reader import Reader
from gra.store.writer import Writer
from gra.synthesis.asking import Unwritten
from gra.synthesis.bootstrap import Annotator
from gra.together import a_few_at_once


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes one round."""

    number: int
    outcome: Outcome
    reader: Reader
    writer: Writer

    async def close(self, annotator: Annotator, at_once: int) -> None:
        """Enrich the accepted with a summary (as in the paper) and let them join the pool.

        Summaries are asked for so many at once, when it is certain who needs one: until the last candidate that
        counts has ended, any sample may turn out to be the duplicate of a better one.
        """
        await a_few_at_once((self._summarise(index, annotator) for index in self.outcome.accepted), at_once)
        outcome = self.outcome
        detail = {
            "statement": outcome.statement,
            "decided": outcome.decided,
            "passed_over": outcome.passed_over,
            "used_up": outcome.used_up,
        }
        await self.writer.close_round(self.number, self._last_words(), self._joining(), detail)

    async def _summarise(self, index: int, annotator: Annotator) -> None:
        sample = self._sample(index)
        if sample.seed and sample.summary:  # a refined seed has had one from the beginning
            return
        try:
            summary = await annotator.summary(sample.id, sample.instruction)
        except (Unwritten, BudgetSpent):
            # A good sample is not lost for want of a summary; its keywords say what it is about.
            summary = ", ".join(sample.keywords)
        await self.writer.put_sample(replace(sample, summary=summary))

    def _last_words(self) -> Iterator[Sample]:
        """Every sample whose end is not yet what it will be."""
        outcome = self.outcome
        for fate in outcome.fates:
            yield fate.of(self._sample(fate.index))
        yield from outcome.called_off
        decided = {fate.index for fate in outcome.fates}
        for sample in self.reader.iter_samples(Status.PASSED, self.number):
            if sample.index not in decided:
                yield surplus(sample, outcome.ahead)

    def _joining(self) -> Iterator[Entry]:
        return (entry_of(self._sample(index)) for index in self.outcome.accepted)

    def _sample(self, index: int) -> Sample:
        name = sample_id(self.number, index)
        sample = self.reader.sample(name)
        if sample is None:
            raise StoreError(f"{name} is missing in {self.reader.run.database}. Restore it from a copy")
        return sample


def entry_of(sample: Sample) -> Entry:
    """An accepted sample as a member of the pool."""
    return Entry(
        sample.id, sample.round, sample.domain, sample.keywords, sample.summary, sample.instruction, sample.response
    )
