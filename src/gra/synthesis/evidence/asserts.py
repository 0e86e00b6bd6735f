"""A test of a program, taken apart: the call that the sandbox makes, and the claim about what it returns.

The claim is looked at here, on plain data, where the program cannot reach: it never sees what is expected of it, so
there is nothing in it to read, to override or to exit from that would make a test pass. What claims may say is little:
comparisons, a few pure functions, and plain values.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gra.programs import Stranger
from gra.synthesis.evidence.snippets import Program, parsed

LONGEST = 400
"""Characters of a test."""
RESULT = "_result_"
"""Stands in a claim for what the call returned."""
RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""Numbers with a fraction that differ by less are equal: tests are written with rounded ones."""
_KNOWN = frozenset(
    "abs bool chr dict float frozenset int len list max min ord range round set sorted str sum tuple".split()  # noqa: SIM905
)
"""What a call's arguments may name beside the program's own."""
_PURE: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "bool": bool,
    "float": float,
    "frozenset": frozenset,
    "int": int,
    "isclose": math.isclose,
    "len": len,
    "list": list,
    "max": max,
    "min": min,
    "round": lambda number, digits=0: round(number, max(-20, min(20, digits))),
    "set": set,
    "sorted": sorted,
    "sum": sum,
    "tuple": tuple,
}
"""What a claim may do with a result. Each takes time in proportion to what it is given."""
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
    ast.Eq: lambda one, other: same(one, other),
    ast.NotEq: lambda one, other: not same(one, other),
    ast.Is: lambda one, other: one is other,
    ast.IsNot: lambda one, other: one is not other,
}


@dataclass(frozen=True, slots=True)
class Test:
    """One call and what is claimed of it."""

    __test__ = False
    """Nothing that pytest should collect."""
    call: str
    claim: str
    """An expression over `RESULT`."""

    def holds(self, result: Any) -> bool:
        """Whether the claim is true of what was returned; where it cannot be looked at, it is not."""
        try:
            return bool(_value(ast.parse(self.claim, mode="eval").body, result))
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError):
            return False

    @property
    def expected(self) -> str:
        """The value that the result must be equal to; empty where the claim says something else."""
        return self.claim.removeprefix(f"{RESULT} == ") if self.claim.startswith(f"{RESULT} == ") else ""


def make_test(call: str, expected: str, program: Program) -> Test | None:
    """The test that a call returns a value; None if either is no such thing."""
    return read_assert(f"assert {call} == ({expected})", program)


def read_assert(line: str, program: Program) -> Test | None:
    """The test that an `assert` states; None if it is none that could be run against this program.

    It must make one call of what the program defines, with arguments that name nothing else, and claim something of it
    that is not about itself.
    """
    tree = parsed(line) if len(line) <= LONGEST else None
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Assert):
        return None
    finder = _Calls(program)
    claim = finder.visit(tree.body[0].test)
    if len(finder.calls) != 1 or not finder.fit or not _is_claim(claim):
        return None
    return Test(ast.unparse(finder.calls[0]), ast.unparse(claim))


class _Calls(ast.NodeTransformer):
    """Puts `RESULT` in the place of each call of the program's own, and keeps the calls."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.calls: list[ast.Call] = []
        self.fit = True
        """Whether all of them could be made."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if _root(node) not in self._program.names:
            return self.generic_visit(node)
        self.calls.append(node)
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        bound = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        bound |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.fit &= names <= self._program.names | _KNOWN | bound and self._accepted(node)
        return ast.Name(RESULT, ast.Load())

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and (node.value.id, node.attr) == ("math", "isclose"):
            return ast.Name("isclose", ast.Load())
        return self.generic_visit(node)

    def _accepted(self, node: ast.Call) -> bool:
        """Whether a call by position has as many arguments as are taken."""
        if not isinstance(node.func, ast.Name) or node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            return True
        least, most = self._program.arity[node.func.id]
        return least <= len(node.args) <= most


def _root(node: ast.expr) -> str:
    """The name that a call begins with: `Stack` of `Stack().push(1)`."""
    while not isinstance(node, ast.Name):
        match node:
            case ast.Call(func=inner) | ast.Attribute(value=inner) | ast.Subscript(value=inner):
                node = inner
            case _:
                return ""
    return node.id


# --- claims -----------------------------------------------------------------------------------------------------------


def _is_claim(node: ast.AST) -> bool:
    """Whether it is in the small language of claims, and names the result once."""
    named = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id not in _PURE]
    return named == [RESULT] and all(_allowed(n) for n in ast.walk(node))


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return value is None or isinstance(value, bool | int | float | complex | str | bytes)
        case ast.Or():  # one half of it may hold of anything
            return False
        case ast.Compare(ops=ops):
            return all(type(op) in _COMPARED for op in ops)
        case ast.BinOp(op=op):
            return isinstance(op, ast.Add | ast.Sub)
        case ast.UnaryOp(op=op):
            return isinstance(op, ast.USub | ast.Not)
        case ast.Call(func=ast.Name(id=name), keywords=keywords):
            return name in _PURE and all(k.arg in ("abs_tol", "rel_tol") for k in keywords)
        case ast.Dict(keys=keys):
            return None not in keys
        case ast.Subscript(slice=at):
            return not isinstance(at, ast.Slice)
    kinds = (ast.BoolOp, ast.List, ast.Tuple, ast.Set, ast.Name, ast.expr_context, ast.boolop, ast.cmpop)
    return isinstance(node, (*kinds, ast.operator, ast.unaryop, ast.keyword))


def _value(node: ast.expr, result: Any) -> Any:
    """What a claim's expression comes to."""

    def of(inner: ast.expr) -> Any:
        return _value(inner, result)

    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name():
            return result
        case ast.Subscript(value=inner, slice=at):
            return of(inner)[of(at)]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
            return _PURE[name](*map(of, arguments), **{str(k.arg): of(k.value) for k in keywords})
        case ast.Dict(keys=keys, values=values):
            return {of(key): of(value) for key, value in zip(keys, values, strict=True) if key}
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
            return kind(map(of, items))
    return _worked_out(node, of)


def _worked_out(node: ast.expr, of: Callable[[ast.expr], Any]) -> Any:
    """The same, of an operation."""
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            return -of(operand) if isinstance(op, ast.USub) else not of(operand)
        case ast.BinOp(op=op, left=left, right=right):
            one, other = of(left), of(right)
            if not all(isinstance(number, int | float) for number in (one, other)):
                raise TypeError
            return one + other if isinstance(op, ast.Add) else one - other
        case ast.BoolOp(op=op, values=values):
            return all(map(of, values)) if isinstance(op, ast.And) else any(map(of, values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [of(left), *map(of, others)]
            return all(_COMPARED[type(op)](a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False))
    raise TypeError


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal, as Python has it, but for numbers with a fraction, which may be rounded."""
    if isinstance(one, Stranger) or isinstance(other, Stranger):
        return False
    if isinstance(one, float) or isinstance(other, float):
        try:
            return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        except (TypeError, OverflowError):
            return False
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(item, other[key]) for key, item in one.items())
    return bool(one == other)
