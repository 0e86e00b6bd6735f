"""The rule of a round, by itself: whatever ends first, the same samples are accepted, none above its quota."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gra.engine import rounds
from gra.engine.rounds import Limits, Result, Round
from gra.events import ignore
from gra.postprocess.dedup import Known, Vectors
from gra.records import Cast, Sample, Status
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

    async def execute(self, concurrency: int, order: int, known: Mapping[int, Sample] | None = None) -> Result:
        """One execution of the round, candidates ending in an order of its own."""
        pace = random.Random(order)

        async def run_sample(study: object, number: int, index: int) -> Sample:
            for _ in range(pace.randrange(12)):
                await asyncio.sleep(0)
            return self.outcome(index)

        async def vectors(texts: list[str]) -> Vectors:
            return np.eye(SUBJECTS * self.target, dtype=np.float32)[[int(text) for text in texts]]

        async def put_sample(sample: Sample) -> None:
            pass

        config = SimpleNamespace(task="synthesise", dedup_below=0.9)
        study = SimpleNamespace(agenda=self.agenda, config=config, processors=())
        this = Round(
            cast(Any, study),
            1,
            Limits(self.target, self.target * 10, concurrency, 5),
            Known((), np.zeros((0, 1), np.float32)),
            cast(Any, SimpleNamespace(vectors=vectors)),
            cast(Any, SimpleNamespace(put_sample=put_sample)),
            ignore,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rounds, "run_sample", run_sample)
            patch.setattr(rounds, "begin", self.begin)
            return await this.run(known or {})


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
        assert (other.decided, other.statement) == (alone.decided, alone.statement)


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
    assert bool(lacking) == bool(result.statement)
    assert all(f"{d} {accepted[d]} of {quotas[d]}" in result.statement for d in lacking)
    assert len({s.instruction for s in result.accepted}) == len(result.accepted), "none says what another says"
    assert Status.PASSED not in {s.status for s in result.samples}


def test_what_is_full_costs_no_further_candidates() -> None:
    world = World(4, 12, {"a": 1.0, "b": 1.0})
    begun = [s.index for s in asyncio.run(world.execute(1, 0)).samples]
    assert len(begun) < begun[-1] + 1, "candidates of the full domain were passed over"
