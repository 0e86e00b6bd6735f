from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.config.models import ALL_PARTS, ModelConfig, Part
from gra.config.pool import check_pool
from gra.config.synthesis import SeedsConfig, SynthesisConfig
from gra.errors import ConfigError


def pool(reviewers: int, *roles: tuple[Part, ...]) -> SynthesisConfig:
    models = tuple(ModelConfig(name=f"m{n}", catalogue="x", roles=parts) for n, parts in enumerate(roles))
    return SynthesisConfig(seeds=SeedsConfig(path=Path("s")), target=1, reviewers=reviewers, models=models)


def test_reviewers_plus_two_models_that_play_everything_are_enough() -> None:
    check_pool(pool(3, *[ALL_PARTS] * 5))


def test_too_few_models_says_how_many_there_are_and_how_many_are_needed() -> None:
    with pytest.raises(ConfigError) as caught:
        check_pool(pool(3, *[ALL_PARTS] * 3))
    message = str(caught.value)
    assert "3 models in the pool, but a sample needs 5" in message
    assert "Add 2 models, or set `reviewers: 1`" in message


def test_enough_models_with_the_wrong_roles_says_whose_turn_fails() -> None:
    judge: tuple[Part, ...] = ("reviewer",)
    with pytest.raises(ConfigError) as caught:
        check_pool(pool(2, ALL_PARTS, judge, judge, judge))
    assert "when `m0` generates, 3 other models may review and 0 may adjudicate" in str(caught.value)
    assert "`roles`" in str(caught.value)


def test_a_model_counts_for_one_part_only() -> None:
    # m1 is the only one that may adjudicate, so it cannot be the second reviewer as well.
    with pytest.raises(ConfigError):
        check_pool(pool(2, ("generator",), ALL_PARTS, ("reviewer",), ("generator",)))


def test_someone_must_generate() -> None:
    judge: tuple[Part, ...] = ("reviewer", "adjudicator")
    with pytest.raises(ConfigError, match="role `generator`"):
        check_pool(pool(1, *[judge] * 4))


parts = st.lists(st.sampled_from(ALL_PARTS), min_size=1, max_size=3, unique=True).map(tuple)


@given(roles=st.lists(parts, min_size=1, max_size=5), reviewers=st.integers(1, 3))
def test_the_check_agrees_with_trying_every_cast(roles: list[tuple[Part, ...]], reviewers: int) -> None:
    def works(generator: int) -> bool:
        others = [n for n in range(len(roles)) if n != generator]
        return any(
            "adjudicator" in roles[cast[0]] and all("reviewer" in roles[n] for n in cast[1:])
            for cast in permutations(others, reviewers + 1)
        )

    generators = [n for n, mine in enumerate(roles) if "generator" in mine]
    possible = bool(generators) and all(map(works, generators))
    try:
        check_pool(pool(reviewers, *roles))
    except ConfigError:
        assert not possible
    else:
        assert possible
