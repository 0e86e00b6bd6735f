"""Documents become passages: bounded, whole where they can be, each in its place, and what is left out is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.config.material import DocumentsConfig
from gra.errors import SeedError
from gra.records import Passage
from gra.synthesis.documents import DocumentReport, divided, read_documents

BEES = "Honey bees tell each other where flowers are by dancing; the length of the dance gives the distance."
BREAD = "Bread dough rises because yeast turns sugar into gas, which works slowly in a kitchen that is cold."


def read(path: Path, chunk: int = 1500) -> DocumentReport:
    return read_documents(DocumentsConfig(path=path, chunk=chunk))


def test_headings_and_paragraphs_divide_a_text() -> None:
    text = f"# Bees\n\n{BEES}\n{BEES}\n\n{BEES}\n\n# Bread\n\n{BREAD}\n"
    assert list(divided(text, 1500)) == [(1, f"# Bees\n\n{BEES}\n{BEES}\n\n{BEES}"), (8, f"# Bread\n\n{BREAD}")]
    assert [line for line, _ in divided(text, 220)] == [1, 6, 8]


def test_a_heading_alone_stays_with_what_follows() -> None:
    assert list(divided(f"# Food\n## Bread\n{BREAD}", 1500)) == [(1, f"# Food\n\n## Bread\n\n{BREAD}")]


def test_code_is_one_paragraph_whatever_is_in_it() -> None:
    code = "```python\n# not a heading\n\nx = 1\n```"
    assert list(divided(f"{BEES}\n\n{code}\n\n# Next\n\n{BREAD}", 1500)) == [
        (1, f"{BEES}\n\n{code}"),
        (9, f"# Next\n\n{BREAD}"),
    ]


def test_a_long_paragraph_is_cut_at_sentences_then_words_then_anywhere() -> None:
    assert [t for _, t in divided(f"{BEES} {BREAD}", 150)] == [BEES, BREAD]
    assert max(len(t) for _, t in divided("word " * 100, 203)) <= 203
    assert all(t.split() == ["word"] * len(t.split()) for _, t in divided("word " * 100, 203))
    assert [len(t) for _, t in divided("x" * 450, 200)] == [200, 200, 50]


@given(st.text(st.sampled_from("ab.# \n`~\t。"), max_size=600), st.integers(200, 400))
def test_nothing_is_lost_and_no_passage_is_too_long(text: str, chunk: int) -> None:
    found = list(divided(text, chunk))
    assert all(0 < len(passage) <= chunk for _, passage in found)
    assert "".join("".join(passage.split()) for _, passage in found) == "".join(text.split())
    places = [line for line, _ in found]
    assert places == sorted(places)


def test_a_folder_is_read_in_order_with_what_is_below_it(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "b" / "deep" / "bees.MD").write_text("\ufeff" + BEES, encoding="utf-8")
    (tmp_path / "a.txt").write_text(f"{BREAD}\n")
    for name in ("c.py", ".hidden/x.md", ".y.md"):
        (tmp_path / name).write_text(BEES + name)
    report = read(tmp_path)
    assert report.passages == (Passage("a.txt:1", BREAD), Passage("b/deep/bees.MD:1", BEES))
    assert (report.files, report.problems) == (2, ())


def test_what_cannot_be_used_is_counted_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"{BEES}\n\n# More\n\n{BREAD}\n\n# x\n\nshort")
    (tmp_path / "b.md").write_text(BEES)
    (tmp_path / "c.md").write_text("")
    (tmp_path / "d.md").write_bytes(b"\xff\xfe" + BEES.encode("utf-16-le"))
    (tmp_path / "e.txt").write_bytes(BEES.encode() + b"\0")
    report = read(tmp_path)
    assert [p.source for p in report.passages] == ["a.md:1", "a.md:3"]
    assert (report.files, report.short, report.duplicates) == (5, 2, 1)
    assert [p.partition(":")[0] for p in report.problems] == ["d.md", "e.txt"]


def test_the_digest_is_of_what_is_read_not_of_where_it_lies(tmp_path: Path) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.md").write_text(BEES)
    here = read(tmp_path / "here")
    assert here.digest == read(tmp_path / "there").digest
    (tmp_path / "there" / "a.md").write_text(BREAD)
    assert here.digest != read(tmp_path / "there").digest


def test_nothing_to_read_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="no such file or folder"):
        read(tmp_path / "none")
    with pytest.raises(SeedError, match="holds no document"):
        read(tmp_path)
    (tmp_path / "a.md").write_text("Too short.")
    with pytest.raises(SeedError, match="at least 80 characters"):
        read(tmp_path)


def test_one_file_of_any_name_will_do(tmp_path: Path) -> None:
    (tmp_path / "README").write_text(BEES)
    assert read(tmp_path / "README").passages == (Passage("README:1", BEES),)
