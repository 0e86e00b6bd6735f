"""Code: the response's program is run against the examples that its instruction states and tests that models write.

Small models write tests that are wrong. So what counts is the share that pass, an example as much as `EXAMPLE` tests,
and a test that several write as often as it is written (the agreement of CodeT, arXiv 2207.10397, with one program).
Tests are read and claims looked at here, the program is run in the sandbox, and neither sees the other.
"""

from __future__ import annotations

import builtins
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gra.calls import Ask, CallId, Request, Sampling
from gra.config.synthesis import SynthesisConfig
from gra.config.verifiers import CodeVerifier
from gra.errors import Refused
from gra.ids import call_seed
from gra.programs import Broke, Execution, Returned, execution, to_run
from gra.synthesis.evidence.asserts import Test, read_assert
from gra.synthesis.evidence.examples import stated_tests
from gra.synthesis.evidence.snippets import NOTHING, UNREAD, Program, program_in
from gra.synthesis.evidence.verifier import Finding, smoothed
from gra.synthesis.reading import Matter
from gra.together import together

TEMPERATURE, TOP_P = 0.7, 0.95
MOST = 8
"""Tests that are taken from one reply."""
EXAMPLE = 3
"""How many tests an example of the instruction's own counts as."""
FOREIGN = ("ModuleNotFoundError", "ImportError", "EOFError")
"""A program that ends so wants packages or a person at a keyboard, which it has not got here."""


@dataclass(frozen=True, slots=True)
class Code:
    """The share of tests that the response's program passes."""

    config: SynthesisConfig
    settings: CodeVerifier
    models: tuple[str, ...]

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """As log-odds; abstains where there is no program, or no test for it."""
        if self.settings.domains and matter.domain not in self.settings.domains:
            return f"it is for {', '.join(self.settings.domains)} only"
        program = program_in(matter.response)
        if program == UNREAD:
            return Finding(smoothed(0, EXAMPLE), "The code cannot be read as Python.")
        if program == NOTHING and (missed := _absent(matter)):
            return Finding(smoothed(0, EXAMPLE * len(missed)), "What the instruction's examples call is not there.")
        if isinstance(program, str):
            return program
        tests = Counter(dict.fromkeys(stated_tests(matter.instruction, program), EXAMPLE))
        tests.update(await self.written(ask, matter, program, call))
        if not tests:
            return "the instruction states no examples, and nobody wrote a test that could be run"
        calls = sorted({test.call for test in tests})
        reply = await ask(replace(call, step=f"{call.step}.run"), to_run(program.code, calls))
        return judged(tests, execution(reply.text, len(calls)), calls)

    async def written(self, ask: Ask, matter: Matter, program: Program, call: CallId) -> Counter[Test]:
        """Tests by models other than the response's author, with how often each was written.

        They see the instruction and what the program defines, not how. Steps are those of the instruction, so that two
        responses with one signature are held to the same tests.
        """
        numbers = [(m, n) for m in self.models if m != matter.author for n in range(self.settings.samples)]
        replies = await together(self._list(ask, model, n, matter, program, call) for model, n in numbers)
        return Counter(test for reply in replies for test in dict.fromkeys(read_tests(reply, program)))

    async def _list(self, ask: Ask, model: str, number: int, matter: Matter, program: Program, call: CallId) -> str:
        step = f"tests.{model}.{number}"
        template = self.config.templates["tests"]
        request = Request(
            model=model,
            messages=template.render({"instruction": matter.instruction, "signatures": program.signatures}),
            sampling=Sampling(
                TEMPERATURE, TOP_P, self.settings.max_tokens, call_seed(self.config.random_seed, call.sample, step)
            ),
            prompt=template.label,
        )
        try:
            return (await ask(replace(call, step=step), request)).text
        except Refused:
            return ""


def _absent(matter: Matter) -> list[Test]:
    """Examples that call what the response does not so much as name."""
    stated = stated_tests(matter.instruction, Program("", {}, ""))
    return [test for test in stated if test.call.split("(")[0] not in matter.response]


def read_tests(reply: str, program: Program) -> Iterator[Test]:
    """The tests of a reply that could be run against a program: whole `assert` lines, the first few."""
    lines = (line.strip(" `\t*-") for line in reply.splitlines())
    asserts = (re.sub(r"^\d+[.)]\s*`?", "", line) for line in lines)
    found = (read_assert(line, program) for line in asserts if line.startswith("assert "))
    yield from [test for test in found if test][:MOST]


def judged(tests: Mapping[Test, int], run: Execution, calls: list[str]) -> Finding | str:
    """What a program has shown.

    Args:
        tests: with how much each counts.
        run: what the program came to.
        calls: those that were made, in order.
    """
    if run.broke and run.broke.why in FOREIGN:
        return f"the code cannot be run here ({run.broke.why})"
    results = dict(zip(calls, run.results, strict=True))
    foreign = {c: r.why for c, r in results.items() if isinstance(r, Broke) and r.why in FOREIGN}
    tests = {test: count for test, count in tests.items() if test.call not in foreign or run.broke}
    if not tests:
        return f"the code cannot be run here ({foreign[min(foreign)]})"
    failed = [test for test in tests if not passes(test, results[test.call])]
    count = sum(tests.values())
    missed = sum(tests[test] for test in failed)
    if run.broke:
        return Finding(smoothed(0, count), f"The code does not run: {told(run.broke)}.")
    failed.sort(key=lambda test: -tests[test])  # of equals the first
    return Finding(smoothed(count - missed, count), " ".join(_said(t, results[t.call]) for t in failed[:2]))


def passes(test: Test, result: Returned | Broke) -> bool:
    """Whether a call came back with what is claimed of it."""
    return isinstance(result, Returned) and test.holds(result.value)


def _said(test: Test, result: Returned | Broke) -> str:
    """What is wrong, in words in which the program has no say: a model is going to read them."""
    claim = f"should be {test.expected}" if test.expected else "is not what a test expects"
    if isinstance(result, Broke):
        return f"`{test.call}` {claim}; it does not return: {told(result)}."
    shown = _shown(result.value)
    return f"`{test.call}` {claim}{f'; it is {shown}' if shown else ''}."


def told(broke: Broke) -> str:
    """Why something did not come to its end; names of exceptions of the program's own are not repeated."""
    words = {"time": "it takes too long", "killed": "it takes too long", "ended": "it ends the interpreter"}
    known = getattr(builtins, broke.why, None)
    if isinstance(known, type) and issubclass(known, BaseException):
        return broke.why
    return words.get(broke.why, "an error of its own")


def _shown(value: Any) -> str:
    """A number, a truth value or None; what else a program returns could be a message to who reads it."""
    plain = value is None or isinstance(value, bool | int | float)
    return repr(value) if plain and len(repr(value)) <= 40 else ""
