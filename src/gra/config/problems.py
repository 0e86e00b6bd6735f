"""Says what is wrong with a configuration in the words of the file: which key, which line, what is allowed.

Turns the validator's findings into sentences for a person. Decides nothing about what is right.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from gra.config.keys import TAGS, child, meaning, model_at, sections
from gra.config.settings import Settings
from gra.config.synthesis import BRANCHES

Path = tuple[str | int, ...]
Facts = Mapping[str, Any]

SHOWN = 20
"""Problems printed at once; the rest are counted."""


class Problems:
    """Collects what is wrong with one block of the file."""

    def __init__(self, root: type[Settings], data: Mapping[str, Any], also_known: Sequence[str] = ()) -> None:
        self.root = root
        self.data = data
        self.also_known = also_known
        """Keys beside those of the type, at the top of the file: `engine`, `export`, `preset`."""

    def of(self, error: ValidationError) -> list[tuple[Path, str]]:
        """Each problem with the path of its key; that a default could not follow from a wrong key is none."""
        found = error.errors(include_url=False)
        return [self._one(facts) for facts in found if facts["type"] != "default_factory_not_called"]

    def _one(self, facts: Any) -> tuple[Path, str]:
        path = self._untagged(facts["loc"])
        kind = facts["type"]
        if kind == "extra_forbidden":
            return path, self._unknown(path)
        if kind == "missing":
            return path, self._missing(path)
        if kind.startswith("union_tag"):
            context = facts["ctx"]
            tags = context.get("expected_tags")
            said = f"must be one of {tags}{_nearest(context['tag'], tags)}" if tags else "missing"
            return (*path, context["discriminator"].strip("'")), said
        found = "" if path[-1:] == ("api_key_env",) else _found(facts["input"])  # it may hold the key itself
        return path, _said(kind, facts, found)

    def _untagged(self, loc: Sequence[str | int]) -> Path:
        """The path without the name of the union's member, which the validator puts between the keys."""
        path: Path = ()
        data: object = self.data
        for part in loc:
            if isinstance(data, Mapping) and part not in data and part in [data.get(tag) for tag in TAGS]:
                continue
            if part in BRANCHES:
                continue
            path = (*path, part)
            data = child(data, part)
        return path

    def _unknown(self, path: Path) -> str:
        model = model_at(self.root, self.data, path[:-1])
        key = str(path[-1])
        known = [*model.model_fields, *(self.also_known if len(path) == 1 else ())] if model else []
        near = difflib.get_close_matches(key, known, n=1)
        if near:
            return f"unknown key; did you mean `{near[0]}`?"
        places = [f"`{path}`" for path, model in sections(self.root) if path and key in model.model_fields]
        if places and len(path) == 1:
            return f"unknown key here; it belongs in {' or '.join(dict.fromkeys(places))}"
        return f"unknown key; known here: {', '.join(known)}"

    def _missing(self, path: Path) -> str:
        if isinstance(path[-1], int):
            return "one value too few"
        model = model_at(self.root, self.data, path[:-1])
        doc = meaning(model, str(path[-1])) if model else ""
        return f"missing. {doc}".rstrip(" .")


def listing(name: str, problems: Sequence[tuple[Path, str]], line: Callable[[Path], int | None]) -> str:
    """All problems of a file as one message, in the file's order."""
    placed = sorted((line(path) or 0, f"{in_words(path)}: {text}") for path, text in problems)
    rows = [f"  line {at}, {text}" if at else f"  {text}" for at, text in placed]
    rest = [f"  and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    count = "one problem" if len(rows) == 1 else f"{len(rows)} problems"
    return "\n".join([f"{name}: the configuration has {count}:", *rows[:SHOWN], *rest])


def in_words(path: Path) -> str:
    """A key as a person would point to it, for example: entry 2 of `models`, `roles`."""
    words: list[str] = []
    for part in path:
        if isinstance(part, int):
            words[-1] = f"entry {part + 1} of {words[-1]}"
        elif words and words[-1].startswith("`"):
            words[-1] = f"{words[-1][:-1]}.{part}`"
        else:
            words.append(f"`{part}`")
    return ", ".join(words) or "the file"


_ALLOWED = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "path_type": "must be the path of a file",
    "tuple_type": "must be a list",
    "model_type": "must be a block of keys",
    "model_attributes_type": "must be a block of keys",
    "dict_type": "must be a block of keys",
}


def _said(kind: str, facts: Facts, found: str) -> str:
    context = facts.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"{_characters(facts['loc'][-1])}{found}"
    allowed = _ALLOWED.get(kind)
    if allowed is None:  # a rule no field has today; the validator's own words, without its jargon
        return re.sub(r"^Input should", "must", facts["msg"])
    hint = ""
    if kind == "string_type" and isinstance(facts["input"], bool | int | float):
        hint = "; put it in quotes"
    if kind == "literal_error":
        hint = _nearest(facts["input"], context["expected"])
    # Limits of decimal fields come as 10.0; people write 10.
    limits = {key: int(v) if isinstance(v, float) and v.is_integer() else v for key, v in context.items()}
    return allowed.format(**limits) + found + hint


def _characters(key: object) -> str:
    if key == "use":
        return "must be `FILE.py:NAME`, or `package.module:NAME` of what is installed"
    if key == "api_key_env":
        return (
            "must be the name of an environment variable, such as `OPENAI_API_KEY`; "
            "the key itself does not belong in a file"
        )
    return "may hold letters, digits, `.`, `_` and `-` only, and begins with a letter or digit"


def _nearest(given: object, allowed: str) -> str:
    near = difflib.get_close_matches(str(given), re.findall(r"'([^']+)'", allowed), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _found(value: object) -> str:
    if value is None:
        return ", but has no value"
    if isinstance(value, Mapping):
        return ", but is a block of keys"
    if isinstance(value, list | tuple):
        return f", but is a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f", but is {text if len(text) <= 60 else text[:57] + '...'}"
