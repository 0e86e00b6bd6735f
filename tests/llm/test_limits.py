"""The adaptive limit and the circuit by themselves, in a time of their own."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.llm.circuit import FIRST_PROBE_S, LONGEST_PROBE_S, OPEN_AFTER, Circuit
from gra.llm.limits import Limit


class Skipping(selectors.DefaultSelector):
    """Lets time pass at once when nobody has anything to do, and finds out when nobody ever will."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "somebody waits for ever"
        self.now += timeout
        return super().select(0)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a time of its own."""
    selector = Skipping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)


@dataclass(frozen=True)
class Job:
    arrives: int
    takes: int
    urgency: int
    outcome: str
    patience: int
    """It is called off after so long."""


JOBS = st.lists(
    st.builds(
        Job,
        st.integers(0, 20),
        st.integers(0, 5),
        st.integers(-3, 3),
        st.sampled_from(["well", "well", "well", "too much", "pause", "neither"]),
        st.integers(1, 400),
    ),
    min_size=1,
    max_size=40,
)


@given(JOBS, st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_never_above_the_bound_never_below_one_and_nobody_is_forgotten(jobs: list[Job], most: int, first: int) -> None:
    limit, served = Limit(most, first), list[Job]()

    async def work(job: Job) -> None:
        await asyncio.sleep(job.arrives)
        async with limit.place(job.urgency) as generation:
            assert 1 <= limit.taken <= most
            assert 1 <= limit.width <= most
            await asyncio.sleep(job.takes)
            if job.outcome == "well":
                limit.widen(generation)
            elif job.outcome == "too much":
                limit.narrow(generation)
            elif job.outcome == "pause":
                limit.pause(generation, 3)
        served.append(job)

    async def until(job: Job) -> None:
        task = asyncio.create_task(work(job))
        await asyncio.wait([task], timeout=job.patience)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()

    async def all_of_them() -> None:
        await asyncio.gather(*map(until, jobs))
        assert limit.taken == 0
        await work(Job(0, 0, 0, "neither", 0))  # whatever has happened, there is a place in the end

    run(all_of_them())
    assert len(served) >= 1 + sum(job.patience > 20 + len(jobs) * 9 for job in jobs), "who could wait was served"


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30),
    st.lists(st.sampled_from(["well", "too much"]), min_size=30, max_size=30),
    st.integers(1, 6),
)
@settings(max_examples=100, deadline=None)
def test_the_urgent_go_first_whatever_happens_to_the_width(
    waiters: list[tuple[int, bool]], outcomes: list[str], most: int
) -> None:
    limit, entered = Limit(most), list[int]()

    async def work(number: int, urgency: int) -> None:
        async with limit.place(urgency) as generation:
            entered.append(number)
            await asyncio.sleep(1)
            (limit.widen if outcomes[number] == "well" else limit.narrow)(generation)

    async def all_of_them() -> None:
        limit.pause(0, 5)
        tasks = [asyncio.create_task(work(n, urgency)) for n, (urgency, _) in enumerate(waiters)]
        await asyncio.sleep(1)
        for task, (_, leaves) in zip(tasks, waiters, strict=True):
            if leaves:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(all_of_them())
    stayed = [(-urgency, n) for n, (urgency, leaves) in enumerate(waiters) if not leaves]
    assert entered == [n for _, n in sorted(stayed)]


def test_the_start_is_slow_then_steady_and_a_burst_of_complaints_is_one() -> None:
    under_way: dict[float, int] = {}

    async def story() -> None:
        limit, clock = Limit(64, 4), asyncio.get_running_loop().time

        async def one() -> None:
            async with limit.place() as generation:
                sent = clock()
                under_way[sent] = limit.taken
                await asyncio.sleep(1)
                (limit.narrow if sent == 3 else limit.widen)(generation)

        await asyncio.gather(*(one() for _ in range(500)))

    run(story())
    seen = [under_way[moment] for moment in range(9)]
    assert seen[:4] == [4, 8, 16, 32], "it doubles"
    assert seen[4] == 16, "all that were under way together halve it once"
    assert all(b - a in (0, 1) for a, b in pairwise(seen[4:])), "then one more with every round"
    assert seen[8] - seen[4] in (3, 4)


def test_places_that_nobody_needs_prove_nothing() -> None:
    async def story() -> None:
        limit = Limit(64, 4)
        for _ in range(50):
            async with limit.place() as generation:
                limit.widen(generation)
        assert limit.width == 4

    run(story())


def test_after_a_pause_one_goes_first() -> None:
    entered: list[tuple[float, int]] = []

    async def story() -> None:
        limit = Limit(32)
        loop = asyncio.get_running_loop()

        async def one(number: int) -> None:
            async with limit.place() as generation:
                entered.append((loop.time(), number))
                if number == 0:
                    assert limit.pause(generation, 7) == 7
                    assert limit.pause(generation, 5) == 0, "a shorter one adds nothing"
                await asyncio.sleep(1)
                limit.widen(generation)

        await one(0)
        await asyncio.gather(*(one(n) for n in range(1, 32)))

    run(story())
    moments = [moment for moment, _ in entered]
    assert moments[0] == 0 and min(moments[1:]) == 7
    by_moment = [moments.count(moment) for moment in sorted(set(moments))]
    assert by_moment[1] == 1, "no herd"
    assert by_moment[2] == 2 and max(by_moment) > 4, "but more and more"


def test_a_limit_needs_a_place() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Limit(0)


def test_a_circuit_opens_by_silences_in_a_row_and_closes_by_any_word() -> None:
    circuit = Circuit(patience_s=60, give_up_after=3)
    circuit.answered()
    for _ in range(OPEN_AFTER - 1):
        circuit.silence(10)
    circuit.heard()
    opened = []
    for moment in range(OPEN_AFTER):
        circuit.silence(100 + moment)
        opened.append(circuit.is_open)
    assert opened == [False] * (OPEN_AFTER - 1) + [True]
    rests = [circuit.rest_s() for _ in range(8)]
    assert rests[0] == FIRST_PROBE_S and rests == sorted(rests) and rests[-1] == LONGEST_PROBE_S
    assert not circuit.is_lost(159) and circuit.is_lost(160)
    circuit.heard()
    assert not circuit.is_open and not circuit.is_lost(1e9)


def test_a_server_that_never_answered_is_not_waited_for() -> None:
    circuit = Circuit(patience_s=60, give_up_after=3)
    for _ in range(20):
        circuit.silence(0)
    assert not circuit.is_open


def test_requests_that_fail_for_good_are_the_server_s_fault_only_in_a_row() -> None:
    circuit = Circuit(patience_s=60, give_up_after=3)
    assert [circuit.spent(), circuit.spent()] == [False, False]
    circuit.answered()
    assert [circuit.spent(), circuit.spent(), circuit.spent()] == [False, False, True]
