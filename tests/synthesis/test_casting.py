from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.config.models import ALL_PARTS, ModelConfig, Part
from gra.errors import ConfigError
from gra.ids import rng
from gra.records import Entry
from gra.synthesis.casting import Able, annotators, draw_cast
from gra.synthesis.pool import Pool


def model(name: str, *roles: Part) -> ModelConfig:
    return ModelConfig(name=name, base_url="http://localhost:1/v1", roles=roles or ALL_PARTS)


FIVE = [model(name) for name in "abcde"]


def castable(models: Sequence[ModelConfig], reviewers: int, generator: str | None = None) -> bool:
    """By trying everything."""
    return any(
        (generator or writer.name) == writer.name
        and "generator" in writer.roles
        and "adjudicator" in judge.roles
        and sum("reviewer" in m.roles for m in models if m not in (writer, judge)) >= reviewers
        for writer, judge in itertools.permutations(models, 2)
    )


ROLES = st.lists(st.sampled_from(ALL_PARTS), min_size=1, max_size=3, unique=True)


@given(st.lists(ROLES, min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 999), st.booleans())
def test_a_cast_is_found_if_and_only_if_there_is_one(
    roles: list[list[Part]], reviewers: int, seed: int, given_writer: bool
) -> None:
    models = [model(f"m{n}", *parts) for n, parts in enumerate(roles)]
    writer = next((m.name for m in models if "generator" in m.roles), None) if given_writer else None
    if not castable(models, reviewers, writer):
        with pytest.raises(ConfigError, match="no cast"):
            draw_cast(models, reviewers, random.Random(seed), writer)
        return
    cast = draw_cast(models, reviewers, random.Random(seed), writer)
    parts = {m.name: m.roles for m in models}
    everyone = [cast.generator, *cast.reviewers, cast.adjudicator]
    assert len(set(everyone)) == len(everyone) == reviewers + 2
    assert "generator" in parts[cast.generator]
    assert "adjudicator" in parts[cast.adjudicator]
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


def test_a_cast_depends_on_its_seed_alone() -> None:
    assert draw_cast(FIVE, 2, rng(1, "r01-00000", "cast")) == draw_cast(FIVE, 2, rng(1, "r01-00000", "cast"))
    assert len({draw_cast(FIVE, 2, rng(1, f"r01-{n}", "cast")) for n in range(50)}) > 20


def test_those_who_write_annotate() -> None:
    assert annotators([model("a"), model("b", "reviewer"), model("c", "generator")]) == ["a", "c"]


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


def test_the_order_of_domains_in_the_pool_does_not_matter() -> None:
    one = Pool([*entries("math", 4), *entries("code", 3)], 2)
    other = Pool([*entries("code", 3), *entries("math", 4)], 2)
    for n in range(50):
        assert one.draw_domain(rng(0, n)) == other.draw_domain(rng(0, n))
        assert one.draw_examples("math", rng(0, n), 4) == other.draw_examples("math", rng(0, n), 4)
