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
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from gra.engine.desk import BudgetSpent
from gra.engine.outcome import FULL, Fate, Outcome, fate_of, surplus
from gra.engine.quotas import Quotas
from gra.engine.studies import lived
from gra.engine.vectors import Embedder
from gra.engine.yields import Course
from gra.errors import EndpointError, OutOfService, StoreError
from gra.events import Listener, SampleEnded
from gra.postprocess.dedup import Known, Selection
from gra.postprocess.matrix import Vectors
from gra.records import Sample, Status
from gra.store.reader import Ended
from gra.store.writer import Writer
from gra.synthesis.sample import Study, begin, end

BLIND_YIELD = 0.5
"""Share of candidates taken to pass before any has ended."""
PAGE = 256
"""Candidates of an earlier attempt that are taken over at once."""
NEW, BEGUN = -1, -2
ENDS = tuple(Status)
"""How far a candidate is, or how it ended, by its place here: one byte for each that there may be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a round may go."""

    target: int
    """Samples asked for."""
    candidates: int
    """Numbers of candidates that there are; as each domain has its share of them, a bound for each."""
    concurrency: int
    """Most that are in progress at once."""


@dataclass
class Round:
    """The candidates of one round and how far they have come. What has ended is on disk, not here."""

    study: Study
    number: int
    limits: Limits
    pool: Known
    embedder: Embedder
    writer: Writer
    listen: Listener
    elsewhere: Callable[[int, int], Awaitable[Sample]] | None = None
    """Lives candidate `index` of round `number` in another process; without it they live here."""
    _tasks: dict[asyncio.Task[Sample], int] = field(default_factory=dict)
    _done: asyncio.Queue[asyncio.Task[Sample]] = field(default_factory=asyncio.Queue)
    _storing: set[asyncio.Task[Sample]] = field(default_factory=set)
    _vectors: dict[int, Vectors] = field(default_factory=dict)
    """Of those that have passed and are not before the frontier yet."""
    _scores: dict[int, float] = field(default_factory=dict)
    """Of the same."""
    _refined: set[int] = field(default_factory=set)
    """In refinement, those that passed with a new response."""
    _frontier: int = 0
    _course: Course = field(default_factory=Course)
    _collapsed: str = ""
    """Why it is no use to go on; empty as long as it is."""
    _ends: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """How many have ended, by domain and by whether they passed."""
    _failed: int = 0
    _passed_over: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """As `Outcome.passed_over` has it."""
    _skipping: set[str] = field(default_factory=set)
    """The domains whose last candidate before the frontier was passed over."""

    def __post_init__(self) -> None:
        agenda = self.study.agenda
        self._domain = agenda.domain
        self._quotas = Quotas(agenda.quotas(self.limits.target), self._domain)
        self._selection = Selection(self.pool, self.study.config.dedup_below)
        """Those that passed among the first `_frontier` candidates, but for those whose domain was full."""
        self._state = array("b")
        self._under_way: Counter[str] = Counter()
        self._numbers = {domain: agenda.numbers(domain) for domain in self._quotas.asked}
        self._next = {domain: next(numbers) for domain, numbers in self._numbers.items()}
        """By domain, the first number that may not have been begun."""

    async def run(self, known: Iterable[Ended]) -> Outcome:
        """Run candidates until the target is met, or cannot be.

        Args:
            known: candidates that ended in an earlier attempt, in order.

        Raises:
            OutOfService: an endpoint fails every candidate that needs it; the run can be resumed.
            StoreError: the run folder cannot be written.
        """
        statement, full = "", False
        try:
            full = await self._recall(known)
            while not (full or self._collapsed or self._frontier >= self.limits.candidates):
                self._launch()
                await self._wait()
                full = self._advance()
        except BudgetSpent as spent:
            statement = str(spent)
        finally:
            called_off = await self._call_off()
        fates = await asyncio.to_thread(self._fates)
        if full:
            return self._full(fates, called_off)
        return self._short(fates, statement or self._collapsed or self._too_few(fates))

    async def _recall(self, known: Iterable[Ended]) -> bool:
        """Take over what ended earlier, as far as it takes to fill the round. True if it is full."""
        remaining = iter(known)
        while page := list(islice(remaining, PAGE)):
            await self._embed([ended.passed for ended in page if ended.passed is not None])
            for ended in page:
                self._note(ended)
            if self._advance():
                return True
        return self._advance()

    def _advance(self) -> bool:
        """Move the frontier, one at a time, over candidates that have ended or do not count. True if all is full."""
        while self._frontier < self.limits.candidates and not self._collapsed:
            index, domain = self._frontier, self._domain(self._frontier)
            full = self._quotas.is_full(domain)
            if self._stage(index) < 0 and not full:
                break
            self._frontier += 1
            score, vector = self._scores.pop(index, None), self._vectors.pop(index, None)
            if full:
                self._pass_over(index, domain)
                continue
            self._skipping.discard(domain)
            self._course.add(index, ENDS[self._stage(index)])
            if score is not None and vector is not None:
                self._selection.add(index, score, vector, domain)
                if self._quotas.count(index) and self._quotas.settle(self._selection.accepted()):
                    return True
            self._collapsed = self._collapse()
        return False

    def _pass_over(self, index: int, domain: str) -> None:
        """Note that a candidate does not count. A domain is mostly full once, and then to the end: one span."""
        spans = self._passed_over.setdefault(domain, [])
        if spans and domain in self._skipping:
            spans[-1] = (spans[-1][0], index + 1)
        else:
            spans.append((index, index + 1))
        self._skipping.add(domain)

    def _collapse(self) -> str:
        """Why the round cannot become full any more, by those before the frontier.

        A refinement tries all its seeds, and a round that may begin no more than it is asked for all of these.
        """
        if self.study.config.task == "refine" or self.limits.candidates <= self.limits.target:
            return ""
        left = int((self.limits.candidates - self._frontier) * self._quotas.open_share)
        return self._course.collapse(self._quotas.lack(), left, self._selection.duplicates)

    def _launch(self) -> None:
        """Begin as many candidates as are likely to be needed, and no more: what is not needed costs as much."""
        wanted = self._wanted()
        while wanted and len(self._tasks) < self.limits.concurrency:
            domain = min(wanted, key=self._first_new)
            index = self._first_new(domain)
            if index >= self.limits.candidates:
                return
            self._begin(index, domain)
            wanted[domain] -= 1
            wanted = +wanted

    def _begin(self, index: int, domain: str) -> None:
        task = asyncio.create_task(self._one(index))
        task.add_done_callback(self._done.put_nowait)
        self._tasks[task] = index
        self._mark(index, BEGUN)
        self._under_way[domain] += 1

    def _first_new(self, domain: str) -> int:
        """The first candidate of a domain that may be begun; one behind the frontier does not count any more."""
        index = self._next[domain]
        while index < self.limits.candidates and (index < self._frontier or self._stage(index) != NEW):
            index = next(self._numbers[domain])
        self._next[domain] = index
        return index

    def _wanted(self) -> Counter[str]:
        """By domain, how many more candidates should be under way, judged by how many have passed so far."""
        wanted: Counter[str] = Counter()
        for domain in self._quotas.asked:
            if self._quotas.is_full(domain):
                continue
            passed, failed = self._ends[domain, True], self._ends[domain, False]
            # Rejections end sooner than acceptances, so those still under way count as candidates of the blind yield.
            doubtful = self._under_way[domain] + 1
            expected = (passed + BLIND_YIELD * doubtful) / (passed + failed + doubtful)
            missing = max(self._quotas.missing(domain, passed), 0 if self._tasks else 1)
            wanted[domain] = math.ceil(missing / expected) - self._under_way[domain]
        return +wanted

    async def _one(self, index: int) -> Sample:
        try:
            away = self.elsewhere
            sample = await (away(self.number, index) if away else lived(self.study, self.number, index))
            if sample.status is Status.PASSED:
                await self._embed([sample])
        except (OutOfService, StoreError):
            raise
        except EndpointError as error:
            sample = end(begin(self.study, self.number, index), Status.FAILED, str(error))
        if (task := asyncio.current_task()) is not None:
            self._storing.add(task)
        await self.writer.put_sample(sample)
        self.listen(SampleEnded(sample.id, self.number, sample.status, sample.reason, sample.score))
        return sample

    async def _embed(self, samples: list[Sample]) -> None:
        vectors = await self.embedder.vectors([s.instruction for s in samples])
        self._vectors |= {s.index: v for s, v in zip(samples, vectors, strict=True)}

    async def _wait(self) -> None:
        done = [await self._done.get()]
        done += [self._done.get_nowait() for _ in range(self._done.qsize())]
        self._collect(done)
        for task in done:
            task.result()  # the first that broke breaks the round, now that the others are counted

    def _collect(self, done: Iterable[asyncio.Task[Sample]]) -> None:
        for task in done:
            index = self._tasks.pop(task)
            self._storing.discard(task)
            self._under_way[self._domain(index)] -= 1
            if not task.cancelled() and task.exception() is None:
                sample = task.result()
                self._failed += sample.status is Status.FAILED
                self._note(Ended(index, sample.status, sample if sample.status is Status.PASSED else None))

    def _note(self, ended: Ended) -> None:
        index, passed = ended.index, ended.passed
        self._mark(index, ENDS.index(ended.status))
        self._ends[self._domain(index), passed is not None] += 1
        if passed is not None:
            self._scores[index] = passed.score
            if passed.refined:
                self._refined.add(index)

    async def _call_off(self) -> list[int]:
        """End what is under way, except what is just being stored; returns the candidates that came to nothing."""
        tasks = dict(self._tasks)
        for task in tasks.keys() - self._storing:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._collect(tasks)
        return [index for index in tasks.values() if self._stage(index) < 0]

    def _stage(self, index: int) -> int:
        return self._state[index] if index < len(self._state) else NEW

    def _mark(self, index: int, stage: int) -> None:
        self._state.extend([NEW] * (index + 1 - len(self._state)))  # as far as it is needed: there may be 10**12
        self._state[index] = stage

    def _fates(self) -> tuple[Fate, ...]:
        below = self.study.config.dedup_below
        decided = self._quotas.within(self._selection.decisions())
        return tuple(fate_of(decision, over, self.number, below) for decision, over in decided)

    def _full(self, fates: tuple[Fate, ...], called_off: list[int]) -> Outcome:
        """The round's end: the best of the decided are accepted, whatever ran ahead is surplus."""
        begun = tuple(surplus(begin(self.study, self.number, index), FULL) for index in sorted(called_off))
        return Outcome(fates, FULL, "", self._frontier, self._all_tried(), begun, self._passed_over)

    def _short(self, fates: tuple[Fate, ...], statement: str) -> Outcome:
        """The round as far as it came: usable, and open to more if the budget allows it later.

        Only what is before the frontier is accepted, so that a round cannot become full by what happened to be quick.
        """
        ahead = "the run stopped before the candidates ahead of it had ended"
        return Outcome(fates, ahead, statement, self._frontier, self._all_tried() and not self._failed)

    def _too_few(self, fates: tuple[Fate, ...]) -> str:
        if self._all_tried():
            return self._what_was_kept(fates)
        statement = (
            f"the yield is too low: {self._frontier} candidates of round {self.number} gave "
            f"{len(fates)} that passed the review, {self.limits.target} were asked for"
        )
        lacking = self._quotas.lacking(fate.index for fate in fates if fate.status is Status.ACCEPTED)
        return f"{statement}; not filled: {', '.join(lacking)}" if lacking else statement

    def _all_tried(self) -> bool:
        """In refinement: whether no seed is left."""
        return self.study.config.task == "refine" and self._frontier >= self.study.pool.seeds

    def _what_was_kept(self, fates: tuple[Fate, ...]) -> str:
        kept = [fate.index for fate in fates if fate.status is not Status.DUPLICATE]
        new = len(self._refined.intersection(kept))
        later = "; an endpoint failed on {}, which are tried again when the run goes on" if self._failed else ""
        told = f"{len(kept)} of {self._frontier} seeds are kept, {new} of them with a new response"
        return told + later.format(self._failed)
