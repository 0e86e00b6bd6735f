"""`gra preview`: real samples, told as `gra show` tells them, and nothing left behind; and JSON of runs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_builders import config_file
from typer.testing import Result

from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer
from gra.testing.served import served

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
EASY = {"gate": {"type": "paper", "tau": 1, "sigma_max": 9}, "generation": {"max_tokens": 40}}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with served([FakeModel(name, judge=lambda body: 0.9) for name in ("writer", "one", "two", "judge")]) as fake:
        yield fake


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(tmp_path)
    return scratch


def test_samples_are_shown_with_their_review_and_nothing_is_kept(
    gra: Gra, server: FakeServer, tmp_path: Path, scratch: Path
) -> None:
    config = config_file(tmp_path / "config", server.base_url)
    done = gra("preview", config, "-n", 2, "--set", "generation.max_tokens=99")
    assert done.exit_code == 0, done.stderr
    for text in ("r01-00000: accepted", "r01-00001", "Review of the response", "What a run does otherwise", "no exam"):
        assert text in done.stdout, text
    assert "r01-00002" not in done.stdout and "8 seeds" in done.stdout
    assert not list(scratch.iterdir()) and not (tmp_path / "runs").exists()
    assert sum(b.get("max_tokens") == 99 for b in server.bodies) >= 2, "the setting was taken"


@pytest.mark.parametrize("target", [None, 5])
def test_a_refinement_is_previewed_too(gra: Gra, server: FakeServer, tmp_path: Path, target: int | None) -> None:
    config = config_file(tmp_path / "config", server.base_url, task="refine", target=target)
    done = gra("preview", config, "-n", 3, columns=200)
    assert done.exit_code == 0, done.stderr
    for text in ("r01-00002", "The seed's own response", "A new response"):
        assert text in done.stdout, text
    assert "r01-00003" not in done.stdout, "no more seeds than candidates are asked for, whatever becomes of them"


def test_json_alone_is_on_standard_output(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path / "config", server.base_url, **EASY)
    found = json.loads(gra("preview", config, "-n", 3, "--json").stdout)
    assert [s["id"] for s in found["samples"]] == ["r01-00000", "r01-00001", "r01-00002"]
    assert found["samples"][0]["calls"] and len(found["differs"]) == 2, "this gate has no exam to leave out"

    ran = gra("run", config, "--out", "out", "--json")
    ended = json.loads(ran.stdout)
    assert ran.exit_code == 0 and (ended["state"], ended["accepted"]) == ("complete", 3) and ended["seconds"] > 0
    assert ended["files"]["dataset"] == "out/export/messages.jsonl" and Path(ended["files"]["data"]).exists()
    assert json.loads(gra("resume", "out", "--json").stdout)["funnel"] == ended["funnel"]
    assert json.loads(gra("quickstart", "--out", "out", "--json").stdout)["seconds"] is None
    exported = json.loads(gra("export", "out", "--format", "alpaca", "--json").stdout)
    told = {"path": "out/export/alpaca.json", "format": "alpaca", "status": "accepted", "samples": 3, "left_out": 0}
    assert exported == told


def test_a_run_that_falls_short_still_says_so_in_json(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path / "config", server.base_url, **EASY, budget={"calls": 60})
    done = gra("run", config, "--out", "out", "--json")
    assert done.exit_code == 3 and json.loads(done.stdout)["state"] == "unfinished" and "budget" in done.stderr


def test_a_preview_that_comes_to_nothing_says_why(gra: Gra, server: FakeServer, tmp_path: Path, scratch: Path) -> None:
    config = config_file(tmp_path / "config", server.base_url, budget={"calls": 3})
    done = gra("preview", config, "--json")
    assert done.exit_code == 3 and "budget of 3 calls" in done.stderr and not done.stdout
    assert gra("preview", config_file(tmp_path / "other")).exit_code == 4, "nobody answers"
    assert not list(scratch.iterdir())
