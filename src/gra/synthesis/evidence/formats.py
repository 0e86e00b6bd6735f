"""What a text is: a list, a table, JSON, and in which of a few languages. Pure rules, without a library or a model."""

from __future__ import annotations

import json
import re
from collections import Counter

_ITEM = re.compile(r"^\s*(?:[-*•–+]|\(?\d{1,3}[.)]|[a-zA-Z][.)])\s+\S", re.MULTILINE)
_ROW = re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)
_RULE = re.compile(r"^\s*\|?\s*:?-{3,}:?\s*(?:\|\s*:?-{3,}:?\s*)+\|?\s*$", re.MULTILINE)
_FENCE = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
LONGEST = 100_000
"""Characters that are looked at for JSON."""

ASKED_IN = {
    "English": r"in English|ins? Englische?|auf Englisch",
    "German": r"in German|ins? Deutsche?|auf Deutsch",
    "French": r"in French|into French|to French|auf Französisch|ins Französische",
    "Spanish": r"in Spanish|into Spanish|to Spanish|auf Spanisch|ins Spanische",
    "Italian": r"in Italian|into Italian|to Italian|auf Italienisch|ins Italienische",
    "Portuguese": r"in Portuguese|into Portuguese|to Portuguese|auf Portugiesisch|ins Portugiesische",
    "Dutch": r"in Dutch|into Dutch|to Dutch|auf Niederländisch|ins Niederländische",
}
"""How languages are asked for."""
_COMMON = {
    "English": "the of and to is that it was for are with this have from not be by you his they",
    "German": "der die und das ist nicht ein eine den mit sich auf für von dem zu ich auch werden sind",
    "French": "le la les des et est une dans pour que qui pas sur avec sont il elle vous au du",
    "Spanish": "el la los las y es una que en por con para del se como más su pero está al",
    "Italian": "il che di la è una per non con sono gli della nel si del questo anche più ha lo",
    "Portuguese": "o que de um uma não para com os em é do da se as por mais dos como foi",
    "Dutch": "de het een en van is dat niet op te zijn met voor die aan er maar ook wordt bij",
}
_BY_WORD = {language: frozenset(words.split()) for language, words in _COMMON.items()}
LEAST_WORDS = 8
"""A text with fewer could be in any language."""


def list_items(text: str) -> int:
    """Lines that begin as items of a list do."""
    return len(_ITEM.findall(text))


def has_table(text: str) -> bool:
    """Whether there is a Markdown table, an HTML one, or lines with the same number of tabs."""
    if len(_ROW.findall(text)) >= 2 or (_RULE.search(text) and text.count("|") >= 3):
        return True
    tabs = [line.count("\t") for line in text.splitlines() if "\t" in line]
    return "<table" in text.lower() or (len(tabs) >= 2 and len(set(tabs)) == 1)


def is_json(text: str) -> bool:
    """Whether a text is JSON, or has one fenced block, which is."""
    blocks = _FENCE.findall(text[:LONGEST])
    candidate = blocks[0] if len(blocks) == 1 else text[:LONGEST]
    try:
        return isinstance(json.loads(candidate), dict | list)
    except (ValueError, RecursionError):
        return False


def language_of(text: str) -> str | None:
    """The language by its commonest words; None for a short text, or one that is of none of them clearly."""
    words = re.findall(r"[^\W\d_]+", text.casefold())
    if len(words) < LEAST_WORDS:
        return None
    seen = Counter({language: sum(word in common for word in words) for language, common in _BY_WORD.items()})
    (first, most), (_, next_most) = seen.most_common(2)
    return first if most >= 0.1 * len(words) and most > 1.5 * next_most else None
