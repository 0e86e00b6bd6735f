"""Prompts: a text file per task, rendered in one pass into the turns of a conversation.

A file has sections, each headed by a line in square brackets: `[system]`, any number of fixed `[user]` and
`[assistant]` turns, a block of `[example user]` and `[example assistant]` pairs that is repeated for every example
given, and a last `[user]`. `{{name}}` stands for a value. Values are inserted once and never looked at again, so
braces or headings inside a model's text do nothing.

Examples are earlier turns rather than part of a long instruction because small models follow a pattern that they
have been shown, and copy or glue together the rules and examples they are told about.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from typing import cast

from gra.calls import Message, Role
from gra.errors import ConfigError

PLACEHOLDER = re.compile(r"\{\{ *(\w+) *\}\}")
HEADING = re.compile(r"^\[(system|user|assistant|example user|example assistant)\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """One prompt file, taken apart."""

    name: str
    sections: tuple[tuple[str, str], ...]
    """(heading, text) in the order of the file."""
    digest: str

    @property
    def label(self) -> str:
        """Name and short hash, recorded with every call."""
        return f"{self.name}@{self.digest[:12]}"

    @property
    def placeholders(self) -> frozenset[str]:
        """Every name that the file wants a value for."""
        return frozenset(name for _, text in self.sections for name in PLACEHOLDER.findall(text))

    def render(self, values: Mapping[str, str], examples: Iterable[Mapping[str, str]] = ()) -> tuple[Message, ...]:
        """The conversation for these values; the example block is repeated for each of `examples`.

        Raises:
            ConfigError: a placeholder has no value; all such are named.
        """
        rows = list(examples)
        turns: list[Message] = []
        for is_block, sections in groupby(self.sections, key=lambda section: section[0].startswith("example")):
            block = [(heading.removeprefix("example "), text) for heading, text in sections]
            for row in rows if is_block else [{}]:
                both = {**values, **row}
                turns += [Message(cast("Role", role), self._fill(text, both)) for role, text in block]
        return tuple(turns)

    def _fill(self, text: str, values: Mapping[str, str]) -> str:
        missing = sorted(set(PLACEHOLDER.findall(text)) - values.keys())
        if missing:
            raise ConfigError(f"The prompt `{self.name}` wants values that nothing gives: {', '.join(missing)}.")
        return PLACEHOLDER.sub(lambda match: values[match[1]], text)


@lru_cache(maxsize=256)
def parse_template(name: str, text: str) -> Template:
    """Take a prompt file apart; the same text gives the same template.

    Raises:
        ConfigError: text before the first heading, no last `[user]`, or half an example pair.
    """
    pieces = HEADING.split(text)
    if pieces[0].strip():
        raise ConfigError(f"The prompt `{name}` must begin with a heading such as [system] or [user].")
    sections = tuple((pieces[i], pieces[i + 1].strip("\n")) for i in range(1, len(pieces), 2))
    headings = [heading for heading, _ in sections]
    if not headings or headings[-1] != "user":
        raise ConfigError(f"The prompt `{name}` must end with a [user] section.")
    for heading, follower in pairwise(["", *headings]):
        if (heading == "example user") != (follower == "example assistant"):
            raise ConfigError(f"The prompt `{name}` must have [example user] and [example assistant] as a pair.")
    return Template(name, sections, hashlib.sha256(text.encode()).hexdigest())
