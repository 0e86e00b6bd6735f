"""Tests that an instruction states itself: sessions, asserts, `f(1, 2) -> 3`, and one input with its output.

Only what can be read in one way is taken. Sessions and asserts say in Python what must be there, so one that calls what
the response does not define is taken too, and fails; the other forms must call what it defines. Pure.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import re
from collections.abc import Iterator
from dataclasses import replace

from gra.synthesis.evidence.asserts import Test, make_test, read_assert
from gra.synthesis.evidence.snippets import ANY, Program, parsed

MOST = 16
"""Examples of one instruction that are looked at."""
_ARROW = re.compile(
    r"`?\s*(?:->|=>|==>?|=|➞|→|⇒|returns?|should return|should be|evaluates to|gives?|outputs?)\s*:?\s*`?",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"(?:^|\n)\W*(?:example\s+)?input\W*?:\s*(?P<given>[^\n]+?)\s*(?:\n\s*|[,;.]?\s+)\W*(?:expected\s+)?output\W*?:\s*(?P<back>[^\n]+)",
    re.IGNORECASE,
)
_OPEN, _CLOSE = "([{", ")]}"


def stated_tests(instruction: str, program: Program) -> list[Test]:
    """The examples that an instruction states, each once, in the order of their forms."""
    wanted = _with_wanted(instruction, program)
    found = [*_sessions(instruction, wanted), *_asserts(instruction, wanted)]
    found += [*_arrows(instruction, program), *_pairs(instruction, program)]
    return [*dict.fromkeys(found)][:MOST]


def _with_wanted(text: str, program: Program) -> Program:
    """The program as if it defined what sessions and asserts call."""
    called = re.findall(r"^[ \t`]*(?:>>>|assert)[ \t]+(?:not[ \t]+)?([A-Za-z_]\w*)\(", text, re.MULTILINE)
    return replace(program, arity={name: ANY for name in called if not hasattr(builtins, name)} | program.arity)


def _sessions(text: str, program: Program) -> Iterator[Test]:
    """What stands after `>>>`, with the line that follows."""
    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return
    for example in examples:
        wanted = example.want.split("\n")[0].removesuffix('"""').removesuffix("'''").strip()
        if (
            not example.exc_msg
            and (literal := _literal(wanted))
            and (test := make_test(example.source.strip(), literal, program))
        ):
            yield test


def _asserts(text: str, program: Program) -> Iterator[Test]:
    for line in text.splitlines():
        if line.strip(" `\t").startswith("assert ") and (test := read_assert(line.strip(" `\t"), program)):
            yield test


def _arrows(text: str, program: Program) -> Iterator[Test]:
    """A call, a sign or a word that says what it comes to, and a value."""
    for name in sorted(program.names):
        for match in re.finditer(rf"(?<![\w.]){re.escape(name)}\(", text):
            call = _balanced(text[match.start() :])
            rest = text[match.start() + len(call) :].split("\n")[0]
            sign = _ARROW.match(rest) if call else None
            value = _beginning(rest[sign.end() :]) if sign else ""
            if value and (test := make_test(" ".join(call.split()), value, program)):
                yield test


def _pairs(text: str, program: Program) -> Iterator[Test]:
    """`Input: ...`, `Output: ...`, where the response defines one function and so nothing else can be meant."""
    if len(program.names) != 1:
        return
    (name,) = program.names
    for match in _PAIR.finditer(text):
        given, back = match["given"].strip("` "), _beginning(match["back"].strip("` "))
        call = f"{name}({given})"
        tree = parsed(call)
        if back and tree and all(_is_literal(a) for a in _arguments(tree)) and (test := make_test(call, back, program)):
            yield test


def _arguments(tree: ast.Module) -> list[ast.expr]:
    match tree.body:
        case [ast.Expr(value=ast.Call(args=positional, keywords=named))]:
            return [*positional, *(keyword.value for keyword in named)]
    return [ast.Name("?")]


def _balanced(text: str) -> str:
    """The call that a text begins with; empty if it has no end within 300 characters. Quotes are heeded."""
    depth, quote = 0, ""
    for at, sign in enumerate(text[:300]):
        if quote:
            quote = "" if sign == quote and text[at - 1] != "\\" else quote
        elif sign in "\"'":
            quote = sign
        elif sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
            if depth == 0:
                return text[: at + 1]
    return ""


def _beginning(text: str) -> str:
    """The plain value that a text begins with, if what follows is the end, a stop, or a remark in brackets."""
    for match in reversed([*re.finditer(r"(?=[\s.,;`#)]|$)", text[:300])]):
        if literal := _literal(text[: match.start()]):
            rest = text[match.start() :].strip("` ")
            return literal if re.match(r"$|[.,;]?\s*(?:$|#|\(|//|--)|[.,;]\s", rest) else ""
    return ""


def _literal(text: str) -> str:
    """The text if it is a plain value of Python, else nothing."""
    tree = parsed(text.strip())
    match tree.body if tree else []:
        case [ast.Expr(value=node)] if _is_literal(node):
            return text.strip()
    return ""


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, SyntaxError, MemoryError):
        return False
    return True
