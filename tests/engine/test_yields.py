"""What a yield is known to be, what is still to come by it, and when it is too small to go on."""

import asyncio
import math
import re
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config
from hypothesis import given
from hypothesis import strategies as st

from gra.calls import Reply, Usage
from gra.config.models import Price
from gra.config.synthesis import Budget
from gra.engine.desk import Spending
from gra.engine.forecast import Outlook, still_to_come
from gra.engine.run import Ending, synthesise
from gra.engine.yields import LEAST, Course
from gra.events import Event, Forecast, SampleEnded, Span
from gra.records import Status
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.synthesis.figures import wilson
from gra.testing.fake_server import FakeServer
from gra.testing.served import served

counts = st.integers(0, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_an_interval_holds_the_share_and_its_centre(count: tuple[int, int]) -> None:
    kept, of = count
    low, centre, high = wilson(kept, of)
    assert 0 <= low <= centre <= high <= 1 and centre > 0
    assert not of or (low <= kept / of + 1e-12 and kept / of <= high + 1e-12)


@given(counts, st.integers(2, 10))
def test_it_narrows_with_more_of_the_same(count: tuple[int, int], more: int) -> None:
    kept, of = count
    few, many = wilson(kept, of), wilson(more * kept, more * of)
    assert many[2] - many[0] <= few[2] - few[0] + 1e-12


@given(counts, st.integers(0, 1000))
def test_what_is_to_come_is_within_its_bounds(count: tuple[int, int], missing: int) -> None:
    span = still_to_come(missing, *count)
    assert missing <= span.likely or not missing
    assert 0 <= span.low <= span.likely <= span.high
    assert math.isinf(span.high) == (not count[0] and missing > 0), "without a pass there is no upper bound"
    assert span.times(0) == Span(0, 0, 0)


def test_an_outlook_tells_what_is_to_come_after_each_candidate() -> None:
    told: list[Event] = []
    prices = {"a": Price(prompt=2, completion=2)}
    spending = Spending(Budget(), tokens=10**6, money=5.0, prices=prices, currency="EUR")
    outlook = Outlook(told.append, spending, missing=10)
    for n in range(4):
        spending.count("a", Reply("x", usage=Usage(400, 0, 100)))
        outlook(SampleEnded(f"r01-{n:05d}", 1, "passed" if n % 2 else "rejected_response", "", 1.0))
    forecasts = [event for event in told if isinstance(event, Forecast)]
    assert len(told) == 8 and len(forecasts) == 4
    last = forecasts[-1]
    assert last.candidates == still_to_come(8, 2, 4) and last.candidates.likely == 16
    assert last.tokens == last.candidates.times(500), "what was spent before this attempt is not in the mean"
    assert last.money is not None and last.money.likely == pytest.approx(16 * 0.001) and last.currency == "EUR"


def ends(*statuses: Status) -> Course:
    course = Course()
    for index, status in enumerate(statuses):
        course.add(index, status)
    return course


def test_a_few_candidates_tell_nothing() -> None:
    assert not ends(*[Status.UNUSABLE] * (LEAST - 1)).collapse(1000, 1)
    assert ends(*[Status.UNUSABLE] * LEAST).collapse(1000, 1)


def test_a_collapse_says_the_yield_the_losses_and_what_helps() -> None:
    course = ends(
        *[Status.PASSED] * 50, *[Status.REJECTED_RESPONSE] * 70, *[Status.UNUSABLE] * 28, *[Status.PASSED] * 2
    )
    assert not course.collapse(20, 400)
    statement = course.collapse(60, 400)
    assert statement.startswith("the yield has collapsed: of the last 100 candidates 2 were kept (2.0%, at most 13.")
    assert "60 more samples from the 400 candidates that are left" in statement
    assert "lost: 70 rejected response, 28 unusable" in statement and "a larger model as Generator" in statement


def test_every_way_of_being_lost_has_a_remedy() -> None:
    for status in set(Status) - {Status.PASSED, Status.ACCEPTED, Status.SURPLUS}:
        statement = ends(*[status] * LEAST).collapse(1000, 1)
        assert re.search(r"What helps: [^,]{9,}.*, or more `budget", statement), statement


def test_a_round_that_may_begin_no_more_than_it_is_asked_for_goes_on_to_its_last_candidate(tmp_path: Path) -> None:
    with served(fake_models()) as server:
        budget = {"candidates_per_accepted": 1}
        ending = asyncio.run(run(tmp_path, server.base_url, budget=budget, engine={"concurrency": 16}))
        with Reader(open_run(ending.folder)) as reader:
            assert reader.rounds()[0].detail["decided"] == 30


def test_no_number_of_candidates_is_too_large(tmp_path: Path) -> None:
    with served(fake_models()) as server:
        budget = {"candidates_per_accepted": 1e18, "calls": 60}
        ending = asyncio.run(run(tmp_path, server.base_url, budget=budget))
    assert "60 calls" in ending.statement


def test_duplicates_are_lost_too() -> None:
    course = ends(*[Status.PASSED] * 60)
    assert not course.collapse(50, 100)
    statement = course.collapse(50, 100, range(2, 60))
    assert "lost: 58 duplicate" in statement and "dedup_below" in statement


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 100), st.integers(0, 1000))
def test_more_candidates_or_less_to_do_never_make_it_hopeless(passes: list[bool], missing: int, left: int) -> None:
    course = ends(*(Status.PASSED if ok else Status.REJECTED_RESPONSE for ok in passes))
    if not course.collapse(missing, left):
        assert not course.collapse(missing, left + 1)
        assert not course.collapse(missing - 1, left)


async def run(folder: Path, base_url: str, **changes: Any) -> Ending:
    config = make_config(folder, base_url, target=30, rounds=1, gate={"type": "paper", "tau": 9.99}, **changes)
    return await asyncio.wait_for(synthesise(config, folder / "run"), 120)


async def test_a_collapsed_run_ends_early_at_the_same_candidate_at_any_concurrency(tmp_path: Path) -> None:
    found = []
    async with FakeServer(fake_models(), latency_s=0.001, spread=1.0) as server:
        for concurrency in (1, 16):
            folder = tmp_path / str(concurrency)
            folder.mkdir()
            ending = await run(folder, server.base_url, engine={"concurrency": concurrency})
            with Reader(open_run(folder / "run")) as reader:
                (this,) = reader.rounds()
            found.append((ending.accepted, ending.statement, this.detail["decided"]))
    assert found[0] == found[1]
    assert "the yield has collapsed" in found[0][1] and LEAST <= found[0][2] < 300, "short of its 300 candidates"
