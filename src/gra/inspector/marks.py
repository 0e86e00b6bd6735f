"""Text that a model wrote, as markup that does nothing: tags are escaped, and what an eye cannot see is shown.

Escape sequences, direction marks and other hidden characters become named marks, so that they are seen and have no
effect. Knows no pages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

LONGEST = 6000
"""Characters of a text that a page shows; the rest is one link away."""
COMPARED = 4000
"""Words of both versions up to which they are compared; comparing takes the square of it."""
SMALL = 4
"""Characters of a text between two changes that is shown as changed too."""
_NAMES = {
    "\u061c": "ALM", "\u200e": "LRM", "\u200f": "RLM", "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF",
    "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
    "\u200b": "ZWSP", "\u2060": "WJ", "\ufeff": "BOM", "\u00ad": "SHY",
}  # fmt: skip
"""Of the hidden characters that have a name people know."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_KEPT = "\n\t\u200c\u200d"
"""Line breaks and tabs, and the joiners that many scripts and emoji cannot do without."""
_BREAKS = re.compile(r"\r\n?")
_WORDS = re.compile(r"\s+|[^\W_]+|.", re.DOTALL)


def shown(text: str, longest: int = LONGEST) -> Markup:
    """The text up to so many characters, harmless and with its hidden characters named."""
    from markupsafe import Markup

    return Markup("").join(_marked(_BREAKS.sub("\n", text[:longest])))


def _marked(text: str) -> Iterator[Markup]:
    from markupsafe import Markup, escape

    begin = 0
    if all(line.isprintable() for line in text.split("\n")):  # nearly every text
        yield escape(text)
        return
    for place, c in enumerate(text):
        if (c.isprintable() or c in _KEPT) and c not in _NAMES:
            continue
        if c not in _NAMES and unicodedata.category(c) not in _HIDDEN:
            continue  # an unassigned character, or a space of another width
        yield escape(text[begin:place])
        yield Markup('<span class="mark" title="U+{:04X}">{}</span>').format(ord(c), name_of(c))
        begin = place + 1
    yield escape(text[begin:])


def name_of(c: str) -> str:
    """What stands for a hidden character."""
    code = ord(c)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else _NAMES.get(c, f"U+{code:04X}")


def changes(old: str, new: str) -> list[tuple[str, str]]:
    """A revision word by word: pieces of text, each with `=` (kept), `-` (taken out) or `+` (put in).

    Those without `-` are the new text, those without `+` the old. Very long texts are not compared.
    """
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    if len(before) + len(after) > COMPARED:
        return [("-", old), ("+", new)]
    runs: list[tuple[str, str]] = []
    """What was taken out and what was put in; the same text twice where it was kept."""
    for _, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        old_run, new_run = "".join(before[i:j]), "".join(after[k:m])
        # Between two changes, a blank or a word like "a" that is the same in both is no island to keep one's eye on.
        small = old_run == new_run and len(old_run.strip()) < SMALL and m < len(after)
        if runs and runs[-1][0] != runs[-1][1] and (small or old_run != new_run):
            runs[-1] = (runs[-1][0] + old_run, runs[-1][1] + new_run)
        else:
            runs.append((old_run, new_run))
    return [piece for run in runs for piece in _pieces(*run)]


def _pieces(old: str, new: str) -> Iterator[tuple[str, str]]:
    if old == new:
        yield "=", new
        return
    tail = old[len(old.rstrip()) :]
    tail = tail if tail and new.endswith(tail) else ""  # the blank behind a change was not changed
    for mark, text in (("-", old), ("+", new)):
        if text := text.removesuffix(tail):
            yield mark, text
    if tail:
        yield "=", tail
