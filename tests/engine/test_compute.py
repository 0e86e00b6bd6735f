"""Cost in parameters times tokens: what is known of a model's size, and what a budget of it does."""

import pytest

from gra.calls import Reply, Usage
from gra.catalogue import load_catalogue
from gra.config.synthesis import Budget
from gra.engine.baseline import Cost, budget_like, from_one_large_model
from gra.engine.compute import compute, sizes, unsized
from gra.engine.desk import BudgetSpent, Spending
from gra.errors import ConfigError, Refused
from gra.store.reader import Total


def test_a_size_comes_from_the_configuration_the_catalogue_or_the_name_on_the_server() -> None:
    known = sizes(
        [
            {"name": "own", "parameters": 7.6e9, "catalogue": "smollm2-135m-instruct"},
            {"name": "card", "parameters": None, "catalogue": "SmolLM2-135M-Instruct "},
            {"name": "hub", "base_url": "http://x/v1", "model": "Qwen/Qwen2.5-7B-Instruct"},
            {"name": "nobody", "base_url": "http://x/v1", "model": "mine", "catalogue": None},
            {"name": "nameless", "base_url": "http://x/v1", "model": None},
            {"name": "gone", "catalogue": "no-such-card"},
        ]
    )
    cards = load_catalogue()
    qwen = next(c for c in cards.values() if c.hf_repo == "Qwen/Qwen2.5-7B-Instruct")
    assert known == {"own": 7.6e9, "card": cards["smollm2-135m-instruct"].parameters, "hub": qwen.parameters}


def test_compute_is_parameters_times_tokens_that_were_not_cached() -> None:
    spent = {
        "a": Total(calls=3, prompt_tokens=800_000, cached_tokens=300_000, completion_tokens=500_000),
        "b": Total(calls=1, prompt_tokens=0, cached_tokens=0, completion_tokens=250_000),
    }
    assert compute(spent, {"a": 1e9, "b": 4e9}) == pytest.approx(2.0)
    assert compute(spent, {"a": 1e9}) is None and unsized(spent, {"a": 1e9}) == ["b"]
    assert compute({**spent, "c": Total()}, {"a": 1e9, "b": 4e9}) == pytest.approx(2.0), "c was never asked"
    assert compute({}, {}) == 0.0


def test_a_budget_of_compute_counts_what_it_knows_and_ends() -> None:
    spending = Spending(Budget(compute=1.0), sizes={"a": 2e9})
    reply = Reply("x", usage=Usage(prompt_tokens=300_000, cached_tokens=100_000, completion_tokens=50_000))
    for expected in (0.5, 1.0):
        spending.check()
        spending.count("a", reply)
        assert spending.compute == pytest.approx(expected)
    spending.count("a", Refused("no"))
    assert spending.calls == 3 and spending.compute == pytest.approx(1.0)
    with pytest.raises(BudgetSpent, match="1 billion parameters x million tokens is spent"):
        spending.check()


def test_a_run_whose_models_have_no_size_is_nothing_to_compare_with() -> None:
    with pytest.raises(ConfigError, match=r"what run has spent cannot be reckoned: .*`x`.*Give it `parameters`"):
        budget_like(Cost("run", 3, 10, None, ("x",)))
    with pytest.raises(ConfigError, match="nothing yet"):
        budget_like(Cost("run", 0, 0, 0.0, ()))
    assert budget_like(Cost("run", 3, 10, 0.25, ())) == 0.25


def test_what_one_large_model_would_take_is_its_writing_of_what_was_accepted() -> None:
    spent = {
        "keywords": Total(calls=12, refused=2, prompt_tokens=1000, cached_tokens=900, completion_tokens=100),
        "response": Total(calls=5, prompt_tokens=1000, completion_tokens=500),
        "review": Total(calls=900, prompt_tokens=10**6),
    }
    found = from_one_large_model(spent, 4)
    assert found is not None
    assert found.tokens == pytest.approx(4 * (110 + 300))
    assert found.flops == pytest.approx(2 * 72e9 * found.tokens)
    assert found.money == pytest.approx(1.2 * found.tokens / 1e6)
    assert "no review" in found.assumed and "1.2 USD per million tokens" in found.assumed
    assert from_one_large_model(spent, 0) is None and from_one_large_model({}, 3) is not None
