"""The ablations' configurations and measures, and the modes in whole runs under the `seeds` gate."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, fake_models, make_config
from hypothesis import given
from hypothesis import strategies as st

from gra.config.synthesis import AdaptiveCasting, FixedCasting, SingleCasting
from gra.engine.ablation import VARIANTS, variants
from gra.engine.comparison import agreement, compare
from gra.engine.run import synthesise
from gra.errors import ConfigError
from gra.records import Sample, Verdict
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_server import FakeServer

NOWHERE = "http://127.0.0.1:9/v1"


def test_each_variant_changes_one_thing(tmp_path: Path) -> None:
    config = make_config(tmp_path, NOWHERE)
    found = variants(config)
    assert list(found) == list(VARIANTS)
    assert found["full"] == config
    for name, variant in found.items():
        before, after = config.synthesis.model_dump(), variant.synthesis.model_dump()
        assert sum(before[key] != after[key] for key in before) == (name != "full"), name
    assert found["single_model"].synthesis.casting == SingleCasting(model=NAMES[0])
    assert found["adaptive"].synthesis.casting == AdaptiveCasting()
    fixed = found["fixed_roles"].synthesis.casting
    assert isinstance(fixed, FixedCasting)
    assert len({fixed.generator, *fixed.reviewers, fixed.adjudicator}) == 4
    assert variants(config)["fixed_roles"] == found["fixed_roles"], "the same in every attempt"


def test_a_variant_that_changes_nothing_is_left_out(tmp_path: Path) -> None:
    config = make_config(tmp_path, NOWHERE, max_revisions=0, adjudication="majority")
    assert {"no_revision", "majority"}.isdisjoint(variants(config))
    with pytest.raises(ConfigError, match="changes nothing"):
        variants(config, ["majority"])
    by_merit = make_config(tmp_path, NOWHERE, casting={"policy": "adaptive", "explore": 0.5})
    assert "adaptive" not in variants(by_merit), "its own settings are what is compared"


def test_a_pool_too_small_to_draw_from_is_ablated_but_for_the_draw(tmp_path: Path) -> None:
    fixed = {"policy": "fixed", "generator": NAMES[0], "reviewers": [NAMES[1]], "adjudicator": NAMES[2]}
    for casting, size in ((fixed, 3), ({"policy": "single", "model": NAMES[0]}, 1)):
        models = [{"name": n, "base_url": NOWHERE, "model": n} for n in NAMES[:size]]
        found = variants(make_config(tmp_path, NOWHERE, models=models, casting=casting), ["full", "no_revision"])
        assert list(found) == ["full", "no_revision"]


def test_a_budget_that_a_variant_cannot_reckon_is_refused_before_any_is_run(tmp_path: Path) -> None:
    models = [{"name": n, "base_url": NOWHERE, "model": n, "parameters": 1e9} for n in NAMES]
    del models[-1]["parameters"]
    with pytest.raises(ConfigError, match="parameters"):
        variants(make_config(tmp_path, NOWHERE, models=models, budget={"compute": 5.0}))


def test_who_plays_all_parts_may_write_or_is_named(tmp_path: Path) -> None:
    models: list[dict[str, Any]] = [{"name": n, "base_url": NOWHERE, "model": n} for n in NAMES]
    models[0] = {**models[0], "roles": ["reviewer", "adjudicator"]}
    config = make_config(tmp_path, NOWHERE, models=models)
    assert variants(config)["single_model"].synthesis.casting == SingleCasting(model=NAMES[1])
    assert variants(config, model=NAMES[0])["single_model"].synthesis.casting == SingleCasting(model=NAMES[0])
    with pytest.raises(ConfigError, match="`nobody` is none of the `models`"):
        variants(config, model="nobody")


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=6))
def test_agreement_is_the_share_of_pairs_that_vote_alike(committees: list[list[bool]]) -> None:
    verdicts = [Verdict("accept", 1.0, 0.0, "", votes={f"m{n}": v for n, v in enumerate(c)}) for c in committees]
    pairs = [(a, b) for c in committees for n, a in enumerate(c) for b in c[:n]]
    found = agreement(verdicts)
    assert (found is None) == (not pairs)
    assert found is None or found == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


async def made(folder: Path, base_url: str, **changes: Any) -> list[Sample]:
    config = make_config(folder, base_url, **changes)
    ending = await asyncio.wait_for(synthesise(config, folder / "run"), 120)
    assert ending.complete, ending.statement
    with Reader(open_run(folder / "run")) as reader:
        return list(reader.iter_samples())


async def test_one_model_alone_sits_the_exam_and_judges_its_own_work(tmp_path: Path) -> None:
    casting = {"policy": "single", "model": "bob"}
    async with FakeServer(fake_models()) as server:
        samples = await made(tmp_path, server.base_url, casting=casting, target=4)
        asked = {b["model"] for b in server.bodies if "messages" in b}
    assert asked == {"bob"}, "the others are not even started"
    assert {o.model for s in samples for v in s.versions for o in v.opinions} == {"bob"}
    with Reader(open_run(tmp_path / "run")) as reader:
        assert {row["model"] for row in reader.fact("exam")} == {"bob"}


async def test_a_fixed_cast_is_examined_and_nobody_else(tmp_path: Path) -> None:
    casting = {"policy": "fixed", "generator": "ada", "reviewers": ["bob", "cyd"], "adjudicator": "dan"}
    async with FakeServer(fake_models()) as server:
        samples = await made(tmp_path, server.base_url, casting=casting, target=4)
    assert {(s.cast.generator, *s.cast.reviewers, s.cast.adjudicator) for s in samples} == {
        ("ada", "bob", "cyd", "dan")
    }
    with Reader(open_run(tmp_path / "run")) as reader:
        assert {row["model"] for row in reader.fact("exam")} == {"bob", "cyd", "dan"}


async def test_without_review_no_exam_is_held_and_the_first_come_first(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        samples = await made(tmp_path, server.base_url, review="none", target=6, rounds=1)
        read = [b["messages"][-1]["content"] for b in server.bodies if b.get("logprobs")]
    assert set(read) == {"Is water wet? Answer Yes or No."}, "nothing was read but what every start asks of a server"
    accepted = [s.index for s in samples if s.status == "accepted"]
    assert max(accepted) < len(samples) and accepted == sorted(accepted)
    assert {s.score for s in samples} == {0.0}
    with Reader(open_run(tmp_path / "run")) as reader:
        assert reader.fact("exam") is None


async def test_the_numbers_do_not_depend_on_what_ran_ahead(tmp_path: Path) -> None:
    found = []
    async with FakeServer(fake_models(), latency_s=0.002, spread=1.0) as server:
        for concurrency in (1, 64):
            engine = {"concurrency": concurrency, "retries": 1}
            folder = tmp_path / str(concurrency)
            folder.mkdir()
            await made(folder, server.base_url, adjudication="majority", opinions="always", engine=engine)
            with Reader(open_run(folder / "run")) as reader:
                found.append(replace(compare("majority", 8, reader, []), calls=0, tokens=0))
    assert found[0] == found[1]
    assert (found[0].accepted, found[0].statement) == (8, "")
    assert found[0].candidates >= 8 and found[0].agreement
