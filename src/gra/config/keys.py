"""What keys a configuration file may hold, read off the types: their sections, fields and documentation.

The types are the only source; nothing is listed here by hand. Knows no file and no value of a user's.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic.fields import FieldInfo

from gra.config.settings import Settings

TAGS = ("type", "policy")
"""Keys that say which of several kinds a block is."""


def models_in(annotation: object) -> list[type[Settings]]:
    """The settings types that an annotation speaks of: one, several for a union, or none."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def sections(model: type[Settings], path: str = "") -> Iterator[tuple[str, type[Settings]]]:
    """Every block of the file below `model`, in order, by its dotted path; a list's block ends in `[]`."""
    yield path, model
    for name, info in model.model_fields.items():
        many = "[]" if getattr(info.annotation, "__origin__", None) is tuple else ""
        for inner in models_in(info.annotation):
            if inner is model:
                continue  # a domain may hold domains, described where it is
            yield from sections(inner, f"{path}.{name}{many}".lstrip("."))


def model_at(root: type[Settings], data: object, path: Sequence[str | int]) -> type[Settings] | None:
    """The type of the block that a path of keys leads to, if a type is there."""
    model: type[Settings] | None = root
    for part in path:
        data = child(data, part)
        if isinstance(part, int):
            continue  # the type of a list's entries was found with the list's key
        info = model.model_fields.get(part) if model else None
        model = _chosen(models_in(info.annotation), data) if info else None
    return model


def child(data: object, part: str | int) -> object:
    """One step into plain data; None where there is nothing."""
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _chosen(models: list[type[Settings]], data: object) -> type[Settings] | None:
    """Of a union's members the one that the data's tag names."""
    if len(models) == 1:
        return models[0]
    for model in models:
        tag = tag_of(model)
        if tag and isinstance(data, Mapping) and data.get(tag) == model.model_fields[tag].default:
            return model
    return None


def tag_of(model: type[Settings]) -> str | None:
    """The key by which a block says which member of its union it is; None for a block that is always the same."""
    return next((tag for tag in TAGS if tag in model.model_fields), None)


@functools.cache
def field_docs(model: type[Settings]) -> Mapping[str, str]:
    """The attribute docstrings of a type and of those it builds on, each as one line of text.

    Read from the source only when asked for: a run that goes well never needs them.
    """
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if cls is not Settings and issubclass(cls, Settings):
            body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
            assert isinstance(body, ast.ClassDef)
            found |= _docstrings(body)
    return found


def meaning(model: type[Settings], name: str) -> str:
    """What a key is for: its own docstring, or that of the block it holds."""
    doc = field_docs(model).get(name, "")
    inner = models_in(model.model_fields[name].annotation) if name in model.model_fields else []
    if doc or not inner:
        return doc
    return " Or: ".join(" ".join((inspect.getdoc(block) or "").split()) for block in inner)


def _docstrings(body: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def bounds(info: FieldInfo) -> dict[str, Any]:
    """The limits a field sets, by their usual short names (`ge`, `lt`, `max_length`, `pattern`, ...)."""
    names = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
    found: dict[str, Any] = {}
    for item in info.metadata:
        found |= {name: getattr(item, name) for name in names if getattr(item, name, None) is not None}
    return found
