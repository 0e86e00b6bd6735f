"""One thing changed in a piece of code, so that it still looks like code.

Python is changed where its syntax tree says that an operator, a comparison, a constant or a truth value stands, and
still parses afterwards; other code by its signs. The rest of the text stays as it is, to the last blank. Nothing runs.
"""

from __future__ import annotations

import ast
import random
import re
import warnings
from collections.abc import Iterator

FENCE = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_LOOKS = re.compile(
    r"^\s*(def |class |for .*:$|while |if .*:$|return\b|import |from \w+ import|function |const |let |var |public |"
    r"#include|SELECT\b|INSERT\b|UPDATE\b|print\(|<\w+>)|[;{}]\s*$|=>|\w+\(.*\)\s*$|^\s*\w+ [-+*/]?= ",
    re.MULTILINE,
)
LONGEST = 20_000
"""Characters of code beyond which it is not looked into."""
_SIGNS = {
    "==": "!=",
    "!=": "==",
    "<=": "<",
    ">=": ">",
    " < ": " > ",
    " > ": " < ",
    " + ": " - ",
    " - ": " + ",
    " * ": " + ",
    " / ": " * ",
    "&&": "||",
    "||": "&&",
    "++": "--",
    "[0]": "[1]",
    "true": "false",
    "false": "true",
    " AND ": " OR ",
    " OR ": " AND ",
    " ASC": " DESC",
    " DESC": " ASC",
    "MAX(": "MIN(",
    "MIN(": "MAX(",
}
_SIGN = re.compile("|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True)))
_COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", ">"),
    ast.Gt: (">", "<"),
    ast.LtE: ("<=", "<"),
    ast.GtE: (">=", ">"),
    ast.Is: ("is", "is not"),
    ast.In: ("in", "not in"),
}
_COMPUTED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
}
Edit = tuple[int, int, str]
"""Begin and end in the bytes of the source, and what stands there instead."""


def break_code(text: str, draw: random.Random) -> str | None:
    """The text with one thing in its code changed; None where there is no code, or nothing to change in it."""
    for begin, end in _blocks(text):
        code = text[begin:end]
        edits = list(_python_edits(code)) or list(_sign_edits(code))
        for start, stop, new in draw.sample(edits, len(edits)):
            raw = code.encode("utf-8", "surrogatepass")
            changed = (raw[:start] + new.encode() + raw[stop:]).decode("utf-8", "surrogatepass")
            if changed.split() != code.split() and (not _tree(code) or _tree(changed)):
                return text[:begin] + changed + text[end:]
    return None


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Where code stands: within fences, else everywhere if at least half of the lines look like it."""
    if len(text) > LONGEST:
        return
    fenced = [match.span(1) for match in FENCE.finditer(text)]
    if fenced:
        yield from fenced
        return
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and 2 * sum(bool(_LOOKS.search(line)) for line in lines) >= len(lines):
        yield 0, len(text)


def _tree(code: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an odd escape in somebody's code
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Source:
    """Places of a syntax tree in the bytes of its source."""

    def __init__(self, code: str) -> None:
        self.raw = code.encode("utf-8", "surrogatepass")
        self._lines = [0]
        for line in self.raw.split(b"\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)

    def place(self, line: int | None, column: int | None) -> int:
        return self._lines[(line or 1) - 1] + (column or 0)

    def between(self, left: ast.expr, right: ast.expr, signs: tuple[str, str]) -> Iterator[Edit]:
        """The second sign in place of the first, if that is all that stands between the two."""
        old, new = signs
        start = self.place(left.end_lineno, left.end_col_offset)
        stop = self.place(right.lineno, right.col_offset)
        if self.raw[start:stop].strip(b" ()") == old.encode():
            at = self.raw.index(old.encode(), start)
            yield at, at + len(old), new


def _python_edits(code: str) -> Iterator[Edit]:
    tree, source = _tree(code), _Source(code)
    for node in ast.walk(tree) if tree else ():
        match node:
            case ast.Compare(left=left, ops=[op, *_], comparators=[right, *_]) if type(op) in _COMPARED:
                yield from source.between(left, right, _COMPARED[type(op)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED:
                yield from source.between(left, right, _COMPUTED[type(op)])
            case ast.BoolOp(op=op, values=[left, right, *_]):
                yield from source.between(left, right, ("and", "or") if isinstance(op, ast.And) else ("or", "and"))
            case ast.Constant(value=bool() | int() as value):
                new = str(not value) if isinstance(value, bool) else str(value + 1)
                begin, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
                yield source.place(*begin), source.place(*end), new


def _sign_edits(code: str) -> Iterator[Edit]:
    for match in _SIGN.finditer(code):
        start = len(code[: match.start()].encode("utf-8", "surrogatepass"))
        yield start, start + len(match.group().encode()), _SIGNS[match.group()]
