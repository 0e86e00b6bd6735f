"""The command line, in this process, and a run for it to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_builders import build_run, one_of_each
from typer.testing import CliRunner, Result

from gra.cli.app import app

Gra = Callable[..., Result]


@pytest.fixture
def gra(monkeypatch: pytest.MonkeyPatch) -> Gra:
    """Runs the command line in this process; `columns` sets the width of the terminal."""

    def invoke(*arguments: object, columns: int = 80) -> Result:
        monkeypatch.setenv("COLUMNS", str(columns))
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return invoke


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No model is on this machine, and no colours are asked for."""
    monkeypatch.setenv("GRA_HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("GRA_DEBUG", "FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    yield


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return build_run(tmp_path, one_of_each())
