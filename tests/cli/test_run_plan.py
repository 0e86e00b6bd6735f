"""The estimate of a run: pure, monotonous, and near what a run really takes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cli_builders import config_in

from gra.config.synthesis import SynthesisConfig
from gra.engine.plan import Plan, Scenario, plan
from gra.engine.run import synthesise
from gra.records import Passage
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.synthesis.forms import REASONS
from gra.synthesis.seeds import read_seeds
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer


def planned(folder: Path, **changes: Any) -> Plan:
    config = config_in(folder, **changes).synthesis
    return plan(config, read_seeds(config.seeds).seeds if config.seeds else ())


def expected(found: Plan) -> Scenario:
    return next(s for s in found.scenarios if s.name == "expected")


def step(found: Plan, name: str) -> float:
    return next(c.calls for c in expected(found).costs if c.step == name)


def test_what_can_be_counted_exactly_is(tmp_path: Path) -> None:
    found = planned(tmp_path, target=10, gate={"type": "seeds", "exam": 8}, reviewers=2)
    assert [s.candidates for s in found.scenarios] == [40, 20, 14]
    assert step(found, "annotate seeds") == 8 * 3
    assert step(found, "exam") == 4 * 8 * 2 * (1 + 2), "judges, questions, seed and twin, criteria of both stages"
    assert step(found, "exam with reviews") == 4 * 8 * 2 * 2 + 2 * 8 * 2, "the responses again; two comment"
    assert step(found, "exam in pairs") == 4 * 8 * 2, "judges, pairs, orders"
    assert step(found, "keywords") == step(found, "instruction") == 20
    assert step(found, "review instruction") == 20 * 2 * 1, "of three criteria one tells as much"
    assert step(found, "summarise accepted") == 10


@pytest.mark.parametrize(
    ("form", "calls", "written"), [("digit", 1, 1), ("paraphrased", 3, 3), ("reasoned", 2, 1 + REASONS)]
)
def test_a_dear_form_costs_what_it_asks(tmp_path: Path, form: str, calls: int, written: int) -> None:
    changes: dict[str, Any] = {"gate": {"type": "seeds", "exam": 8}, "questions": {"forms": [form, "examples"]}}
    exam = next(c for c in expected(planned(tmp_path, **changes)).costs if c.step == "exam")
    questions = 4 * 8 * 2 * (1 + 2)
    assert (exam.calls, exam.completion_tokens) == pytest.approx((questions * calls, questions * written))


def test_a_lower_yield_costs_more(tmp_path: Path) -> None:
    totals = [s.total for s in planned(tmp_path, target=50).scenarios]
    for name in ("calls", "prompt_tokens", "completion_tokens"):
        values = [getattr(total, name) for total in totals]
        assert values == sorted(values, reverse=True) and values[-1] > 0


@pytest.mark.parametrize(
    ("changes", "name", "calls"),
    [
        ({"gate": {"type": "paper"}}, "exam", 0),
        ({"reading": "written"}, "comment", 0),
        ({"max_revisions": 0}, "revise", 0),
        ({"reading": "written", "reviewers": 2}, "review instruction", 6 * 2),
        ({"reading": "written", "review": "one"}, "review instruction", 6),
        ({"review": "none"}, "review response", 0),
        ({"review": "none"}, "exam", 0),
        ({"review": "none"}, "revise", 0),
        ({"adjudication": "majority"}, "adjudicate", 0),
        ({"casting": {"policy": "single", "model": "one"}, "gate": {"type": "seeds", "exam": 4}}, "exam", 4 * 2 * 3),
    ],
)
def test_what_is_not_done_costs_nothing(tmp_path: Path, changes: dict[str, Any], name: str, calls: float) -> None:
    assert step(planned(tmp_path, **changes), name) == pytest.approx(calls)


def test_a_plan_needs_no_seeds_and_knows_what_passages_cost(tmp_path: Path) -> None:
    bare = planned(tmp_path, seeds=None, target=6)
    assert (step(bare, "annotate seeds"), step(bare, "exam"), step(bare, "keywords")) == (0, 0, 12)
    assert any("as such texts usually are" in text for text in bare.assumptions)
    config = config_in(tmp_path, seeds=None, target=6).synthesis
    read = plan(config, (), passages=[Passage("a.md:1", "x" * 4000)])
    more = expected(read).total.prompt_tokens - expected(bare).total.prompt_tokens
    assert more > 12 * 2 * 1000, "a thousand tokens for keywords and for the instruction, of each candidate"


def test_a_refinement_reviews_both_responses_and_is_bounded_by_the_seeds(tmp_path: Path) -> None:
    found = planned(tmp_path, task="refine", target=None, reviewers=2, max_revisions=0, reading="written")
    assert {s.candidates for s in found.scenarios} == {8}
    assert [s.accepted for s in found.scenarios] == [2, 4, 6]
    assert [step(found, name) for name in ("response", "review response", "summarise accepted")] == [8, 8 * 2 * 2, 0]
    assert not {"keywords", "instruction", "review instruction"} & {c.step for c in found.scenarios[0].costs}
    assert "seeds kept" in found.assumptions[0]
    unread = planned(tmp_path, task="refine", target=None, review="none")
    assert step(unread, "review response") == 0 and step(unread, "exam") == 0


def test_the_budget_of_candidates_bounds_the_run(tmp_path: Path) -> None:
    low = planned(tmp_path, target=10, budget={"candidates_per_accepted": 2}).scenarios[0]
    assert (low.candidates, low.accepted) == (20, 5)


@pytest.mark.parametrize("reading", ["written", "probability"])
def test_it_is_near_what_a_run_takes(tmp_path: Path, reading: str) -> None:
    """Fake models accept everything, so a run whose yield is 1 is compared with the plan's high one."""

    async def run() -> tuple[SynthesisConfig, int]:
        models = [FakeModel(n, judge=lambda body: 0.9, leniency=9.0) for n in ("writer", "one", "two", "judge")]
        async with FakeServer(models) as server:
            config = config_in(
                tmp_path,
                base_url=server.base_url,
                target=12,
                reading=reading,
                gate={"type": "paper", "tau": 1},
                engine={"concurrency": 2},
            )
            await synthesise(config, tmp_path / "run")
        with Reader(open_run(tmp_path / "run")) as reader:
            return config.synthesis, reader.totals().all.calls

    config, calls = asyncio.run(run())
    assert config.seeds
    high = plan(config, read_seeds(config.seeds).seeds).scenarios[-1]
    assert 0.5 < calls / high.total.calls < 1.5
