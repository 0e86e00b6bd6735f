from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.config.models import ALL_PARTS, ModelConfig, Part
from gra.config.synthesis import FixedCasting, SeedsConfig, SingleCasting, SynthesisConfig
from gra.errors import ConfigError
from gra.ids import rng
from gra.records import Cast, Entry
from gra.synthesis.casting import Able, annotators, make_casting
from gra.synthesis.pool import Pool


def model(name: str, *roles: Part, share: float = 1.0) -> ModelConfig:
    return ModelConfig(name=name, base_url="http://localhost:1/v1", roles=roles or ALL_PARTS, share=share)


def config(models: Sequence[ModelConfig], reviewers: int = 2, **changes: Any) -> SynthesisConfig:
    seeds = SeedsConfig.model_validate({"path": "seeds.json"})
    return SynthesisConfig(seeds=seeds, models=tuple(models), target=1, reviewers=reviewers, **changes)


def draw_cast(
    models: Sequence[ModelConfig],
    reviewers: int,
    draw: random.Random,
    generator: str | None = None,
    able: Able | None = None,
    **changes: Any,
) -> Cast:
    return make_casting(config(models, reviewers, **changes), able).draw(draw, generator)


FIVE = [model(name) for name in "abcde"]


def castable(models: Sequence[ModelConfig], reviewers: int, generator: str | None, ruled: bool) -> bool:
    """By trying everything."""
    writers = [m for m in models if "generator" in m.roles and generator in (None, m.name)]
    judges = [m for m in models if "adjudicator" in m.roles] if ruled else [None]
    return any(
        writer != judge and sum("reviewer" in m.roles for m in models if m not in (writer, judge)) >= reviewers
        for writer, judge in itertools.product(writers, judges)
    )


ROLES = st.lists(st.sampled_from(ALL_PARTS), min_size=1, max_size=3, unique=True)


@given(st.lists(ROLES, min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 999), st.booleans(), st.booleans())
def test_a_cast_is_found_if_and_only_if_there_is_one(
    roles: list[list[Part]], reviewers: int, seed: int, given_writer: bool, ruled: bool
) -> None:
    adjudication = "model" if ruled else "majority"
    models = [model(f"m{n}", *parts) for n, parts in enumerate(roles)]
    writer = next((m.name for m in models if "generator" in m.roles), None) if given_writer else None
    if not castable(models, reviewers, writer, ruled):
        with pytest.raises(ConfigError, match="no cast"):
            draw_cast(models, reviewers, random.Random(seed), writer, adjudication=adjudication)
        return
    cast = draw_cast(models, reviewers, random.Random(seed), writer, adjudication=adjudication)
    parts = {m.name: m.roles for m in models}
    everyone = [cast.generator, *cast.reviewers, *([cast.adjudicator] if ruled else [])]
    assert len(set(everyone)) == len(everyone) == reviewers + 1 + ruled
    assert "generator" in parts[cast.generator]
    assert "adjudicator" in parts[cast.adjudicator] if ruled else cast.adjudicator == ""
    assert all("reviewer" in parts[name] for name in cast.reviewers)
    assert writer is None or cast.generator == writer


def test_parts_are_drawn_uniformly() -> None:
    draw = random.Random(7)
    casts = [draw_cast(FIVE, 3, draw) for _ in range(5000)]
    for drawn in (
        Counter(c.generator for c in casts),
        Counter(c.adjudicator for c in casts),
        Counter(c.reviewers[0] for c in casts),
    ):
        assert set(drawn) == set("abcde")
        assert all(abs(n - 1000) < 150 for n in drawn.values())
    assert len(set(casts)) == 120


def test_generators_are_drawn_in_proportion_to_their_shares() -> None:
    shares = {"a": 4.0, "b": 2.0, "c": 1.0, "d": 1.0, "e": 0.0}
    models = [model(name, share=share) for name, share in shares.items()]
    draw = random.Random(11)
    casts = [draw_cast(models, 2, draw) for _ in range(8000)]
    drawn = Counter(c.generator for c in casts)
    assert drawn["e"] == 0
    assert all(abs(drawn[name] - 1000 * share) < 120 for name, share in shares.items())
    judged = Counter(name for c in casts if c.generator == "a" for name in (*c.reviewers, c.adjudicator))
    assert all(abs(judged[name] / drawn["a"] - 0.75) < 0.05 for name in "bcde"), "shares are the Generator's alone"


def test_a_fixed_cast_is_the_same_for_every_sample_and_every_revision() -> None:
    fixed = FixedCasting(generator="e", reviewers=("d", "c", "b"), adjudicator="a")
    casts = {draw_cast(FIVE, 2, random.Random(n), "e" if n % 2 else None, casting=fixed) for n in range(20)}
    assert casts == {Cast("e", ("d", "c", "b"), "a")}, "its own reviewers count, not `reviewers`"
    assert draw_cast(FIVE, 2, random.Random(0), casting=fixed, review="one") == Cast("e", ("d",), "a")
    assert draw_cast(FIVE, 2, random.Random(0), casting=fixed, adjudication="none") == Cast("e", ("d", "c", "b"), "")


def test_one_model_plays_every_part_and_has_one_opinion() -> None:
    single = SingleCasting(model="c")
    assert draw_cast(FIVE, 3, random.Random(0), casting=single) == Cast("c", ("c",), "c")
    assert draw_cast(FIVE, 3, random.Random(0), casting=single, adjudication="majority") == Cast("c", ("c",), "")
    assert annotators(config(FIVE, casting=single)) == ["c"]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [({"adjudication": "majority"}, 2), ({"adjudication": "none"}, 2), ({"review": "one"}, 1), ({"review": "none"}, 0)],
)
def test_who_is_cast_beside_a_missing_part_stays_who_it_was(changes: dict[str, Any], kept: int) -> None:
    """So that what two variants of a run have in common differs in nothing else."""
    for n in range(50):
        full, less = draw_cast(FIVE, 2, random.Random(n)), draw_cast(FIVE, 2, random.Random(n), **changes)
        assert (less.generator, less.reviewers) == (full.generator, full.reviewers[:kept])
        assert bool(less.adjudicator) == ("adjudication" not in changes and kept > 0)


def able(response: str, instruction: str = "") -> Able:
    return {"response": frozenset(response), "instruction": frozenset(instruction)}


def test_somebody_who_can_tell_is_among_the_judges_of_every_cast() -> None:
    draw = random.Random(3)
    casts = [draw_cast(FIVE, 2, draw, able=able("ab", "ac")) for _ in range(500)]
    assert all({*c.reviewers, c.adjudicator} & {"a", "b"} for c in casts)
    assert all({*c.reviewers} & {"a", "c"} for c in casts)
    assert {c.generator for c in casts} == set("abcde")


def test_whom_nobody_can_judge_does_not_write() -> None:
    draw = random.Random(3)
    assert {draw_cast(FIVE, 2, draw, able=able("a")).generator for _ in range(200)} == set("bcde")
    assert draw_cast(FIVE, 2, draw, "a", able("a")).generator == "a", "a revision has the writer it has"


def test_who_alone_can_tell_instructions_writes_as_often_as_the_others() -> None:
    draw = random.Random(3)
    casts = [draw_cast(FIVE, 2, draw, able=able("ab", "a")) for _ in range(1000)]
    assert abs(Counter(c.generator for c in casts)["a"] - 200) < 60
    assert all("a" in c.reviewers for c in casts if c.generator != "a")


def test_judges_of_responses_come_before_judges_of_instructions() -> None:
    draw = random.Random(3)
    casts = [draw_cast(FIVE[:4], 2, draw, able=able("a", "b")) for _ in range(200)]
    assert all("a" in {*c.reviewers, c.adjudicator} for c in casts)
    assert all("b" in c.reviewers for c in casts if c.generator != "b")


def test_where_nobody_adjudicates_a_cast_need_not_be_drawn_for_one_who_can() -> None:
    """An Adjudicator who can tell would be waited for in vain."""
    draw = random.Random(3)
    casts = [draw_cast(FIVE, 2, draw, able=able("ab", "ab"), adjudication="majority") for _ in range(200)]
    assert all({*c.reviewers} & {"a", "b"} for c in casts)
    before = random.Random(4)
    state = before.getstate()
    draw_cast(FIVE, 4, before, able=able("abcde", "abcde"), adjudication="majority")
    after = random.Random(4)
    draw_cast(FIVE, 4, after, adjudication="majority")
    assert state != before.getstate() == after.getstate(), "one draw is enough"


def test_a_cast_depends_on_its_seed_alone() -> None:
    assert draw_cast(FIVE, 2, rng(1, "r01-00000", "cast")) == draw_cast(FIVE, 2, rng(1, "r01-00000", "cast"))
    assert len({draw_cast(FIVE, 2, rng(1, f"r01-{n}", "cast")) for n in range(50)}) > 20


def test_those_who_write_annotate() -> None:
    assert annotators(config([model("a"), model("b", "reviewer"), model("c", "generator")])) == ["a", "c"]


# --- the pool ---------------------------------------------------------------------------------------------------------


def entries(domain: str, count: int, round_number: int = 0) -> list[Entry]:
    return [
        Entry(f"{domain}-{round_number}-{n}", round_number, domain, ("k",), "s", f"{domain} {n}", "r")
        for n in range(count)
    ]


def test_domains_are_drawn_as_often_as_the_seeds_have_them_whatever_was_added_since() -> None:
    pool = Pool([*entries("math", 60), *entries("code", 30), *entries("art", 10), *entries("art", 500, 1)], 2)
    draw = random.Random(3)
    drawn = Counter(pool.draw_domain(draw) for _ in range(5000))
    assert {d: pytest.approx(n, abs=0.03) for d, n in {"math": 0.6, "code": 0.3, "art": 0.1}.items()} == {
        d: n / 5000 for d, n in drawn.items()
    }


def test_a_domain_with_too_few_examples_waits_for_them() -> None:
    draw = random.Random(0)
    thin = Pool([*entries("math", 5), *entries("art", 1)], 2)
    assert {thin.draw_domain(draw) for _ in range(200)} == {"math"}
    grown = Pool([*entries("math", 5), *entries("art", 1), *entries("art", 1, 1)], 2)
    assert {grown.draw_domain(draw) for _ in range(200)} == {"math", "art"}
    only = Pool(entries("art", 1), 2)
    assert only.draw_domain(draw) == "art"
    assert len(only.draw_examples("art", draw, 4)) == 1


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 4), st.integers(0, 999))
def test_examples_are_different_of_the_domain_and_within_bounds(size: int, least: int, more: int, seed: int) -> None:
    pool = Pool([*entries("math", size), *entries("code", 3)], least)
    drawn = pool.draw_examples("math", random.Random(seed), least + more)
    assert min(least, size) <= len(drawn) <= min(least + more, size)
    assert len({e.id for e in drawn}) == len(drawn)
    assert {e.domain for e in drawn} == {"math"}
    assert drawn == pool.draw_examples("math", random.Random(seed), least + more)


@given(st.integers(1, 12), st.integers(0, 3), st.integers(0, 999))
def test_examples_are_drawn_as_from_a_list_of_all_but_the_one(size: int, but: int, seed: int) -> None:
    everything = [entry for pair in zip(entries("math", size), entries("code", size), strict=True) for entry in pair]
    left = [e for n, e in enumerate(everything) if e.domain == "math" and n != but]
    draw = random.Random(seed)
    expected = draw.sample(left, min(draw.randint(1, 4), len(left)))
    assert list(Pool(everything, 1).draw_examples("math", random.Random(seed), 4, but)) == expected


def test_the_order_of_domains_in_the_pool_does_not_matter() -> None:
    one = Pool([*entries("math", 4), *entries("code", 3)], 2)
    other = Pool([*entries("code", 3), *entries("math", 4)], 2)
    for n in range(50):
        assert one.draw_domain(rng(0, n)) == other.draw_domain(rng(0, n))
        assert one.draw_examples("math", rng(0, n), 4) == other.draw_examples("math", rng(0, n), 4)
