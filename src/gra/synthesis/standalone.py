"""Whether a text stands alone, or speaks of a page that its reader does not have. A rule of thumb, for English."""

from __future__ import annotations

import re

_TEXT = r"(?:passage|page|text|document|article|excerpt|paragraph|section|chapter|book)\b"
POINTER = re.compile(
    r"\b(?:"
    rf"(?:according to|based on|(?:read|summari[sz]e|rewrite|translate)) (?:the|this|that) {_TEXT}"
    rf"|(?:described|discussed|explained|given|listed|mentioned|presented|provided|shown|stated)"
    rf" (?:in|on|by) (?:the|this|that) {_TEXT}"
    rf"|(?:this|(?:the|this) (?:above|following|given|preceding|provided)) {_TEXT}"
    rf"|the {_TEXT} (?:above|below|describes|explains|mentions|says|states)\b"
    r")",
    re.IGNORECASE,
)
"""Words that send a reader to some text."""
QUOTED = re.compile(r"[:\n\"“«](?:\W*\w+){8}")
"""Eight words after a colon, a line's end or an opening quotation mark: the text is there."""


def points_away(text: str) -> bool:
    """Whether it sends its reader to a text that is not in it."""
    return any(not QUOTED.search(text, found.end()) for found in POINTER.finditer(text))
