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
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"
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


def test_the_notebook_is_kept_without_its_results() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert cells and all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)


async def test_the_cells_of_the_notebook_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a running loop, as in a notebook."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, cell in enumerate(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"], 1):
        if cell["cell_type"] == "code":
            execute("".join(cell["source"]), f"cell {number}", names)
    assert (tmp_path / "runs" / "notebook" / "export" / "messages.jsonl").read_text()


@pytest.mark.filterwarnings("default")  # other people's, of a dozen packages
def test_the_notebook_runs_in_a_kernel(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.output_type for output in outputs] == [
        "display_data",
        "execute_result",
        "stream",
        "stream",
        "stream",
    ]
    picture, table = (output["data"]["text/html"] for output in outputs[:2])
    assert "5 of 5 accepted" in picture, "one picture, brought up to date in its place"
    assert "\x1b" not in picture
    assert table.count("<tr>") == 6 and "5 of 5 accepted" in table
