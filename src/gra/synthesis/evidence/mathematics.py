"""Mathematics: models of the pool work the instruction out for themselves; how many come to the response's result?

The idea is self-consistency (arXiv 2203.11171), over several models. Results are compared as mathematics by
`math-verify` (the extra `math`). Its timeouts are signals, which only a main thread may set, and what a clock ended
would not end so again: so nothing is given to it that could take long.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from gra.calls import Ask, CallId, Request, Sampling
from gra.config.synthesis import SynthesisConfig
from gra.config.verifiers import MathVerifier
from gra.errors import MissingExtra, Refused
from gra.ids import call_seed
from gra.synthesis.evidence.verifier import Finding, smoothed
from gra.synthesis.reading import Matter
from gra.together import together

TEMPERATURE, TOP_P = 0.7, 0.95
LONGEST = 80
"""Characters of a result; a longer one is no final answer."""
_NUMBER = r"[-+−]?\d[\d,' \u202f]*(?:\.\d+)?(?:\s*/\s*\d+)?"
_SAID = re.compile(
    r"(?:answer(?: is|:)|antwort(?: ist| lautet|:)|ergebnis(?: ist| lautet|:)|####)"
    r"\s*:?\s*(?:\*\*)?\s*(?P<said>[^\n]{1,120})",
    re.IGNORECASE,
)
_ALLOWED = re.compile(r"[\d\sA-Za-z+\-−*/^(){}\[\]=.,\\%$π√|:]+")
_COMMANDS = frozenset("frac dfrac tfrac sqrt pi cdot times left right text mathrm div".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Mathematics:
    """The share of independent solutions that come to the response's result."""

    config: SynthesisConfig
    settings: MathVerifier
    models: tuple[str, ...]

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """As log-odds; abstains where the response comes to no result, or the models come to none."""
        if self.settings.domains and matter.domain not in self.settings.domains:
            return f"it is for {', '.join(self.settings.domains)} only"
        given = final_answer(matter.response)
        if given is None:
            return "the response comes to no result"
        numbers = [(model, n) for model in self.models for n in range(self.settings.samples)]
        texts = await together(self._solution(ask, model, n, matter, call) for model, n in numbers)
        found = [answer for answer in map(final_answer, texts) if answer is not None]
        if not found:
            return "no model came to a result of its own"
        alike = await asyncio.to_thread(lambda: sum(same(given, other) for other in found))
        return Finding(smoothed(alike, len(found)))

    async def _solution(self, ask: Ask, model: str, number: int, matter: Matter, call: CallId) -> str:
        """Who is asked is not shown the response. What a server refuses, or cuts off, is no solution."""
        step = f"{call.step}.{model}.{number}"
        template = self.config.templates["solve"]
        seed = call_seed(self.config.random_seed, call.sample, step)
        request = Request(
            model=model,
            messages=template.render({"instruction": matter.instruction}),
            sampling=Sampling(TEMPERATURE, TOP_P, self.settings.max_tokens, seed),
            prompt=template.label,
        )
        try:
            reply = await ask(replace(call, step=step), request)
        except Refused:
            return ""
        return "" if reply.finish == "length" else reply.text  # the last number so far is not the result


def final_answer(text: str) -> str | None:
    """The result of a solution: what is boxed, what is said to be the answer, or the last number of its last line."""
    boxed = re.findall(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}", text)
    if boxed:
        return _tidy(boxed[-1])
    said = list(_SAID.finditer(text))
    if said:
        return _tidy(said[-1]["said"])
    lines = [line for line in text.splitlines() if line.strip()]
    numbers = re.findall(_NUMBER, lines[-1]) if lines else []
    return _tidy(numbers[-1]) if numbers else None


def _tidy(said: str) -> str | None:
    """A result without the words about it; None if there is none, or if it is too long to be one."""
    said = said.strip(" *_`$").removesuffix(".").strip(" *_`$")
    number = re.search(_NUMBER, said)
    if number and not re.search(r"[\\^*()=]|sqrt|√|π", said):
        return number[0].strip(" ,'")
    return said if 0 < len(said) <= LONGEST else None


def same(one: str, other: str) -> bool:
    """Whether two results are equal as mathematics; what is no number is left to `math-verify`, if it is short work."""
    values = value(one), value(other)
    if None not in values:
        return values[0] == values[1]
    if one == other:
        return True
    return harmless(one) and harmless(other) and _verified(one, other)


def value(text: str) -> Fraction | None:
    """The number that a text is, None if it is not one."""
    plain = re.sub(r"[,' \u202f$€£%]", "", text).replace("−", "-").rstrip(".")
    try:
        return Fraction(plain) if len(plain) <= LONGEST and re.fullmatch(r"[-+]?[\d.]+(?:/\d+)?", plain) else None
    except (ValueError, ZeroDivisionError):
        return None


def harmless(text: str) -> bool:
    """Whether an expression can be worked out in no time: few signs, no power of a power, no large exponent."""
    commands = re.findall(r"\\([A-Za-z]+)", text)
    powers = re.findall(r"(?:\^|\*\*)\s*\{?\s*([^\s})]*)", text)
    return (
        len(text) <= LONGEST
        and _ALLOWED.fullmatch(text) is not None
        and _COMMANDS.issuperset(commands)
        and len(powers) <= 1
        and all(re.fullmatch(r"-?\d{1,2}|[a-z]", power) for power in powers)
        and not re.search(r"\d{16}|[A-Za-z]{2,}\(", text)
    )


@lru_cache(maxsize=4096)
def _verified(one: str, other: str) -> bool:
    parse, verify = library()
    parsed = [parse(f"${text}$", parsing_timeout=0) for text in (one, other)]
    return bool(all(parsed) and verify(*parsed, timeout_seconds=0))


def library() -> tuple[Any, Any]:
    """`parse` and `verify` of math-verify.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        from math_verify import parse, verify
    except ImportError:
        raise MissingExtra("The verifier `math`", "math") from None
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its timeouts are off, which they are to be
    return parse, verify
