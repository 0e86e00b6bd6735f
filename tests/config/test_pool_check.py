from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.config.material import SeedsConfig
from gra.config.models import ALL_PARTS, ModelConfig, Part
from gra.config.pool import check_pool, judges, members
from gra.config.synthesis import FixedCasting, SingleCasting, SynthesisConfig
from gra.errors import ConfigError


def pool(reviewers: int, *roles: tuple[Part, ...], **changes: Any) -> SynthesisConfig:
    models = tuple(ModelConfig(name=f"m{n}", catalogue="x", roles=parts) for n, parts in enumerate(roles))
    return SynthesisConfig(seeds=SeedsConfig(path=Path("s")), target=1, reviewers=reviewers, models=models, **changes)


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


@pytest.mark.parametrize(
    ("changes", "models", "need"),
    [
        ({"adjudication": "majority"}, 3, "a sample needs 3: 1 generator and 2 reviewers"),
        ({"adjudication": "none"}, 3, "a sample needs 3: 1 generator and 2 reviewers"),
        ({"review": "one"}, 3, "a sample needs 3: 1 generator, 1 reviewer and 1 adjudicator"),
        ({"review": "one", "adjudication": "majority"}, 2, "a sample needs 2: 1 generator and 1 reviewer"),
    ],
)
def test_a_part_that_is_not_played_needs_no_model(changes: dict[str, str], models: int, need: str) -> None:
    check_pool(pool(2, *[ALL_PARTS] * models, **changes))
    with pytest.raises(ConfigError) as caught:
        check_pool(pool(2, *[ALL_PARTS] * (models - 1), **changes))
    assert need in str(caught.value) and "Add 1 model" in str(caught.value)


def test_one_model_is_enough_where_nothing_is_reviewed_or_it_plays_every_part() -> None:
    check_pool(pool(3, ALL_PARTS, review="none"))
    alone = pool(3, ("reviewer",), ALL_PARTS, casting=SingleCasting(model="m0"))
    check_pool(alone)
    assert members(alone) == judges(alone) == ["m0"], "`roles` narrow what may be drawn, and nothing is"


def test_a_model_with_no_share_is_no_generator() -> None:
    config = pool(2, *[ALL_PARTS] * 4)
    unwilling = tuple(model.model_copy(update={"share": 0.0}) for model in config.models)
    check_pool(config.model_copy(update={"models": (*unwilling[:3], config.models[3])}))
    with pytest.raises(ConfigError, match="a `share` above 0"):
        check_pool(config.model_copy(update={"models": unwilling}))


@pytest.mark.parametrize(
    ("cast", "changes", "problem"),
    [
        ({"generator": "m0", "reviewers": ("m1", "x"), "adjudicator": "m2"}, {}, "`x` is none of the `models`"),
        ({"generator": "m0", "reviewers": ("m1", "m0"), "adjudicator": "m2"}, {}, "`m0` is given two parts"),
        ({"generator": "m0", "reviewers": ("m1",)}, {}, "name an `adjudicator`"),
        ({"generator": "m0", "adjudicator": "m2"}, {}, "at least one of the `reviewers`"),
        ({"generator": "m0", "reviewers": ("m1",)}, {"adjudication": "majority"}, ""),
        ({"generator": "m0", "reviewers": ("m1", "m0")}, {"review": "one", "adjudication": "none"}, ""),
        ({"generator": "m0"}, {"review": "none"}, ""),
    ],
)
def test_a_cast_by_name_is_checked_for_the_parts_that_are_played(
    cast: dict[str, Any], changes: dict[str, str], problem: str
) -> None:
    config = pool(2, *[ALL_PARTS] * 3, casting=FixedCasting(**cast), **changes)
    if not problem:
        check_pool(config)
        return
    with pytest.raises(ConfigError) as caught:
        check_pool(config)
    assert str(caught.value).startswith("`casting`: ") and problem in str(caught.value)


parts = st.lists(st.sampled_from(ALL_PARTS), min_size=1, max_size=3, unique=True).map(tuple)


@given(
    roles=st.lists(parts, min_size=1, max_size=5),
    reviewers=st.integers(1, 3),
    review=st.sampled_from(["committee", "one", "none"]),
    adjudication=st.sampled_from(["model", "majority", "none"]),
)
def test_the_check_agrees_with_trying_every_cast(
    roles: list[tuple[Part, ...]], reviewers: int, review: str, adjudication: str
) -> None:
    size = {"committee": reviewers, "one": 1, "none": 0}[review]
    ruled = int(adjudication == "model" and review != "none")

    def works(generator: int) -> bool:
        others = [n for n in range(len(roles)) if n != generator]
        return any(
            all("adjudicator" in roles[n] for n in cast[:ruled]) and all("reviewer" in roles[n] for n in cast[ruled:])
            for cast in permutations(others, size + ruled)
        )

    generators = [n for n, mine in enumerate(roles) if "generator" in mine]
    possible = bool(generators) and all(map(works, generators))
    try:
        check_pool(pool(reviewers, *roles, review=review, adjudication=adjudication))
    except ConfigError:
        assert not possible
    else:
        assert possible
