"""Python in a response: the program, and what it defines that could be called. Pure; nothing runs.

Other languages are not known here, and code in them is no program.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass

LONGEST = 20_000
"""Characters of a response beyond which nothing in it is run."""
NOTHING = "the response defines nothing in Python that could be called"
UNREAD = "the code cannot be read as Python"
ANY = (0, 99)
"""Least and most arguments of what takes any number."""
_FENCE = re.compile(r"```[ \t]*(?P<language>[\w+#.-]*)[^\n]*\n(?P<code>.*?)(?:```|\Z)", re.DOTALL)
_PYTHON = ("python", "py", "python3")


@dataclass(frozen=True, slots=True)
class Program:
    """A program with something in it to call."""

    code: str
    arity: dict[str, tuple[int, int]]
    """Least and most positional arguments of each function, `self` left out; of a class those that make one of it."""
    signatures: str
    """What it defines, as Python without bodies, defaults or docstrings."""

    @property
    def names(self) -> frozenset[str]:
        """What can be called."""
        return frozenset(self.arity)


def program_in(response: str) -> Program | str:
    """The Python program of a response: its fenced blocks together, or the whole of it.

    As text, why there is none: `NOTHING` if it has no code that defines something, `UNREAD` if what says that it is
    Python, and defines something, is no Python.
    """
    if len(response) > LONGEST:
        return "the response is too long to be run"
    fenced = [(m["language"].lower(), textwrap.dedent(m["code"])) for m in _FENCE.finditer(response)]
    said = [code for language, code in fenced if language in _PYTHON]
    blocks = said or [code for language, code in fenced if not language] or ([] if fenced else [response])
    trees = [(block, tree) for block in blocks if (tree := parsed(block))]
    # A block that is a session, or an example of use in other words, need not parse; one that defines must.
    defining = [(block, tree) for block, tree in trees if _defined(tree)]
    if not defining:
        if not trees and any(re.search(r"^\s*(?:async )?(?:def|class) \w+", code, re.MULTILINE) for code in said):
            return UNREAD
        return NOTHING
    code = "\n\n".join(block for block, tree in trees if _defined(tree) or _prepares(tree))
    found = {name: what for _, tree in defining for name, what in _defined(tree).items()}
    return Program(code, {name: arity for name, (arity, _) in found.items()}, "\n".join(s for _, s in found.values()))


def parsed(code: str) -> ast.Module | None:
    """Its syntax tree, None if it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an odd escape in somebody's code
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _prepares(tree: ast.Module) -> bool:
    """Whether it is nothing but imports and constants, which a block that defines may need."""
    constant = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    calls = any(isinstance(node, ast.Call) for node in ast.walk(tree))
    return not calls and all(isinstance(node, constant) for node in tree.body)


def _defined(tree: ast.Module) -> dict[str, tuple[tuple[int, int], str]]:
    """Functions and classes by name: how many arguments they take, and their heads."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found[node.name] = _arity(node.args), f"{_head(node)}: ..."
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            made = next((m for m in methods if m.name == "__init__"), None)
            shown = [f"    {_head(m)}: ..." for m in methods if m.name == "__init__" or not m.name.startswith("_")]
            takes = _arity(made.args, 1) if made else ANY if node.bases or node.decorator_list else (0, 0)
            found[node.name] = takes, "\n".join([f"class {node.name}:", *(shown or ["    ..."])])
    return found


def _arity(arguments: ast.arguments, own: int = 0) -> tuple[int, int]:
    positional = len(arguments.posonlyargs) + len(arguments.args) - own
    return positional - len(arguments.defaults), ANY[1] if arguments.vararg else positional


def _head(function: ast.FunctionDef) -> str:
    """Its first line, without decorators; defaults are left out, since they may be what is wrong with it."""
    copied = ast.parse(f"def {function.name}({ast.unparse(function.args)}): ...").body[0]
    assert isinstance(copied, ast.FunctionDef), "that is what was written"
    dots: ast.expr = ast.Constant(...)
    copied.args.defaults = [dots for _ in copied.args.defaults]
    copied.args.kw_defaults = [default and dots for default in copied.args.kw_defaults]
    gives = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"def {function.name}({ast.unparse(copied.args)}){gives}"
