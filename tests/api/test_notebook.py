"""What notebooks show, without one: a stand-in for IPython, and text that wants to do harm."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from api_builders import KIND, plain_config

import gra
from gra.display.notebook import Picture, in_notebook
from gra.display.tally import Tally
from gra.events import Notice, SampleEnded
from gra.testing.fake_answers import FakeModel
from gra.testing.served import served

HARM = '<script>alert("x")</script>\x1b[2J & <b>'


class Handle:
    """Where the stand-in draws; remembers all that it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, what: Any, display_id: bool) -> Handle:
        assert display_id
        self.shown.append(what._repr_html_())
        return self

    def update(self, what: Any) -> None:
        self.shown.append(what._repr_html_())


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """IPython with a kernel, as far as we use it."""
    handle, ipython, display = Handle(), ModuleType("IPython"), ModuleType("IPython.display")
    vars(ipython)["get_ipython"] = lambda: SimpleNamespace(kernel=object())
    vars(display)["display"] = handle.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return handle


async def test_progress_is_drawn_in_one_place(
    handle: Handle, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert in_notebook()
    with served(KIND) as server:
        gra.run(plain_config(tmp_path, server.base_url), tmp_path / "out")
    assert "starting" in handle.shown[0] and "3 of 3 accepted" in handle.shown[-1]
    said = capfd.readouterr()
    assert not said.out and not said.err, "not in the terminal that the notebook was started from"


def test_without_a_kernel_it_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    terminal = ModuleType("IPython")
    vars(terminal)["get_ipython"] = lambda: SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert not in_notebook()


def test_the_picture_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as kernels do
    tally = Tally(3, time.monotonic)
    tally(Notice(HARM))
    tally(SampleEnded("r01-00000", 1, "passed", HARM, 7.0))
    html = Picture(tally)._repr_html_()
    assert "<script" not in html and "&lt;script&gt;" in html and "\x1b" not in html
    assert "1 of 3 accepted" in html and "\x1b" not in repr(Picture(tally))


def test_a_run_is_shown_as_an_escaped_table(tmp_path: Path) -> None:
    def harm(body: dict[str, Any]) -> str | None:
        return None if "response_format" in body or "json_schema" in body else f"{HARM} {len(str(body))}"

    models = [FakeModel(model.name, judge=model.judge, respond=harm) for model in KIND]
    with served(models) as server:
        run = gra.run(plain_config(tmp_path, server.base_url, dedup_below=1), tmp_path / "out", progress=False)
    with run:
        html = run._repr_html_()
        assert html.count("<tr>") == 1 + len(run) and len(run) > 0
    assert "<script" not in html and "&lt;script&gt;" in html and "\x1b" not in html
