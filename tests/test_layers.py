"""The direction of imports, in one table. A module may import its own package and lower layers, never its equals."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"records", "ids", "errors", "events", "calls", "together", "plugins", "programs"}),
    frozenset({"prompts"}),
    frozenset({"config"}),
    frozenset({"llm", "store", "catalogue", "meters", "sandbox"}),
    frozenset({"synthesis", "postprocess"}),
    frozenset({"engine", "export", "display"}),
    frozenset({"report"}),
    frozenset({"inspector"}),
    frozenset({"api", "cli", "extend"}),
)
OUTSIDE = frozenset({"testing", "data"})
"""Imported by nobody; `testing` imports nothing but itself."""
NO_ADAPTERS = frozenset({"synthesis", "postprocess"})
"""The method reaches models and files through `calls` alone."""
HEAVY = frozenset(
    {
        "gguf",
        "huggingface_hub",
        "jinja2",
        "pyarrow",
        "pynvml",
        "sentence_transformers",
        "torch",
        "transformers",
        "xllamacpp",
    }
)
ROOT = Path(__file__).parents[1] / "src" / "gra"
MODULES = {
    ".".join(("gra", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def top(module: str) -> str:
    """The room under `gra` that a module is in; empty for the root."""
    return module.split(".")[1] if "." in module else ""


def layer(module: str) -> int:
    return next(n for n, rooms in enumerate(LAYERS) if top(module) in rooms)


def statements(node: ast.AST, inside_functions: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that run; those for the type checker alone do not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from statements(ast.Module(child.orelse, []), inside_functions)
        elif inside_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from statements(child, inside_functions)


@cache
def imports(module: str, inside_functions: bool = True) -> frozenset[str]:
    """Every module that this one names: a `gra` module as such, another by its first name."""
    found: set[str] = set()
    for node in statements(ast.parse(MODULES[module].read_text(encoding="utf-8")), inside_functions):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert not node.level, f"{module}: relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in inner]
        found |= {name if name in MODULES else name.split(".")[0] for name in names}
    return frozenset(found - {module})


def test_every_room_has_a_layer() -> None:
    assert {top(m) for m in MODULES} - {""} <= frozenset().union(*LAYERS, OUTSIDE)


@pytest.mark.parametrize("module", [m for m in MODULES if top(m) not in OUTSIDE | {""}])
def test_a_module_imports_downwards_only(module: str) -> None:
    for name in imports(module):
        if name not in MODULES or top(name) == top(module) or name == "gra":
            continue
        assert top(name) not in OUTSIDE, f"{module} imports {name}, which is not part of the product"
        assert layer(name) < layer(module) or layer(module) == 0 == layer(name), f"{module} imports {name}"
        assert not (top(module) in NO_ADAPTERS and layer(name) == 3), f"{module} imports the adapter {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if top(m) in OUTSIDE | {""}])
def test_the_root_and_the_test_tools_import_nothing_of_the_product(module: str) -> None:
    assert {top(name) for name in imports(module) if name in MODULES} <= {top(module)}


def test_no_module_imports_itself_in_the_end() -> None:
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for name in sorted(imports(module) & MODULES.keys()):
                walk(name, (*path, module))
            done.add(module)

    for module in MODULES:
        walk(module, ())


@pytest.mark.parametrize("module", MODULES)
def test_heavy_libraries_are_imported_where_they_are_used(module: str) -> None:
    assert not imports(module, inside_functions=False) & HEAVY


def test_the_lowest_layer_needs_the_standard_library_only() -> None:
    import sys

    for module in MODULES:
        if top(module) in LAYERS[0]:
            assert {n for n in imports(module) if n not in MODULES} <= sys.stdlib_module_names, module
