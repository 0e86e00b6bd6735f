"""The rule of a round, by itself: whatever ends first, the same samples are accepted, none above its quota."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gra.engine import rounds
from gra.engine.outcome import Outcome, surplus
from gra.engine.rounds import Limits, Round
from gra.events import ignore
from gra.postprocess.dedup import Known
from gra.postprocess.matrix import Vectors
from gra.records import Cast, Sample, Status
from gra.store.reader import Ended
from gra.synthesis.topics import Agenda, in_turn

CAST = Cast("a", ("b",), "c")
SUBJECTS = 6
"""Few different texts, so that there are many duplicates, across domains too."""


class World:
    """What the models would say of each candidate; only how long they take differs from one execution to another."""

    def __init__(self, seed: int, target: int, shares: Mapping[str, float]) -> None:
        self.seed, self.target = seed, target
        self.agenda = Agenda(in_turn(shares, target))

    def begin(self, study: object, number: int, index: int) -> Sample:
        return Sample(f"r01-{index:05d}", 1, index, self.agenda.domain(index) or "any", CAST)

    def outcome(self, index: int) -> Sample:
        draw = random.Random(f"{self.seed} {index}")
        status = Status.PASSED if draw.random() < 0.6 else Status.REJECTED_RESPONSE
        subject = draw.randrange(SUBJECTS * self.target)
        begun = self.begin(None, 1, index)
        return Sample(
            begun.id, 1, index, begun.domain, CAST, instruction=str(subject), status=status, score=draw.random()
        )

    async def execute(self, concurrency: int, order: int, known: Mapping[int, Sample] | None = None) -> Closed:
        """One execution of the round, candidates ending in an order of its own."""
        pace = random.Random(order)
        stored = dict(sorted((known or {}).items()))

        async def live(number: int, index: int) -> Sample:
            for _ in range(pace.randrange(12)):
                await asyncio.sleep(0)
            return self.outcome(index)

        async def vectors(texts: list[str]) -> Vectors:
            return np.eye(SUBJECTS * self.target, dtype=np.float32)[[int(text) for text in texts]]

        async def put_sample(sample: Sample) -> None:
            stored[sample.index] = sample

        config = SimpleNamespace(task="synthesise", dedup_below=0.9)
        study = SimpleNamespace(agenda=self.agenda, config=config, processors=())
        this = Round(
            cast(Any, study),
            1,
            Limits(self.target, self.target * 10, concurrency),
            Known(),
            cast(Any, SimpleNamespace(vectors=vectors)),
            cast(Any, SimpleNamespace(put_sample=put_sample)),
            ignore,
            elsewhere=live,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rounds, "begin", self.begin)
            ended = [Ended(n, s.status, s if s.status is Status.PASSED else None) for n, s in stored.items()]
            return closed(await this.run(ended), stored)


@dataclass(frozen=True)
class Closed:
    """A round with its samples as they are in the end."""

    outcome: Outcome
    accepted: list[Sample]
    samples: list[Sample]


def closed(outcome: Outcome, stored: Mapping[int, Sample]) -> Closed:
    ends = {**stored, **{s.index: s for s in outcome.called_off}}
    ends |= {fate.index: fate.of(stored[fate.index]) for fate in outcome.fates}
    ends = {n: surplus(s, outcome.ahead) if s.status is Status.PASSED else s for n, s in ends.items()}
    return Closed(outcome, [ends[n] for n in outcome.accepted], [ends[n] for n in sorted(ends)])


def by_the_rule(world: World) -> tuple[list[int], int]:
    """The round's rule as `rounds.py` tells it, one candidate at a time and from the beginning for each: what is
    accepted, best first, and how many candidates decided it."""
    asked = world.agenda.quotas(world.target)
    passed: list[Sample] = []
    missing: dict[str, int] = {}
    for index in range(world.target * 10):
        domain = world.agenda.domain(index)
        if missing.get(domain, 1) <= 0 or (sample := world.outcome(index)).status is not Status.PASSED:
            continue
        passed.append(sample)
        counts = Counter(world.agenda.domain(s.index) for s in passed)
        if counts[domain] >= asked[domain]:
            new = Counter(world.agenda.domain(s.index) for s in best_of_each_subject(passed))
            missing = {d: n - new[d] for d, n in asked.items() if counts[d] >= n}
            if all(missing.get(d, 1) <= 0 for d in asked):
                return within(asked, world, passed), index + 1
    return within(asked, world, passed), world.target * 10


def best_of_each_subject(passed: list[Sample]) -> list[Sample]:
    ordered = sorted(passed, key=lambda s: (-s.score, s.index))
    return list({s.instruction: s for s in reversed(ordered)}.values())[::-1]


def within(asked: Mapping[str, int], world: World, passed: list[Sample]) -> list[int]:
    left, kept = Counter(asked), []
    for sample in sorted(best_of_each_subject(passed), key=lambda s: (-s.score, s.index)):
        domain = world.agenda.domain(sample.index)
        left[domain] -= 1
        if left[domain] >= 0:
            kept.append(sample.index)
    return kept


SHARES: st.SearchStrategy[dict[str, float]] = st.just({}) | st.dictionaries(
    st.sampled_from("abcd"), st.integers(1, 9).map(float), min_size=1
)
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(st.integers(0, 10**6), st.integers(1, 12), SHARES, st.integers(2, 40))
@QUIET
def test_what_is_accepted_depends_on_no_order(seed: int, target: int, shares: dict[str, float], many: int) -> None:
    world = World(seed, target, shares)
    alone = asyncio.run(world.execute(1, 0))
    for order in (1, 2):
        other = asyncio.run(world.execute(many, order))
        assert other.accepted == alone.accepted
        assert (other.outcome.decided, other.outcome.statement) == (alone.outcome.decided, alone.outcome.statement)


@given(st.integers(0, 10**6), st.integers(1, 12), SHARES, st.integers(1, 40))
@QUIET
def test_what_is_accepted_is_what_the_rule_says(seed: int, target: int, shares: dict[str, float], many: int) -> None:
    world = World(seed, target, shares)
    result = asyncio.run(world.execute(many, 5))
    assert ([s.index for s in result.accepted], result.outcome.decided) == by_the_rule(world)


@given(st.integers(0, 10**6), st.integers(1, 12), SHARES, st.integers(0, 40))
@QUIET
def test_it_goes_on_from_whatever_had_ended(seed: int, target: int, shares: dict[str, float], ended: int) -> None:
    world = World(seed, target, shares)
    known = {i: world.outcome(i) for i in random.Random(seed).sample(range(target * 10), min(ended, target * 10))}
    assert asyncio.run(world.execute(5, 3, known)).accepted == asyncio.run(world.execute(1, 0)).accepted


@given(st.integers(0, 10**6), st.integers(1, 12), SHARES.filter(bool), st.integers(1, 20))
@QUIET
def test_every_domain_gets_its_quota_and_no_more(seed: int, target: int, shares: dict[str, float], many: int) -> None:
    world = World(seed, target, shares)
    result = asyncio.run(world.execute(many, 0))
    accepted, quotas = Counter(s.domain for s in result.accepted), world.agenda.quotas(target)
    assert all(accepted[d] <= n for d, n in quotas.items())
    lacking = {d for d, n in quotas.items() if accepted[d] < n}
    assert bool(lacking) == bool(result.outcome.statement)
    assert all(f"{d} {accepted[d]} of {quotas[d]}" in result.outcome.statement for d in lacking)
    assert len({s.instruction for s in result.accepted}) == len(result.accepted), "none says what another says"
    assert Status.PASSED not in {s.status for s in result.samples}


def test_what_is_full_costs_no_further_candidates() -> None:
    world = World(4, 12, {"a": 1.0, "b": 1.0})
    begun = [s.index for s in asyncio.run(world.execute(1, 0)).samples]
    assert len(begun) < begun[-1] + 1, "candidates of the full domain were passed over"
