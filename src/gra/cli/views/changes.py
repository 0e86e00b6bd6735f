"""What a revision changed, sentence by sentence, with the whole new text in it."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from gra.display.safe import safe

MOST_PIECES = 600
"""Sentences of both versions up to which they are compared; comparing takes the square of it."""
_ENDS = re.compile(r"(?<=[.!?])[ ]+|\n")


def changes(old: str, new: str) -> RenderableType:
    """The new text with what was taken out (`-`), put in (`+`) and kept."""
    return Group(
        *(Padding(Text(f"{mark} {piece}", style=STYLES[mark]), (0, 0, 0, 2)) for mark, piece in compared(old, new))
    )


STYLES = {"-": "red", "+": "green", " ": "dim"}


def compared(old: str, new: str) -> list[tuple[str, str]]:
    """Each sentence or line with its mark; those without `-` are the new text, in order."""
    before, after = _pieces(old), _pieces(new)
    if len(before) + len(after) > MOST_PIECES:
        return [*(("-", p) for p in before), *(("+", p) for p in after)]
    found: list[tuple[str, str]] = []
    for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            found.extend((" ", piece) for piece in after[k:m])
            continue
        found.extend(("-", piece) for piece in before[i:j])
        found.extend(("+", piece) for piece in after[k:m])
    return found


def _pieces(text: str) -> list[str]:
    return [piece for piece in _ENDS.split(safe(text)) if piece.strip()]
