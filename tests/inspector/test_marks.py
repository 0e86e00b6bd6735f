"""What a model wrote does nothing in a page, and nothing of it is hidden."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.inspector.marks import changes, shown

ANYTHING = st.text(st.characters(blacklist_categories=()), max_size=200)
"""Lone surrogates too, which models do write."""
HIDDEN = ("Cc", "Cf", "Cs")


@given(ANYTHING)
def test_nothing_that_is_hidden_or_commands_stays(text: str) -> None:
    markup = str(shown(text))
    told = re.sub(r'<span class="mark" title="U\+[0-9A-F]{4,6}">[^<>]*</span>', "", markup)
    assert "<" not in told and ">" not in told and '"' not in told
    left = {c for c in markup if unicodedata.category(c) in HIDDEN}
    assert left <= {"\n", "\t", "\u200c", "\u200d"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\x1b[2J", '<span class="mark" title="U+001B">\u241b</span>[2J'),
        ("\u202etxt.exe", '<span class="mark" title="U+202E">RLO</span>txt.exe'),
        ("\ud800", '<span class="mark" title="U+D800">U+D800</span>'),
        ("\U000e0041", '<span class="mark" title="U+E0041">U+E0041</span>'),
        ("a\u200bb", 'a<span class="mark" title="U+200B">ZWSP</span>b'),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("a\u200db", "a\u200db"),
        ("\u05e9\u05dc\u05d5\u05dd \u00e9 \u732b \u00a0", "\u05e9\u05dc\u05d5\u05dd \u00e9 \u732b \u00a0"),
        ("Tom & 'Jerry'", "Tom &amp; &#39;Jerry&#39;"),
    ],
)
def test_what_is_hidden_is_named(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_a_long_text_is_cut() -> None:
    assert shown("a" * 1_000_000, 10) == "a" * 10


@given(st.text("ab .,\n", max_size=60), st.text("ab .,\n", max_size=60))
def test_a_comparison_holds_both_texts(old: str, new: str) -> None:
    pieces = changes(old, new)
    assert "".join(text for mark, text in pieces if mark != "+") == old
    assert "".join(text for mark, text in pieces if mark != "-") == new


def test_a_comparison_keeps_what_is_the_same() -> None:
    old, new = "The area of the circle is 12 units.", "The area of the square is 12 units."
    assert changes(old, new) == [("=", "The area of the "), ("-", "circle"), ("+", "square"), ("=", " is 12 units.")]


def test_very_long_texts_are_not_compared() -> None:
    assert [mark for mark, _ in changes("a " * 5000, "b " * 5000)] == ["-", "+"]
