"""The examples of docs/export.md are what is written."""

import json
import re
from pathlib import Path

import pytest
from export_builders import sample, version

from gra.export import PARTS, Format, Row, write_rows
from gra.export.preferences import Judged, Pair, only

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
EXAMPLES = re.findall(r"^(`[^\n]+):\n\n```json\n(.+?)\n```", PAGE, re.MULTILINE | re.DOTALL)
SAMPLE = sample(
    1,
    instruction="Name a river that flows north.",
    versions=(version(0, "Rivers never flow north.", 2.25, "reject"), version(1, "The Nile.", 8.5)),
    score=8.5,
)
NAMES = [name for names, _ in EXAMPLES for name in re.findall(r"`([\w/-]+)`", names)]


def test_every_form_of_json_has_an_example() -> None:
    stems = {part.stem for parts in PARTS.values() for part in parts if part.columns is None}
    assert stems == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_what_is_written(name: str, tmp_path: Path) -> None:
    part = next(part for parts in PARTS.values() for part in parts if part.stem == name and part.columns is None)
    row = Row(SAMPLE, "run")
    worse = only(row, SAMPLE.versions[0])
    items = {"sample": row, "pair": Pair(row, worse, 8.5, 2.25, "revision"), "judged": Judged(worse, False)}
    write_rows(part, tmp_path / "file", [items[part.kind]])
    (example,) = (text for names, text in EXAMPLES if f"`{name}`" in names)
    assert (tmp_path / "file").read_text().strip("[]\n") == example
    assert json.loads(example)


def test_every_form_is_in_the_table() -> None:
    table = PAGE.partition("## Forms")[2].partition("\n\nAll pages")[0]
    assert sorted(re.findall(r"^\| `(\w[\w-]*)` \|", table, re.MULTILINE)) == sorted(Format)
