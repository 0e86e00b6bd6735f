"""The prompts of one run: the bundled ones, and the user's own in place of some of them."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from gra.errors import ConfigError
from gra.prompts.declared import DECLARED
from gra.prompts.template import HEADING, PLACEHOLDER, Template, parse_template


@dataclass(frozen=True, slots=True)
class PromptSet:
    """Every prompt by its name: `prompts["keywords"]`."""

    own: Mapping[str, str] = field(default_factory=dict)
    """Texts that replace bundled ones."""

    def __getitem__(self, name: str) -> Template:
        return parse_template(name, self.own.get(name) or bundled(name))

    @property
    def digest(self) -> str:
        """One hash over the texts in use: part of a run's identity."""
        whole = hashlib.sha256()
        for name in sorted(DECLARED):
            whole.update(f"{name}\0{self[name].digest}\0".encode())
        return "sha256:" + whole.hexdigest()


@cache
def bundled(name: str) -> str:
    """The text of a prompt that comes with gra."""
    return files("gra.prompts").joinpath(f"{name}.txt").read_text(encoding="utf-8")


def problems_of(name: str, text: str) -> list[str]:
    """What keeps a text from standing in a bundled prompt's place, with lines from 1; empty if nothing does."""
    declared = DECLARED.get(name)
    if declared is None:
        near = difflib.get_close_matches(name, DECLARED, n=1)
        return [f"there is no prompt `{name}`; " + (f"did you mean `{near[0]}`?" if near else f"there are: {_all()}")]
    try:
        parse_template(name, text)
    except ConfigError as error:
        return [str(error)]
    found, shown, heading = [], set[str](), ""
    for number, line in enumerate(text.split("\n"), 1):
        if match := HEADING.fullmatch(line):
            heading = match[1]
        in_example = heading.startswith("example")
        known = {*declared.values, *(declared.examples if in_example else ())}
        for wanted in PLACEHOLDER.findall(line):
            if wanted not in known:
                found.append(f"line {number}: nothing gives {{{{{wanted}}}}} here; there are: {_braced(sorted(known))}")
        shown |= set() if in_example else {*PLACEHOLDER.findall(line)}
    left_out = [value for value in declared.must if value not in shown]
    if left_out:
        found.append(f"it must have {_braced(left_out)} in a section that is no example")
    return found


def _braced(names: list[str]) -> str:
    return ", ".join(f"{{{{{name}}}}}" for name in names)


def _all() -> str:
    return ", ".join(DECLARED)
