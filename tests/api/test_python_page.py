"""The blocks of docs/python.md and the cells of the notebook run as they stand, in their order."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_builders import KIND, plain_config

import gra
from gra.testing.served import served

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def execute(source: str, name: str, names: dict[str, Any]) -> None:
    exec(compile(source, name, "exec"), names)


def test_the_blocks_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with served(KIND) as server:
        Path("my.yaml").write_text(yaml.safe_dump(plain_config(tmp_path, server.base_url)))
        for number, block in enumerate(BLOCK.findall(page), 1):
            execute(block, f"block {number}", names)
    said = capsys.readouterr().out
    for words in ("<gra.Run runs/first: 4 of 4 accepted>", "data.json", "of 50: the budget of 60 calls", "`target`"):
        assert words in said, words
    for name in ("run", "short"):
        names[name].close()


def test_the_page_names_everything_that_is_public() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    for name in gra.__all__:
        assert f"gra.{name}" in page or f".{name}" in page or f"{name.lower()}()" in page, name
    for name in (n for n in dir(gra.Run) if not n.startswith("_")):
        assert re.search(rf"`?\b{name}\b", page), name


async def test_the_cells_of_the_notebook_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a running loop, as in a notebook."""
    notebook = json.loads((ROOT / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells), "kept without its results"
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, cell in enumerate(cells, 1):
        execute("".join(cell["source"]), f"cell {number}", names)
    assert (tmp_path / "runs" / "notebook" / "export" / "messages.jsonl").read_text()
