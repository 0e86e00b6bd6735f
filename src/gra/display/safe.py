"""Makes text that a model wrote harmless to a terminal and to the reader's eye.

A terminal obeys what it is sent: escape sequences can rewrite a title, a clipboard or lines above, and direction
marks can make text read as something else. Markup of `rich` is a matter of its own: our consoles do not know any
(`cli/console.py`).
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath
from typing import Any

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)"  # titles, links, clipboard
    r"|\x1b[ -/]*[0-~]"
)
_BREAKS = re.compile(r"\r\n?|[\x85\u2028\u2029\v\f]")
_JOINERS = "\u200c\u200d"
"""Format characters that many scripts, and emoji, cannot do without; they only join or part their neighbours."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs"})


def safe(text: str) -> str:
    """The text without anything that a terminal would obey; line breaks stay, tabs become blanks.

    A lone surrogate becomes U+FFFD. The rest of an escape sequence that has no end stays readable as text.
    """
    if text.isprintable():
        return text
    text = _BREAKS.sub("\n", _ESCAPE.sub("", text)).replace("\t", "    ")
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return "".join(c for c in text if c == "\n" or c in _JOINERS or unicodedata.category(c) not in _HIDDEN)


def one_line(text: str, longest: int = 0) -> str:
    """The same on one line, cut with `...` if it is longer than `longest` characters (0: never cut)."""
    line = " ".join(safe(text[: 8 * longest] if longest else text).split())
    return line if not longest or len(line) <= longest else line[: max(0, longest - 3)].rstrip() + "..."


def plain(value: Any) -> Any:
    """JSON data without lone surrogates and infinities, which strict readers of JSON turn down; paths become text."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    if isinstance(value, PurePath):
        return plain(str(value))
    if isinstance(value, dict):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
