"""Who has no vote in a domain: not by luck, where it is so in most exams, and to the good of a committee."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.config.synthesis import CalibratedGate, PaperGate, SeedsGate
from gra.records import Opinion, Stage, criteria_of
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.decide import PaperRule, SeedsRule, rules_blind, weight_of_ruling
from gra.synthesis.domains import in_domain, no_votes
from gra.synthesis.recalibration import Drift, Shown, moved
from gra.synthesis.standing import LEAST_OF_DOMAIN, Standing

LEVEL, DRAWS = 0.05, 400
LUCK = 1.65 * (LEVEL * (1 - LEVEL) / DRAWS) ** 0.5
"""By how much a share of so many draws may lie above the level one time in twenty."""


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        yield importlib.import_module("domains")


@pytest.mark.parametrize("noise", ["normal", "twins alike (0.5)", "far outliers (t, 3)", "skewed"])
@pytest.mark.parametrize(("d", "pairs"), [(0.8, 30), (1.5, 8), (1.5, 30)])
def test_who_is_equally_able_everywhere_keeps_all_votes(bench: Any, noise: str, d: float, pairs: int) -> None:
    assert bench.losses((d,) * 5, pairs, DRAWS, 1, bench.NOISES[noise])[0] <= LEVEL + LUCK


@pytest.mark.parametrize("noise", ["normal", "twins alike (0.5)", "far outliers (t, 3)", "skewed"])
def test_who_is_at_chance_in_one_domain_loses_its_vote_there_in_most_exams(bench: Any, noise: str) -> None:
    assert bench.losses((0, 1.5, 1.5, 1.5, 1.5), 30, 100, 2, bench.NOISES[noise])[1] > 0.85
    assert bench.losses((0, 0.8, 0.8, 0.8, 0.8), 30, 100, 2, bench.NOISES[noise])[1] > 0.5


@pytest.mark.parametrize("pairs", [15, 30])
def test_a_committee_is_better_by_it_and_none_is_worse(bench: Any, pairs: int) -> None:
    for name, least in (("the best at chance in one", 0.03), ("two, each in one", 0.03), ("all alike everywhere", 0)):
        found = bench.committees(bench.COMMITTEES[name], pairs, 15, 3)
        for gate in ("seeds", "calibrated"):
            gained = found[gate, True] - found[gate, False]
            assert gained[0] > -0.002 and gained[1] > (least or -0.005), (name, gate)


def standing(model: str, apart: Sequence[float], pairs: int = 12, stage: Stage = "response") -> Standing:
    """Domains `0`, `1`, ... in turn, in each of which good and broken lie so far apart."""
    draw = np.random.default_rng(sum(map(ord, model)))
    domains = tuple(str(n) for n in range(len(apart))) * pairs
    good, broken = (draw.normal(size=len(domains)) for _ in range(2))
    good += [apart[int(domain)] for domain in domains]
    found = Standing(model, stage, tuple(good), tuple(broken), (), domains)
    return replace(found, no_vote_in=found.cannot_tell_in())


LOST, ABLE = standing("lost", (0, 4, 4)), standing("able", (3, 3, 3))


def flat(model: str, value: float) -> Opinion:
    return Opinion(model, "response", "written", dict.fromkeys(criteria_of("response"), value))


def rules() -> list[SeedsRule | CalibratedRule]:
    standings: dict[tuple[str, Stage], Standing] = {(s.model, "response"): s for s in (LOST, ABLE)}
    rulings = {s.model: replace(s, domains=(), no_vote_in=()) for s in (LOST, ABLE)}
    return [SeedsRule(SeedsGate(), standings, rulings), CalibratedRule(CalibratedGate(), standings, rulings)]


@pytest.mark.parametrize("rule", rules())
def test_it_has_no_say_there_and_the_whole_of_it_elsewhere(rule: SeedsRule | CalibratedRule) -> None:
    assert (LOST.no_vote_in, ABLE.no_vote_in) == (("0",), ())
    assert no_votes(rule) == {"0": {"response": ("lost",)}}
    here = in_domain(rule, "0")
    assert isinstance(here, SeedsRule | CalibratedRule)
    assert here.able["response"] == {"able"} and rule.able["response"] == {"able", "lost"}
    assert here.weigh("response", "lost") == 0 and "lost" not in here.rulings
    assert in_domain(rule, "1") is rule and in_domain(rule, "another") is rule
    for value in (-3.0, 0.0, 1.5, 6.0):
        verdicts = [here.judge("response", [flat("able", 2.0), flat("lost", value)]) for value in (value, 9.0)]
        assert verdicts[0].weights == {"able": 1.0, "lost": 0.0}
        assert verdicts[0].score == verdicts[1].score == here.judge("response", [flat("able", 2.0)]).score
        assert "lost" in verdicts[0].votes, "what it would have said is on record"


@pytest.mark.parametrize("rule", rules())
def test_who_is_misled_by_reviews_in_a_domain_rules_there_without_them(rule: SeedsRule | CalibratedRule) -> None:
    misled = replace(rule, rulings={"able": replace(LOST, model="able")})
    here = in_domain(misled, "0")
    assert isinstance(here, SeedsRule | CalibratedRule)
    assert rules_blind(here, "able") and not rules_blind(in_domain(misled, "1"), "able")
    assert weight_of_ruling(here, "able") == here.weigh("response", "able") > 0


@pytest.mark.parametrize("rule", rules())
def test_where_nobody_is_left_a_response_is_disputed_and_then_rejected(rule: SeedsRule | CalibratedRule) -> None:
    alone = replace(rule, standings={(LOST.model, "response"): LOST})
    here = in_domain(alone, "0")
    assert here.judge("response", [flat("lost", 9.0)]).outcome == "dispute"
    assert here.rule(flat("lost", 9.0), [flat("lost", 9.0)]).outcome == "reject"
    assert alone.judge("response", [flat("lost", 9.0)]).outcome == "accept"


def test_a_gate_without_exams_is_the_same_everywhere() -> None:
    rule = PaperRule(PaperGate())
    assert in_domain(rule, "0") is rule and no_votes(rule) == {}


@given(st.floats(0, 2), st.floats(0, 1), st.floats(0.5, 2), st.floats(0, 2), st.floats(-2, 1), st.floats(-1, 2))
def test_candidates_never_give_back_what_the_exam_has_taken(
    shift: float, reliability: float, spread: float, alike: float, good: float, broken: float
) -> None:
    shown = Shown(30, LOST.separation, shift, 0.3, reliability, 0.6, spread, alike, Drift(good, broken))
    now = moved(LOST, shown)
    assert now.no_vote_in == ("0",) and now.of_domain("0").weight == 0


@given(st.integers(1, LEAST_OF_DOMAIN - 1), st.integers(LEAST_OF_DOMAIN, 40))
def test_too_few_pairs_of_a_domain_or_of_the_others_say_nothing(few: int, many: int) -> None:
    for here, rest in ((few, many), (many, few)):
        domains = ("here",) * here + ("rest",) * rest
        good = (-9.0,) * here + (9.0,) * rest
        found = Standing("m", "response", tuple(g + n % 3 for n, g in enumerate(good)), (0.0,) * len(good), (), domains)
        assert found.cannot_tell_in() == ()


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.sampled_from(["", "all"]))
def test_questions_of_one_domain_or_of_none_change_nothing(seed: int, name: str) -> None:
    draw = np.random.default_rng(seed)
    good, broken = draw.normal(1, 1, 40), draw.normal(0, 1, 40)
    assert Standing("m", "response", tuple(good), tuple(broken), (), (name,) * 40).cannot_tell_in() == ()


def test_the_part_of_an_exam_knows_which_questions_it_has() -> None:
    part = ABLE.of_domain("1")
    assert part.places == tuple(range(1, 36, 3)) and part.good == ABLE.good[1::3]
    passed = replace(ABLE, places=tuple(range(2, 38)))
    assert passed.of_domain("1").places == tuple(range(3, 38, 3))
