"""Text of models is harmless to a terminal, whatever it is."""

import io
import unicodedata

from cli_builders import FORBIDDEN, HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gra.cli.views.changes import compared
from gra.cli.views.parts import line, prose, table
from gra.display.safe import one_line, safe

ANY = st.text(st.characters(codec=None), max_size=60)
NASTY = st.lists(st.sampled_from([*FORBIDDEN, "\x1b[31m", "\x1b]0;x\x07", "\x1bPq", "[red]", "a", "\u200d", "\n"])).map(
    "".join
)


@given(ANY | NASTY)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    result = safe(text)
    hidden = {c for c in result if unicodedata.category(c) in ("Cc", "Cf", "Cs")}
    assert hidden <= {"\n", "\u200c", "\u200d"}
    result.encode()
    assert safe(result) == result


@given(ANY | NASTY, st.integers(4, 40))
def test_one_line_is_one_line_and_no_longer(text: str, longest: int) -> None:
    result = one_line(text, longest)
    assert len(result.splitlines()) <= 1
    assert len(result) <= longest


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_left_alone(text: str) -> None:
    assert safe(text) == text


def test_sequences_go_whole_and_text_stays() -> None:
    assert safe("a\x1b[1;31mb\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\x9b2Je") == "abcde"
    assert safe("\x1b]0;never ended") == "0;never ended", "what has no end hides nothing"
    assert safe("a\r\nb\rc\x85d\u2028e\tf") == "a\nb\nc\nd\ne    f"
    assert safe("\ud83d\ude00 \ud800") == "\U0001f600 \ufffd"


@given(ANY | NASTY, st.integers(20, 90))
def test_views_print_it_as_text(text: str, width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None, markup=False, emoji=False)
    for part in (line(text), prose(text), table(("a", "b"), [(text, "1")])):
        console.print(part)
    assert not any(c in out.getvalue() for c in FORBIDDEN)


def test_markup_and_emoji_names_are_text() -> None:
    out = io.StringIO()
    Console(file=out, width=200, markup=False, emoji=False).print(prose(HOSTILE))
    assert "[bold red]markup[/] :smile: link" in out.getvalue()


@given(st.lists(st.sampled_from(["One.", "Two!", "Three?", "four"])), st.lists(st.sampled_from(["One.", "Two!", "x"])))
def test_a_diff_without_what_was_taken_out_is_the_new_text(old: list[str], new: list[str]) -> None:
    marked = compared(" ".join(old), "\n".join(new))
    assert [piece for mark, piece in marked if mark != "-"] == new
