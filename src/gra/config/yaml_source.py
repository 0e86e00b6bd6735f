"""Reads a configuration file into plain values, and says on which line each key stands.

JSON and a strict, bounded YAML: no tags, no duplicate keys, no text that swells when its aliases are followed.
Knows nothing of what the keys mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gra.errors import ConfigError

MAX_BYTES = 262_144
MAX_VALUES = 20_000
"""Values in the file once every alias is written out; a "billion laughs" file stops here."""
MAX_DEPTH = 32

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The plain content of one file."""

    name: str
    """The file as the user named it, for messages."""
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """Line, from 1, of every key and list entry. Empty for JSON."""

    def line(self, path: KeyPath) -> int | None:
        """The line of a key, or of the nearest key around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_source(path: Path) -> Source:
    """The content of a file; what it holds has to be a mapping.

    Raises:
        ConfigError: it cannot be read, or is neither JSON nor YAML of the kind understood here.
    """
    return parse_source(_read_text(path), str(path))


def parse_source(text: str, name: str) -> Source:
    """The same for text that is already at hand."""
    lines: dict[KeyPath, int] = {}
    # A resolved configuration is JSON. YAML nearly contains it, but reads `1e-05` and "\ud83d\ude00" differently.
    data = _json(text, name) if text.lstrip().startswith("{") else None
    if data is None:
        data = _yaml(text, name, lines)
    if data is None:
        raise ConfigError(f"{name}: the file is empty. It needs at least `seeds`, `models` and `target`.")
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: expected keys with values, such as `target: 100`, but found {_kind(data)}.")
    return Source(name, data, lines)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file. Give the path of a configuration file.") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}).") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(
            f"{path}: larger than {MAX_BYTES // 1024} kB, which no configuration is. Is it the seed file?"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8 text. Save the file as UTF-8.") from None


def _json(text: str, name: str) -> Any:
    """The value, or None where the text is no JSON (a YAML file may begin with a brace too)."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                raise ConfigError(f"{name}: the key `{key}` is given twice in one block. Keep one.")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None


class _Loader(yaml.SafeLoader):
    """YAML 1.2's view of scalars where 1.1's surprises: dates stay text, and 1e-5 is a number."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)

_PLAIN_TAGS = {f"tag:yaml.org,2002:{tag}" for tag in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}


def _yaml(text: str, name: str, lines: dict[KeyPath, int]) -> Any:
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _Walk(name, lines).visit(node, ())
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"{name}{where}: this is not valid YAML: {problem}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: this is not valid YAML: {str(error).splitlines()[0]}.") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply for a configuration.") from None
    except ValueError as error:  # a number that Python cannot hold
        raise ConfigError(f"{name}: a value cannot be read ({error}).") from None


class _Walk:
    """Goes over the parsed file as often as its aliases say, before anything is built from it."""

    def __init__(self, name: str, lines: dict[KeyPath, int]) -> None:
        self.name = name
        self.lines = lines
        self.values = 0

    def visit(self, node: yaml.Node, path: KeyPath) -> None:
        self.values += 1
        if self.values > MAX_VALUES or len(path) > MAX_DEPTH:
            self.fail(node, "holds more values, or deeper ones, than a configuration can; aliases count as written out")
        if node.tag not in _PLAIN_TAGS:
            self.fail(node, f"the tag `{node.tag}` has no meaning here; write a plain value")
        if isinstance(node, yaml.MappingNode):
            self.mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.lines.setdefault((*path, index), item.start_mark.line + 1)
                self.visit(item, (*path, index))

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> None:
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith((":str", ":merge")):
                self.fail(key, "a key must be plain text; put it in quotes if it looks like a number or yes/no")
            if key.value in seen:
                self.fail(key, f"the key `{key.value}` is given twice in one block. Keep one")
            seen.add(key.value)
            self.lines.setdefault((*path, key.value), key.start_mark.line + 1)
            self.visit(value, (*path, key.value))

    def fail(self, node: yaml.Node, problem: str) -> None:
        raise ConfigError(f"{self.name}, line {node.start_mark.line + 1}: {problem}.")


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "a single value"
