"""What the samples of a round have in common, put together from what is on disk: the same in whichever process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gra.calls import Ask
from gra.config.synthesis import SynthesisConfig
from gra.engine.merits import casting_of
from gra.engine.pair_exams import pair_weights
from gra.engine.recalibrating import gate_of
from gra.engine.revising import mending_of
from gra.records import Entry, Passage, Sample
from gra.store.reader import Reader
from gra.synthesis.decide import Gate
from gra.synthesis.plugged import own_processors, processed
from gra.synthesis.pool import Pool
from gra.synthesis.reading import Reading
from gra.synthesis.refine import refine_sample
from gra.synthesis.sample import Study, run_sample
from gra.synthesis.topics import Agenda, in_turn, shares_of

PASSAGES = "passages"
"""The fact that holds the documents' passages, so that their files are not needed again."""
LABELLED = "labelled"
"""The same for the labelled answers of the exam."""
JUDGED = "judged"
"""By folder of an earlier run, what people had said of it when this one began, as graded answers."""


@dataclass
class Studies:
    """The study of every round, once the rounds before it are closed."""

    config: SynthesisConfig
    reader: Reader
    readings: Mapping[str, Reading]
    gate: Gate
    ask: Ask
    passages: tuple[Passage, ...] = ()

    def __post_init__(self) -> None:
        self._processors = own_processors(self.config)
        self.order = in_turn(shares_of(self.config), self.config.target)
        """The domain of each sample that the run is asked for; empty where the seeds decide."""

    def of(self, number: int, entries: Sequence[Entry]) -> Study:
        """Of round `number`, which learns from these entries of the pool.

        Its odds, what of it is worth a revision, and what its gate is set by are stored. Cast is by exams alone, so
        that who may write stays the same.
        """
        gate = gate_of(self.gate, number, self.reader)
        casting, castings = casting_of(self.config, self.gate, number, self.reader)
        pool = Pool(entries, self.config.examples[0])
        agenda, processors = self._agenda(number), self._processors
        pairs, mending = pair_weights(self.reader), mending_of(self.config, number, self.reader)
        common = (self.config, pool, self.readings, casting, gate, self.ask, agenda, processors, castings)
        return Study(*common, pairs, mending)

    def _agenda(self, number: int) -> Agenda:
        """The round's part of the run's order, and the passages that follow on those of earlier rounds."""
        start = sum(share(self.config, earlier) for earlier in range(1, number))
        before = sum(r.detail.get("decided", 0) for r in self.reader.rounds() if r.number < number)
        order = self.order[start : start + share(self.config, number)]
        return Agenda(order, self.passages, before, self.config.random_seed)


def share(config: SynthesisConfig, number: int) -> int:
    """Accepted samples that round `number` (from 1) is asked for: an equal share, the first rounds taking the rest."""
    each, rest = divmod(config.target, config.rounds)
    return each + (number <= rest)


async def lived(study: Study, round_number: int, index: int) -> Sample:
    """Candidate `index` of a round, after the user's own post-processors.

    Raises:
        EndpointError: an endpoint gave up; the candidate is owed.
    """
    life = refine_sample if study.config.task == "refine" else run_sample
    return processed(await life(study, round_number, index), study.processors)
