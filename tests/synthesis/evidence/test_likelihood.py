from __future__ import annotations

import math

import pytest

from gra.calls import SCORED, CallId, Reply, Request
from gra.synthesis.evidence.likelihood import Information, Likelihood
from gra.synthesis.evidence.verifier import Finding, copied
from gra.synthesis.reading import Matter

CALL = CallId("r01-00000", "v0.review.response.@information.m")


async def scored(call: CallId, request: Request) -> Reply:
    """Each word of the response is likelier after an instruction."""
    return Reply("", labels={SCORED: 0.5 if request.messages else 0.25})


@pytest.mark.parametrize(
    ("instruction", "response", "share"),
    [
        ("Say it in the passive: The batsman is hit by the ball.", "The ball is hit by the batsman.", 1.0),
        ("Translate: I am going to the park.", "Estoy going to the park.", 4 / 5),
        ("Name a river in France.", "The Loire is one.", 0.0),
        ("Name a river in France.", "...", 0.0),
    ],
)
async def test_of_what_repeats_the_instruction_information_says_nothing(
    instruction: str, response: str, share: float
) -> None:
    matter = Matter("response", instruction, response)
    assert copied(matter) == pytest.approx(share)
    found = await Information("m").verify(scored, matter, CALL)
    if share > 0.6:
        assert found == f"{share:.0%} of its words are the instruction's"
    else:
        assert isinstance(found, Finding)
        assert found.value == pytest.approx(math.log(2))
    likely = await Likelihood("m").verify(scored, matter, CALL)
    assert isinstance(likely, Finding), "how likely it is is told of everything"
