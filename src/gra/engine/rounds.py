"""One round: candidates in any order, a result that depends on none.

Candidates are numbered. The round's samples are the de-duplicated ones among candidates 0 to K, for the smallest K
that gives as many as asked for. K depends on what the models answer and on nothing else, so the dataset is the same
at concurrency 1 and at 256; what runs ahead of K when the round is full is surplus.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gra.engine.desk import BudgetSpent
from gra.engine.vectors import Embedder
from gra.errors import EndpointError, KeyRefused, StoreError
from gra.events import Listener, SampleEnded
from gra.postprocess.dedup import Known, Vectors, select
from gra.records import Sample, Status
from gra.store.writer import Writer
from gra.synthesis.refine import refine_sample
from gra.synthesis.sample import Study, begin, end, run_sample

BLIND_YIELD = 0.5
"""Share of candidates taken to pass before any has ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a round may go."""

    target: int
    """Samples asked for."""
    candidates: int
    """Most candidates that may be begun."""
    concurrency: int
    """Most that are in progress at once."""
    give_up_after: int
    """Candidates in a row that endpoints may fail before the run stops."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a round came to."""

    samples: tuple[Sample, ...]
    """Every candidate that was begun, each with its end."""
    statement: str
    """Why the round is not full; empty if it is."""
    used_up: bool = False
    """In refinement: every seed was tried, and each has its end."""

    @property
    def accepted(self) -> list[Sample]:
        """The round's additions, best first."""
        chosen = [s for s in self.samples if s.status is Status.ACCEPTED]
        return sorted(chosen, key=lambda s: (-s.score, s.index))


@dataclass
class Round:
    """The candidates of one round and how far they have come."""

    study: Study
    number: int
    limits: Limits
    pool: Known
    embedder: Embedder
    writer: Writer
    listen: Listener
    ended: dict[int, Sample] = field(default_factory=dict)
    """By number of the candidate."""
    _vectors: dict[str, Vectors] = field(default_factory=dict)
    _tasks: dict[asyncio.Task[Sample], int] = field(default_factory=dict)
    _passed: list[Sample] = field(default_factory=list)
    """Those that passed among the first `_frontier` candidates."""
    _storing: set[asyncio.Task[Sample]] = field(default_factory=set)
    _frontier: int = 0
    _missing: int = 0
    """Accepted samples that de-duplication still leaves to be found once enough have passed."""
    _failures_in_a_row: int = 0

    async def run(self, known: Mapping[int, Sample]) -> Result:
        """Run candidates until the target is met, or cannot be.

        Args:
            known: candidates that ended in an earlier attempt.

        Raises:
            EndpointError: endpoints fail one candidate after another; the run can be resumed.
            StoreError: the run folder cannot be written.
        """
        self.ended = dict(known)
        decided: list[Sample] = []
        statement = ""
        try:
            await self._embed([s for s in known.values() if s.status is Status.PASSED])
            while not (decided := self._advance()):
                if self._frontier >= self.limits.candidates:
                    statement = self._too_few()
                    break
                self._launch()
                await self._wait()
        except BudgetSpent as spent:
            statement = str(spent)
        finally:
            called_off = await self._call_off()
        return self._short(statement) if statement else self._full(decided, called_off)

    def _advance(self) -> list[Sample]:
        """Move the frontier over ended candidates, one at a time; the decided samples once there are enough."""
        while (sample := self.ended.get(self._frontier)) is not None:
            self._frontier += 1
            if sample.status is not Status.PASSED:
                continue
            self._passed.append(sample)
            if len(self._passed) >= self.limits.target:
                decided = self._select()
                self._missing = self.limits.target - sum(s.status is Status.ACCEPTED for s in decided)
                if self._missing <= 0:
                    return decided
        return []

    def _select(self) -> list[Sample]:
        return select(self._passed, self._vectors, self.pool, self.study.config.dedup_below)

    def _launch(self) -> None:
        """Begin as many candidates as are likely to be needed, and no more: what is not needed costs as much."""
        passed = sum(s.status is Status.PASSED for s in self.ended.values())
        # Rejections end sooner than acceptances, so those still under way count as candidates of the blind yield.
        doubtful = len(self._tasks) + 1
        expected = (passed + BLIND_YIELD * doubtful) / (len(self.ended) + doubtful)
        missing = max(self.limits.target - passed, self._missing, 0 if self._tasks else 1)
        needed = math.ceil(missing / expected)
        under_way = set(self._tasks.values())
        index = self._frontier
        while len(self._tasks) < min(needed, self.limits.concurrency) and index < self.limits.candidates:
            if index not in self.ended and index not in under_way:
                self._tasks[asyncio.create_task(self._one(index))] = index
            index += 1

    async def _one(self, index: int) -> Sample:
        try:
            life = refine_sample if self.study.config.task == "refine" else run_sample
            sample = await life(self.study, self.number, index)
            if sample.status is Status.PASSED:
                await self._embed([sample])
            self._failures_in_a_row = 0
        except (KeyRefused, StoreError):
            raise
        except EndpointError as error:
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= self.limits.give_up_after:
                raise
            sample = end(begin(self.study, self.number, index), Status.FAILED, str(error))
        if (task := asyncio.current_task()) is not None:
            self._storing.add(task)
        await self.writer.put_sample(sample)
        self.listen(SampleEnded(sample.id, self.number, sample.status, sample.reason, sample.score))
        return sample

    async def _embed(self, samples: list[Sample]) -> None:
        vectors = await self.embedder.vectors([s.instruction for s in samples])
        self._vectors |= {s.id: v for s, v in zip(samples, vectors, strict=True)}

    async def _wait(self) -> None:
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self._collect(done)
        for task in done:
            task.result()  # the first that broke breaks the round, now that the others are counted

    def _collect(self, done: Iterable[asyncio.Task[Sample]]) -> None:
        for task in done:
            index = self._tasks.pop(task)
            if not task.cancelled() and task.exception() is None:
                self.ended[index] = task.result()

    async def _call_off(self) -> list[int]:
        """End what is under way, except what is just being stored; returns the candidates that came to nothing."""
        tasks = dict(self._tasks)
        for task in tasks.keys() - self._storing:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._collect(tasks)
        return [index for index in tasks.values() if index not in self.ended]

    def _full(self, decided: list[Sample], called_off: list[int]) -> Result:
        """The round's end: the best of the decided are accepted, whatever ran ahead is surplus."""
        ends = {s.index: s for s in decided}
        for sample in [s for s in decided if s.status is Status.ACCEPTED][self.limits.target :]:
            ends[sample.index] = _surplus(sample, FULL)
        for sample in [*self.ended.values(), *(begin(self.study, self.number, index) for index in called_off)]:
            if sample.index not in ends:
                ends[sample.index] = _surplus(sample, FULL) if sample.status is Status.PASSED else sample
        return Result(tuple(ends[i] for i in sorted(ends)), "")

    def _short(self, statement: str) -> Result:
        """The round as far as it came: usable, and open to more if the budget allows it later.

        Only what is before the frontier is accepted, so that a round cannot become full by what happened to be quick.
        """
        ends = self.ended | {s.index: s for s in self._select()}
        for sample in ends.values():
            if sample.status is Status.PASSED:
                ends[sample.index] = _surplus(sample, "the run stopped before the candidates ahead of it had ended")
        used_up = self.study.config.task == "refine" and self._frontier >= self.limits.candidates
        failed = any(s.status is Status.FAILED for s in ends.values())
        return Result(tuple(ends[i] for i in sorted(ends)), statement, used_up and not failed)

    def _too_few(self) -> str:
        if self.study.config.task == "refine":
            return self._all_tried()
        return (
            f"the yield is too low: {self._frontier} candidates of round {self.number} gave "
            f"{len(self._passed)} that passed the review, {self.limits.target} were asked for"
        )

    def _all_tried(self) -> str:
        kept = [s for s in self._select() if s.status is Status.ACCEPTED]
        failed = sum(s.status is Status.FAILED for s in self.ended.values())
        told = f"{len(kept)} of {self._frontier} seeds are kept, {sum(s.refined is True for s in kept)} of them"
        later = f"; an endpoint failed on {failed}, which are tried again when the run goes on" if failed else ""
        return f"{told} with a new response{later}"


FULL = "the round was full without it"


def _surplus(sample: Sample, reason: str) -> Sample:
    return replace(sample, status=Status.SURPLUS, reason=reason)
