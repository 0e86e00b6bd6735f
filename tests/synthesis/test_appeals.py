"""A low mean with high variance: the paper rejects it unheard, every other gate gives it a hearing."""

from __future__ import annotations

import random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.config.synthesis import CalibratedGate, PaperGate, SeedsGate
from gra.records import Cast, Opinion, Ruling, Sample, Stage, Status, Version, criteria_of
from gra.report.disputes import DisputeSurvey
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.decide import Gate, PaperRule, SeedsRule
from gra.synthesis.standing import Standing

N = 32
STAGES: tuple[Stage, ...] = ("instruction", "response")
APART = 1.5


def standing(model: str, stage: Stage) -> Standing:
    """Seeds 1.5 above the middle of the scale, broken twins as far below, both of spread 1."""
    quantiles = [5 + NormalDist().inv_cdf((n + 0.5) / N) for n in range(N)]
    luck = random.Random(f"{model}{stage}")
    good, broken = luck.sample(quantiles, N), luck.sample(quantiles, N)
    return Standing(model, stage, tuple(q + APART for q in good), tuple(q - APART for q in broken))


STANDINGS = {(m, s): standing(m, s) for m in ("ann", "ben", "cal", "jud") for s in STAGES}
GATES: dict[str, Gate] = {
    "seeds": SeedsRule(SeedsGate(), STANDINGS),
    "calibrated": CalibratedRule(CalibratedGate(), STANDINGS),
}


def said(model: str, value: float) -> Opinion:
    return Opinion(model, "response", "written", dict.fromkeys(criteria_of("response"), value))


TORN = (said("ann", 1.5), said("ben", 1.5), said("cal", 8.0))
"""Mean 3.7 of 10: two to whom it is as bad as a broken seed, and one to whom it is better than most seeds."""


@pytest.mark.parametrize("name", list(GATES))
def test_a_low_mean_with_high_variance_is_heard(name: str) -> None:
    verdict = GATES[name].judge("response", TORN)
    assert (verdict.outcome, verdict.appeal) == ("dispute", True)
    assert "to cal it reads like a good" in verdict.reason
    agreed = GATES[name].judge("response", [said(o.model, 1.5) for o in TORN])
    assert (agreed.outcome, agreed.appeal) == ("reject", False), "where all see it alike there is nothing to hear"


def test_in_the_paper_it_is_not() -> None:
    verdict = PaperRule(PaperGate()).judge("response", TORN)
    assert (verdict.outcome, verdict.appeal) == ("reject", False) and verdict.spread > PaperGate().sigma_max


@pytest.mark.parametrize("name", list(GATES))
@given(st.lists(st.floats(1, 10), min_size=1, max_size=3))
def test_an_appeal_is_a_dispute_below_the_bar(name: str, values: list[float]) -> None:
    gate = GATES[name]
    opinions = [said(model, value) for model, value in zip(("ann", "ben", "cal"), values, strict=False)]
    verdict = gate.judge("response", opinions)
    if verdict.appeal:
        assert verdict.outcome == "dispute"
    better = gate.judge("response", [said(o.model, 10.0) for o in opinions])
    assert not better.appeal, "what all find perfect is above the bar"


def test_the_report_counts_what_was_accepted_on_appeal() -> None:
    cast, gate, survey = Cast("gen", ("ann", "ben", "cal"), "jud"), GATES["seeds"], DisputeSurvey()
    heard = (said("ann", 3.0), said("ben", 3.0), said("cal", 9.5))
    for ruled, opinions in ((9.9, heard), (1.0, heard), (9.9, [said(o.model, 8.0) for o in TORN])):
        verdict = gate.judge("response", opinions)
        ruling = None
        if verdict.outcome == "dispute":
            opinion = said("jud", ruled)
            ruling = Ruling(opinion, gate.rule(opinion, opinions))
        version = Version(0, "x", cast, tuple(opinions), verdict, ruling)
        survey.add(Sample("r01-00000", 1, 0, "Math", cast, versions=(version,), status=Status.PASSED))
    found = survey.disputes(None)
    assert (found.disputed, found.appeals) == (2, 2)
    assert found.won == found.accepted == 1
