from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.calls import CallId, Reply, Request
from gra.config.models import ModelConfig
from gra.config.synthesis import PaperGate, SynthesisConfig
from gra.config.verifiers import MathVerifier
from gra.errors import MissingExtra, Refused
from gra.synthesis.evidence.mathematics import Mathematics, final_answer, harmless, library, same, value
from gra.synthesis.evidence.verifier import Finding, smoothed
from gra.synthesis.reading import Matter

MODELS = ("a", "b")
CONFIG = SynthesisConfig(
    models=tuple(ModelConfig(name=name, base_url="http://localhost:1/v1") for name in MODELS),
    target=1,
    gate=PaperGate(),
)
MATTER = Matter("response", "What is 6 times 7?", "6 times 7 is 42.", domain="Math")
CALL = CallId("r01-00000", "v0.review.response.@math")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She has 3 + 4 = 7 apples.\nThe answer is 7.", "7"),
        ("Step 1: 5.\n#### 1,250", "1,250"),
        (r"So we get \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"The answer is $x^2 + 1$.", "x^2 + 1"),
        ("**Final answer:** 12 apples", "12"),
        ("Die Antwort lautet 3/4.", "3/4"),
        ("First 10, then 20.\n\nIn all he pays $30.", "30"),
        ("The answer is -3.5%.", "-3.5"),
        ("There is nothing to count here.", None),
        ("It was 1969.\nNobody knows why.", None),
        ("", None),
        ("The answer is " + "long " * 30, None),
    ],
)
def test_the_result_of_a_solution_is_found(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("42", "42.0"),
        ("1,250", "1250"),
        ("3/4", "0.75"),
        ("$30", "30"),
        ("-7", "−7"),
        (r"\frac{1}{2}", "0.5"),
        ("x^2 + 1", "1 + x^2"),
        (r"2\sqrt{2}", r"\sqrt{8}"),
    ],
)
def test_results_are_compared_as_mathematics(one: str, other: str) -> None:
    assert same(one, other) and same(other, one)


@pytest.mark.parametrize(("one", "other"), [("42", "43"), ("0.333", "1/3"), ("x + 1", "x - 1"), ("Paris", "42")])
def test_what_differs_is_not_the_same(one: str, other: str) -> None:
    assert not same(one, other)


@pytest.mark.parametrize(
    "text", ["9^9^9^9", "10**10**10", "2^{999999}", r"\binom{9999}{999}", "9" * 40, "factorial(99999)", "x" * 300, "2!"]
)
def test_what_could_take_long_is_not_worked_out(text: str) -> None:
    assert not harmless(text)


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    answer = final_answer(text)
    assert answer is None or len(answer) > 0
    value(text)
    harmless(text)


class Solvers:
    """Answers with what each model is to say, one after the other."""

    def __init__(self, **said: list[str]) -> None:
        self.said, self.asked = said, list[tuple[CallId, Request]]()

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        said = self.said[request.model][int(call.step.rsplit(".", 1)[1])]
        if said == "refuse":
            raise Refused("no")
        return Reply(said.removesuffix("..."), finish="length" if said.endswith("...") else "stop")


async def verify(solvers: Solvers, matter: Matter = MATTER, **settings: object) -> Finding | str:
    return await Mathematics(CONFIG, MathVerifier(samples=2, **settings), MODELS).verify(solvers, matter, CALL)  # type: ignore[arg-type]


async def test_the_share_of_solutions_that_agree_counts() -> None:
    solvers = Solvers(a=["The answer is 42.", "The answer is 41."], b=["#### 42", "I cannot tell."])
    found = await verify(solvers)
    assert isinstance(found, Finding)
    assert found.value == pytest.approx(smoothed(2, 3))
    assert len({call.step for call, _ in solvers.asked}) == len({r.sampling.seed for _, r in solvers.asked}) == 4
    assert not any("42" in str(r.messages) for _, r in solvers.asked), "nobody sees the response"
    assert {r.sampling.max_tokens for _, r in solvers.asked} == {512}


async def test_a_solution_that_was_cut_off_has_come_to_no_result() -> None:
    found = await verify(Solvers(a=["The answer is 42.", "First we have 41 and..."], b=["So 42 / 2 is 21...", "42"]))
    assert isinstance(found, Finding)
    assert found.value == pytest.approx(smoothed(2, 2))


async def test_it_abstains_without_a_result_on_either_side() -> None:
    empty = Solvers(a=["refuse", "?"], b=["?", "?"])
    assert await verify(empty) == "no model came to a result of its own"
    words = Matter("response", "Why?", "Because it is so.", domain="Math")
    assert await verify(Solvers(), words) == "the response comes to no result"
    assert await verify(Solvers(), domains=("Logic",)) == "it is for Logic only"


def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(MissingExtra, match=r"gra-synth\[math\]"):
        library()
