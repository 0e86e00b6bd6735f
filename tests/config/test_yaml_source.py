from __future__ import annotations

from pathlib import Path

import pytest

from gra.config.yaml_source import MAX_BYTES, parse_source, read_source
from gra.errors import ConfigError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", "f.yaml, line 2: the key `a` is given twice in one block"),
        ('{"a": 1, "a": 2}', "the key `a` is given twice"),
        ("a:\n  b: 1\n  b: 2\n", "line 3: the key `b`"),
        ("a: [1\nb: 2\n", "line 2: this is not valid YAML"),
        ("\tx: 1", "line 1: this is not valid YAML"),
        (LAUGHS, "aliases count as written out"),
        ("a: &a [*a]\n", "than a configuration can"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: !!python/object/apply:os.system ['true']\n", "has no meaning here"),
        ("a: !!binary aGk=\n", "has no meaning here"),
        ("1: a\n", "a key must be plain text"),
        ("? [a, b]\n: c\n", "a key must be plain text"),
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n", "but found a list"),
        ("a\n", "but found a single value"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: " + "9" * 5000 + "\n", "a value cannot be read"),
        ("a: \x00\n", "not valid YAML"),
    ],
)
def test_what_is_refused_and_how_it_is_said(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_source(text, "f.yaml")
    assert expected in str(caught.value)
    assert str(caught.value).startswith("f.yaml")


def test_numbers_dates_and_merges_are_what_they_look_like() -> None:
    source = parse_source("a: 1e-5\nb: 2024-01-01\nc: &c {x: 1}\nd: {<<: *c, y: 2}\ne: 1_000\n", "f")
    assert source.data == {"a": 1e-5, "b": "2024-01-01", "c": {"x": 1}, "d": {"x": 1, "y": 2}, "e": 1000}


def test_lines_are_known_down_to_the_nearest_key() -> None:
    source = parse_source("a: 1\nb:\n  - c: 2\n  - c: 3\n", "f")
    assert source.line(("b", 1, "c")) == 4
    assert source.line(("b", 1, "missing")) == 4
    assert source.line(("missing",)) is None


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_source(path).data == {"a": 1}


def test_other_encodings_large_files_and_folders_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match="line 2: not UTF-8"):
        read_source(path)
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 256 kB"):
        read_source(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_source(tmp_path)
