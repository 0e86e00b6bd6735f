"""The command line, in this process, a run for it to look at, and models that answer it.

A plugin of the tests that name it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_builders import build_run, one_of_each
from serving import kind_models, serving
from typer.testing import CliRunner, Result

from gra.cli.app import app
from gra.testing.fake_server import FakeServer

Gra = Callable[..., Result]


@pytest.fixture
def gra(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Gra:
    """Runs the command line in this process; `columns` sets the width of the terminal.

    No model is on this machine, and no colours are asked for.
    """
    monkeypatch.setenv("GRA_HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("GRA_DEBUG", "FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: object, columns: int = 80) -> Result:
        monkeypatch.setenv("COLUMNS", str(columns))
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return invoke


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run that holds a sample of each kind."""
    return build_run(tmp_path, one_of_each())


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Such models, served."""
    with serving(FakeServer(kind_models(), latency_s=0.01)) as fake:
        yield fake
