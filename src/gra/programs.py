"""Programs to be run and what they came to: the words between the method and the sandbox.

A program is never told what is expected of it. It is told which calls to make, and says what they returned as plain
data; whether that is right is found out where it cannot reach (`synthesis.evidence.asserts`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gra.calls import Message, Request, Sampling

SANDBOX = "@sandbox"
"""Stands for the sandbox where names of models are asked for; no model can be called so."""
MOST_HASHED = 500
"""Members of a set or keys of a dictionary that are put together again."""
DEEPEST = 50
"""Levels of lists in lists."""
LOADED = -1
"""In place of the number of a call: the program itself was loaded."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A value that is no plain data, by the name of its type; equal to nothing else."""

    kind: str


@dataclass(frozen=True, slots=True)
class Returned:
    """A call came back."""

    value: Any
    """None, a truth value, a number, a text, bytes, a list, tuple, set or dictionary of such, or a `Stranger`."""


@dataclass(frozen=True, slots=True)
class Broke:
    """A call, or the program itself, did not come to its end."""

    why: str
    """The name of an exception's class, or `killed` (by a limit), `time`, `ended` (it left the interpreter)."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What running a program came to."""

    broke: Broke | None
    """Why it cannot be loaded; None if it can."""
    results: tuple[Returned | Broke, ...]
    """Of each call, in order; all broke where the program cannot be loaded."""


def to_run(code: str, calls: Sequence[str]) -> Request:
    """The question to the sandbox: load this program, then evaluate these expressions in it, one after the other."""
    program = json.dumps({"code": code, "calls": list(calls)}, ensure_ascii=True)
    return Request(SANDBOX, (Message("user", program),), Sampling(0.0, 1.0, 1, 0))


def execution(text: str, calls: int) -> Execution:
    """The sandbox's answer about so many calls.

    Nothing in it is believed to be well formed, since a program may have written it: what cannot be read has broken.
    """
    said = [*map(_entry, _plain(text).splitlines())]
    loaded = next((entry for entry in said if entry.get("n") == LOADED), {})
    if "value" not in loaded:
        broke = Broke(_word(loaded.get("broke", "ended")))
        return Execution(broke, (broke,) * calls)
    found: dict[int, Returned | Broke] = {}
    for entry in said:
        number = entry.get("n")
        if type(number) is int and number not in found:
            found[number] = Returned(value(entry["value"])) if "value" in entry else Broke(_word(entry.get("broke")))
    return Execution(None, tuple(found.get(n, Broke("ended")) for n in range(calls)))


def value(encoded: Any, depth: int = 0) -> Any:
    """Plain data from the form that `sandbox.runner` gives it; a `Stranger` for what is not of that form."""
    if encoded is None or type(encoded) in (bool, int, str):
        return encoded
    if depth > DEEPEST or not isinstance(encoded, Mapping) or len(encoded) != 1:
        return Stranger("?")
    ((kind, inner),) = encoded.items()
    if kind not in _FORMS:
        return Stranger(_word(inner))
    try:
        return _FORMS[kind](inner, depth + 1)
    except (TypeError, ValueError, OverflowError):  # a number may be too large for one with a fraction
        return Stranger("?")


_FORMS: Mapping[str, Callable[[Any, int], Any]] = {
    "float": lambda inner, _: float(inner),
    "complex": lambda inner, _: complex(inner),
    "bytes": lambda inner, _: bytes.fromhex(inner),
    "list": lambda inner, depth: [value(item, depth) for item in inner],
    "tuple": lambda inner, depth: tuple(value(item, depth) for item in inner),
    "set": lambda inner, depth: {value(item, depth) for item in _few(inner)},
    "dict": lambda inner, depth: {value(key, depth): value(item, depth) for key, item in _few(inner)},
}


def _few(items: Any) -> Any:
    """What is looked up by its hash, if it is little: a program can choose numbers whose hashes are all one."""
    if len(items) > MOST_HASHED:
        raise ValueError
    return items


def _plain(text: str) -> str:
    """The text of the lines; `splitlines` would part a line at more signs than a program's lines end with."""
    return text if text.isascii() else ""


def _entry(line: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _word(said: Any) -> str:
    """A name that a program may have chosen, as harmless as names are."""
    return said[:40] if isinstance(said, str) and said.isidentifier() and said.isascii() else "?"
