"""What a run costs in money, and what a budget of it does."""

from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, fake_models, make_config
from hypothesis import given
from hypothesis import strategies as st
from test_engine_crash import SMALL

from gra.config.fingerprint import fingerprint
from gra.config.load import RunConfig
from gra.config.models import Price
from gra.engine.compute import flops
from gra.engine.prices import FREE, charge, money, prices, unpriced
from gra.engine.run import Ending, synthesise
from gra.errors import ConfigError
from gra.records import Sample, Status
from gra.report.survey import report_on
from gra.store.reader import Reader, Total
from gra.store.run_dir import open_run
from gra.testing.fake_server import FakeServer

NOWHERE = "http://127.0.0.1:9/v1"
PRICE = {"prompt": 4.0, "cached": 1.0, "completion": 12.0}
COUNTS = st.integers(0, 10**9)


def priced(base_url: str, price: Any = PRICE) -> list[dict[str, Any]]:
    return [{"name": n, "base_url": base_url, "model": n, "price": price, "parameters": 1e9} for n in NAMES]


def test_cached_tokens_cost_what_is_said_of_them_or_what_others_do() -> None:
    assert charge(Price(**PRICE), 1_000_000, 250_000, 500_000) == pytest.approx(3.0 + 0.25 + 6.0)
    assert charge(Price(prompt=4, completion=12), 1_000_000, 250_000, 500_000) == pytest.approx(4.0 + 6.0)


@given(COUNTS, st.floats(0, 1), COUNTS, st.floats(0, 100), st.floats(0, 100))
def test_a_cache_never_makes_it_dearer_and_nothing_costs_less_than_nothing(
    prompt: int, share: float, completion: int, dear: float, discount: float
) -> None:
    cached = int(prompt * share)
    price = Price(prompt=dear, cached=max(0.0, dear - discount), completion=dear)
    assert 0 <= charge(price, prompt, cached, completion) <= charge(price, prompt, 0, completion) + 1e-6


def test_embedded_models_are_free_and_others_have_to_say() -> None:
    known = prices(
        [
            {"name": "own", "catalogue": "smollm2-135m-instruct", "price": None},
            {"name": "dear", "catalogue": "smollm2-135m-instruct", "price": PRICE},
            {"name": "api", "base_url": NOWHERE, "price": None},
        ]
    )
    assert known == {"own": FREE, "dear": Price(**PRICE)}
    spent = {"own": Total(calls=1, prompt_tokens=10**6), "dear": Total(calls=1, completion_tokens=10**6)}
    assert money(spent, known) == 12.0
    assert money({**spent, "api": Total(calls=1)}, known) is None
    assert unpriced({**spent, "api": Total(calls=1)}, known) == ["api"]


def test_a_unit_of_compute_is_two_operations_for_each_parameter_and_token() -> None:
    assert flops(1.0) == 2e15


async def test_a_budget_of_money_needs_a_price_of_every_model(tmp_path: Path) -> None:
    models = priced(NOWHERE)
    del models[2]["price"]
    config = make_config(tmp_path, NOWHERE, models=models, budget={"money": 1.0})
    with pytest.raises(ConfigError, match=r"`budget.money` cannot be reckoned: nobody says what `cyd` costs"):
        await synthesise(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_things_cost_is_not_what_the_data_are(tmp_path: Path) -> None:
    def of(config: RunConfig) -> str:
        return fingerprint(config.synthesis, seeds_digest="", models=dict.fromkeys(NAMES, ""), prompts_digest="")

    plain = make_config(tmp_path, NOWHERE)
    dear = make_config(tmp_path, NOWHERE, models=priced(NOWHERE), currency="EUR", budget={"money": 3.0})
    assert of(plain) == of(dear)


def accepted(folder: Path) -> list[Sample]:
    with Reader(open_run(folder)) as reader:
        return list(reader.iter_samples(Status.ACCEPTED))


async def test_a_budget_of_money_ends_in_good_order_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    async with FakeServer(fake_models(leniency=6.0)) as server:

        async def run(folder: str, **changes: Any) -> Ending:
            own = {"models": priced(server.base_url), "currency": "EUR", "rounds": 1, **SMALL, **changes}
            return await synthesise(make_config(tmp_path, server.base_url, **own), tmp_path / folder)

        assert (await run("whole")).complete
        with Reader(open_run(tmp_path / "whole")) as reader:
            whole = report_on(reader)
        assert whole.money and whole.flops
        assert whole.flops == pytest.approx(2 * 1e9 * whole.totals.all.computed_tokens)
        by_model = [row["money"] for row in whole.plain()["calls"]["by_model_and_task"]]
        assert sum(by_model) == pytest.approx(whole.money) == whole.plain()["money"]

        limit = 0.8 * whole.money
        ending = await run("short", budget={"money": limit})
        assert not ending.complete and ending.statement == f"the budget of {limit:g} EUR is spent"
        kept = accepted(tmp_path / "short")
        assert len(kept) == ending.accepted > 0, "what there is is a dataset"
        with Reader(open_run(tmp_path / "short")) as reader:
            spent = report_on(reader).money
        assert spent is not None and limit <= spent < limit + whole.money / 10, "no more than what was under way"

        assert (await run("short", budget={"money": 2 * whole.money})).complete
    assert accepted(tmp_path / "short") == accepted(tmp_path / "whole")
