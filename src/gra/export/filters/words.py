"""Texts as words, the way filters compare them: without case, punctuation and accents' spelling. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

_WORD = re.compile(r"[぀-ヿ㐀-鿿豈-﫿]|[^\W_]+")
"""A run of letters and digits; where no blanks are written (Chinese, Japanese), one character."""
_SIGN = re.compile(r"""[^\W_]+|[^\w\s.,;:!?'"“”‘’…]|_""")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


@lru_cache(maxsize=4)  # one filter after another asks for the words of one row
def words(text: str) -> tuple[str, ...]:
    """The words of a text, normalised (NFKC, case folded)."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def signs(text: str) -> list[str]:
    """The words, and the signs that are no punctuation: `x + 3` and `x - 3` differ."""
    return _SIGN.findall(unicodedata.normalize("NFKC", text).casefold())


def grams(tokens: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Every run of `n` words."""
    return (tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def prose(text: str) -> str:
    """The text without code that Markdown marks as such."""
    return _CODE.sub(" ", text)
