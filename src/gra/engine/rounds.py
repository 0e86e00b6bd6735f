"""One round: candidates in any order, a result that depends on none.

Candidates are numbered. The round's samples are the de-duplicated ones among candidates 0 to K, for the smallest K
that gives as many as asked for. K depends on what the models answer and on nothing else, so the dataset is the same
at concurrency 1 and at 256; what runs ahead of K when the round is full is surplus.

Where samples are asked for by domain, each has a quota, and candidates have their domains by number. They are gone
through in that order: one whose domain is full by what came before it does not count, and is passed over. So a domain
in which many candidates fail gets as many more as it needs, and what has been passed over follows from what the models
answered, not from who was faster.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gra.engine.desk import BudgetSpent
from gra.engine.quotas import FULL, Quotas
from gra.engine.vectors import Embedder
from gra.engine.yields import Course
from gra.errors import EndpointError, KeyRefused, StoreError
from gra.events import Listener, SampleEnded
from gra.postprocess.dedup import Known, Vectors, select
from gra.records import Sample, Status
from gra.store.writer import Writer
from gra.synthesis.plugged import processed
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
    """Numbers of candidates that there are; as each domain has its share of them, a bound for each."""
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
    decided: int
    """Candidates, from number 0, whose ends decided the round; the same at any concurrency."""
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
    """Those that passed among the first `_frontier` candidates, but for those whose domain was full."""
    _storing: set[asyncio.Task[Sample]] = field(default_factory=set)
    _frontier: int = 0
    _course: Course = field(default_factory=Course)
    _collapsed: str = ""
    """Why it is no use to go on; empty as long as it is."""
    _ends: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """How many have ended, by domain and by whether they passed."""
    _failures_in_a_row: int = 0

    def __post_init__(self) -> None:
        self._domain = self.study.agenda.domain
        self._quotas = Quotas(self.study.agenda.quotas(self.limits.target), self._domain)

    async def run(self, known: Mapping[int, Sample]) -> Result:
        """Run candidates until the target is met, or cannot be.

        Args:
            known: candidates that ended in an earlier attempt.

        Raises:
            EndpointError: endpoints fail one candidate after another; the run can be resumed.
            StoreError: the run folder cannot be written.
        """
        for sample in known.values():
            self._note(sample)
        decided: list[Sample] = []
        statement = ""
        try:
            await self._embed([s for s in known.values() if s.status is Status.PASSED])
            while not (decided := self._advance()):
                if self._collapsed or self._frontier >= self.limits.candidates:
                    statement = self._collapsed or self._too_few()
                    break
                self._launch()
                await self._wait()
        except BudgetSpent as spent:
            statement = str(spent)
        finally:
            called_off = await self._call_off()
        return self._short(statement) if statement else self._full(decided, called_off)

    def _advance(self) -> list[Sample]:
        """Move the frontier, one at a time, over candidates that have ended or do not count.

        Returns the decided samples, best first, once there are enough.
        """
        while self._frontier < self.limits.candidates and not self._collapsed:
            domain, sample = self._domain(self._frontier), self.ended.get(self._frontier)
            full = self._quotas.is_full(domain)
            if sample is None and not full:
                break
            self._frontier += 1
            if full or sample is None:
                continue
            self._course.add(sample)
            if sample.status is Status.PASSED:
                self._passed.append(sample)
                if self._quotas.count(sample) and self._quotas.settle(decided := self._select()):
                    return decided
            self._collapsed = self._collapse()
        return []

    def _collapse(self) -> str:
        """Why the round cannot become full any more, by those before the frontier. A refinement tries all its seeds."""
        if self.study.config.task == "refine":
            return ""
        return self._course.collapse(self._quotas.lack(), self.limits.candidates - self._frontier)

    def _select(self) -> list[Sample]:
        decided = select(self._passed, self._vectors, self.pool, self.study.config.dedup_below)
        self._course.settle(decided)
        return decided

    def _launch(self) -> None:
        """Begin as many candidates as are likely to be needed, and no more: what is not needed costs as much."""
        under_way = set(self._tasks.values())
        wanted = self._wanted(Counter(map(self._domain, under_way)))
        index = self._frontier
        while wanted and len(self._tasks) < self.limits.concurrency and index < self.limits.candidates:
            domain = self._domain(index)
            if domain in wanted and index not in self.ended and index not in under_way:
                self._tasks[asyncio.create_task(self._one(index))] = index
                wanted[domain] -= 1
                wanted = +wanted
            index += 1

    def _wanted(self, under_way: Counter[str]) -> Counter[str]:
        """By domain, how many more candidates should be under way, judged by how many have passed so far."""
        wanted: Counter[str] = Counter()
        for domain in self._quotas.asked:
            if self._quotas.is_full(domain):
                continue
            passed, failed = self._ends[domain, True], self._ends[domain, False]
            # Rejections end sooner than acceptances, so those still under way count as candidates of the blind yield.
            doubtful = under_way[domain] + 1
            expected = (passed + BLIND_YIELD * doubtful) / (passed + failed + doubtful)
            missing = max(self._quotas.missing(domain, passed), 0 if self._tasks else 1)
            wanted[domain] = math.ceil(missing / expected) - under_way[domain]
        return +wanted

    async def _one(self, index: int) -> Sample:
        try:
            life = refine_sample if self.study.config.task == "refine" else run_sample
            sample = processed(await life(self.study, self.number, index), self.study.processors)
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
            self._tasks.pop(task)
            if not task.cancelled() and task.exception() is None:
                self._note(task.result())

    def _note(self, sample: Sample) -> None:
        self.ended[sample.index] = sample
        self._ends[self._domain(sample.index), sample.status is Status.PASSED] += 1

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
        begun = self.ended | {index: begin(self.study, self.number, index) for index in called_off}
        return replace(self._result(begun, decided, FULL, ""), used_up=self._all_tried())

    def _short(self, statement: str) -> Result:
        """The round as far as it came: usable, and open to more if the budget allows it later.

        Only what is before the frontier is accepted, so that a round cannot become full by what happened to be quick.
        """
        ahead = "the run stopped before the candidates ahead of it had ended"
        result = self._result(self.ended, self._select(), ahead, statement)
        failed = any(s.status is Status.FAILED for s in result.samples)
        return replace(result, used_up=self._all_tried() and not failed)

    def _result(self, begun: Mapping[int, Sample], decided: list[Sample], reason: str, statement: str) -> Result:
        """All that were begun, in order; what has passed and is not decided is surplus, for this reason."""
        ends = {**begun, **{s.index: s for s in self._quotas.within(decided)}}
        final = (_surplus(s, reason) if s.status is Status.PASSED else s for _, s in sorted(ends.items()))
        return Result(tuple(final), statement, self._frontier)

    def _too_few(self) -> str:
        if self._all_tried():
            return self._what_was_kept()
        statement = (
            f"the yield is too low: {self._frontier} candidates of round {self.number} gave "
            f"{len(self._passed)} that passed the review, {self.limits.target} were asked for"
        )
        lacking = self._quotas.lacking(self._select())
        return f"{statement}; not filled: {', '.join(lacking)}" if lacking else statement

    def _all_tried(self) -> bool:
        """In refinement: whether no seed is left."""
        return self.study.config.task == "refine" and self._frontier >= len(self.study.pool.seeds)

    def _what_was_kept(self) -> str:
        kept = [s for s in self._select() if s.status is Status.ACCEPTED]
        failed = sum(s.status is Status.FAILED for s in self.ended.values())
        told = f"{len(kept)} of {self._frontier} seeds are kept, {sum(s.refined is True for s in kept)} of them"
        later = f"; an endpoint failed on {failed}, which are tried again when the run goes on" if failed else ""
        return f"{told} with a new response{later}"


def _surplus(sample: Sample, reason: str) -> Sample:
    return replace(sample, status=Status.SURPLUS, reason=reason)
