from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.calls import Ask, CallId, Reply, Request
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import SeedsGate, SynthesisConfig
from gra.errors import Refused
from gra.records import Entry, Opinion
from gra.synthesis.decide import SeedsRule, quorum
from gra.synthesis.evidence.relevance import Relevance
from gra.synthesis.evidence.verifier import EvidenceReading, Finding, Verifier, logistic, smoothed
from gra.synthesis.exam import set_exam, sit_exam
from gra.synthesis.reading import Matter, ProbabilityReading, Reading
from gra.synthesis.review import Committee
from gra.synthesis.standing import Standing, feature

MATTER = Matter("response", "Name a river in France.", "The Loire is one.")
CALL = CallId("r01-00000", "v0.review.response.@x")


async def nobody(call: CallId, request: Request) -> Reply:
    raise AssertionError("no model is asked")


class Says:
    """A verifier that finds what it is told to."""

    def __init__(self, found: Finding | str | Exception) -> None:
        self.found, self.asked = found, 0

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        self.asked += 1
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


async def opinion(verifier: Verifier) -> Opinion:
    return await EvidenceReading(verifier).read(nobody, "@x", MATTER, CALL)


@given(st.floats(-6.9, 6.9))
def test_the_exam_sees_what_was_measured(value: float) -> None:
    said = Opinion("@x", "response", "evidence", {"evidence": logistic(value)})
    assert feature(said) == pytest.approx(value, abs=1e-6)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_is_measured_is_a_share(value: float) -> None:
    assert 0 <= logistic(value) <= 1


def test_none_of_none_says_nothing() -> None:
    assert smoothed(0, 0) == 0
    assert smoothed(3, 3) > smoothed(2, 3) > 0 > smoothed(0, 3) > -math.inf


async def test_a_finding_becomes_an_opinion_with_its_comment() -> None:
    said = await opinion(Says(Finding(0.0, "It has 12 words, 10 are allowed.")))
    assert (said.model, said.reading, said.scores) == ("@x", "evidence", {"evidence": 0.5})
    assert said.comment == "It has 12 words, 10 are allowed."
    assert said.usable


async def test_who_has_nothing_to_say_or_is_refused_abstains() -> None:
    for found in ("there is no number in it", Refused("too long")):
        said = await opinion(Says(found))
        assert (said.usable, said.abstained, said.failure) == (False, str(found), "")


def test_evidence_makes_no_quorum_and_breaks_none() -> None:
    read = Opinion("a", "response", "probability", {"x": 0.5})
    unread = Opinion("b", "response", "probability", failure="?")
    silent = Opinion("@x", "response", "evidence", abstained="?")
    speaks = Opinion("@y", "response", "evidence", {"evidence": 0.9})
    assert quorum([read, unread, silent, silent])
    assert not quorum([unread, speaks, speaks])


# --- relevance --------------------------------------------------------------------------------------------------------


def embedding(*vectors: Sequence[float]) -> Any:
    async def embed(call: CallId, texts: list[str]) -> Sequence[Sequence[float]]:
        assert texts == [MATTER.instruction, MATTER.response]
        return vectors

    return embed


@pytest.mark.parametrize(
    ("other", "score"), [([1.0, 0.0], 1.0), ([0.6, 0.8], 0.8), ([0.0, 1.0], 0.5), ([-1.0, 0.0], 0.0)]
)
async def test_relevance_is_half_of_one_more_than_the_cosine(other: list[float], score: float) -> None:
    said = await opinion(Relevance(embedding([1.0, 0.0], other)))
    assert said.scores["evidence"] == pytest.approx(score, abs=1e-4)


async def test_of_no_response_there_is_no_relevance() -> None:
    found = await Relevance(embedding()).verify(nobody, Matter("response", "Say nothing.", " \n"), CALL)
    assert found == "there is no response"


# --- the exam ---------------------------------------------------------------------------------------------------------

CONFIG = SynthesisConfig(
    seeds=SeedsConfig.model_validate({"path": "seeds.json"}),
    models=(ModelConfig(name="a", base_url="http://localhost:1/v1"),),
    target=1,
)
SEEDS = [
    Entry(
        f"seed-{n:05d}", 0, "Math" if n % 2 else "Code", ("sum",), "", f"Add {n} and one now.", f"It is {n + 1}. " * 4
    )
    for n in range(16)
]


class Knows:
    """Knows the seeds' answers, of one domain only."""

    def __init__(self, domain: str = "", sure: float = 1.0) -> None:
        self.domain, self.sure = domain, sure

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        if self.domain not in ("", matter.domain):
            return "not of this domain"
        good = any(matter.response == seed.response and matter.instruction == seed.instruction for seed in SEEDS)
        return Finding(self.sure * (1 if good else -1) + 0.1 * (len(matter.instruction) % 3))


async def sat(verifier: Verifier) -> Standing | str:
    questions = set_exam(SEEDS, CONFIG, 16)["response"]
    sitting = await sit_exam(nobody, "@x", EvidenceReading(verifier), questions)
    return sitting.failure or sitting.standing


async def test_a_verifier_sits_the_reviewers_exam() -> None:
    standing = await sat(Knows())
    assert isinstance(standing, Standing)
    assert (standing.auc, standing.model) == (1.0, "@x")
    assert standing.weight > 1


async def test_one_that_cannot_tell_has_no_weight() -> None:
    standing = await sat(Knows(sure=0.0))
    assert isinstance(standing, Standing)
    assert standing.weight == 0


async def test_one_that_abstains_is_judged_by_what_it_says() -> None:
    standing = await sat(Knows("Math"))
    assert isinstance(standing, Standing)
    assert 4 <= len(standing.good) == len(standing.broken) <= 8
    assert standing.auc == 1.0


async def test_one_that_says_next_to_nothing_has_no_standing() -> None:
    said = await sat(Knows("Law"))
    assert said == "it has something to say of 0 of 16 exam questions, 8 are needed"


# --- the committee ----------------------------------------------------------------------------------------------------

GOOD, BROKEN = (2.0, 2.5, 3.0, 2.2, 2.8, 2.6), (-1.0, -0.5, 0.0, -0.8, -0.2, -0.4)
NEAR = tuple(value - 0.5 for value in GOOD)
"""Of one that can tell, but not so well that its dissent alone makes a dispute."""
RULE = SeedsRule(
    SeedsGate(),
    {
        (name, stage): Standing(name, stage, GOOD, broken)
        for name, broken in (
            ("ash", BROKEN),
            ("elm", BROKEN),
            ("@sure", BROKEN),
            ("@luck", GOOD[::-1]),
            ("@dear", NEAR),
        )
        for stage in ("instruction", "response")
    },
)


async def yes(call: CallId, request: Request) -> Reply:
    return Reply("A remark.", labels={"yes": 0.9, "no": 0.1})


async def judged(matter: Matter, opinions: str = "when_needed", **verifiers: Reading) -> tuple[Opinion, ...]:
    config = CONFIG.model_copy(update={"opinions": opinions})
    readings: dict[str, Reading] = {"ash": ProbabilityReading(), "elm": ProbabilityReading()}
    readings |= {f"@{name}": reading for name, reading in verifiers.items()}
    return await Committee(yes, config, readings).review(
        matter, ("ash", "elm"), "r01-00000", "v0.review.response", RULE
    )


async def test_a_verifier_is_heard_beside_the_reviewers_of_a_response() -> None:
    sure, luck = Says(Finding(2.5)), Says(Finding(2.5))
    said = await judged(MATTER, sure=EvidenceReading(sure), luck=EvidenceReading(luck))
    assert [o.model for o in said] == ["ash", "elm", "@sure", "@luck"]
    assert [o.usable for o in said] == [True, True, True, False]
    assert said[3].unasked == "it has no say here"
    assert luck.asked == 0, "what it says would not count"
    verdict = RULE.judge("response", said)
    assert verdict.weights["@sure"] == pytest.approx(1 / 3)


async def test_of_an_instruction_only_models_are_asked() -> None:
    sure = Says(Finding(2.5))
    said = await judged(Matter("instruction", "Name a river."), sure=EvidenceReading(sure))
    assert ([o.model for o in said], sure.asked) == (["ash", "elm"], 0)


async def test_one_that_is_dear_is_asked_only_if_it_can_change_something() -> None:
    dear = Says(Finding(2.5))
    hopeless = await judged(MATTER, sure=EvidenceReading(Says(Finding(-6.0))), dear=EvidenceReading(dear, cheap=False))
    assert dear.asked == 0
    assert hopeless[-1].unasked.startswith("the others settled it: reject")
    everybody = await judged(
        MATTER, "always", sure=EvidenceReading(Says(Finding(-6.0))), dear=EvidenceReading(dear, cheap=False)
    )
    assert (dear.asked, everybody[-1].usable) == (1, True)


def test_verifiers_are_nobody_to_cast() -> None:
    assert RULE.able["response"] == {"ash", "elm"}
