"""`gra replay`: the same dataset from the ledger alone, or why not."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli_builders import EASY, config_file, dataset
from serving import kind_models, serving
from typer.testing import Result

from gra.store.lock import exclusive
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


@pytest.fixture
def finished(gra: Gra, tmp_path: Path) -> Path:
    """A run whose server is gone."""
    with serving(FakeServer(kind_models())) as server:
        config = config_file(tmp_path, server.base_url, **EASY, target=3)
        assert gra("run", config, "--out", tmp_path / "out").exit_code == 0
    return tmp_path / "out"


def test_a_run_that_is_at_work_is_waited_for(gra: Gra, finished: Path) -> None:
    with exclusive(finished / "lock"):
        done = gra("replay", finished, columns=300)
    assert done.exit_code == 5 and "is at work" in done.stderr
    assert not finished.with_name("out-replayed").exists()


def test_the_same_dataset_byte_for_byte(gra: Gra, finished: Path) -> None:
    done = gra("replay", finished, columns=300)
    again = finished.with_name("out-replayed")
    assert done.exit_code == 0, done.output
    assert f"{again} holds the same 3 samples as {finished}" in done.stdout
    assert dataset(again) == dataset(finished)
    assert "complete" in gra("status", again).stdout


def test_as_json_into_a_folder_of_ones_own(gra: Gra, finished: Path, tmp_path: Path) -> None:
    done = gra("replay", finished, "--out", tmp_path / "mine", "--json")
    assert json.loads(done.stdout) == {
        "folder": str(tmp_path / "mine"),
        "dataset": str(tmp_path / "mine" / "export" / "messages.jsonl"),
        "samples": 3,
        "target": 3,
        "equal": True,
        "parts_at": "",
    }


def test_a_folder_that_is_there_is_left_alone(gra: Gra, finished: Path) -> None:
    done = gra("replay", finished, "--out", finished)
    assert done.exit_code == 5 and "is there already" in done.stderr


def test_what_was_edited_is_told(gra: Gra, finished: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(finished / "run.sqlite")) as connection, connection:
        (id,) = connection.execute("SELECT id FROM samples WHERE status = 'accepted' LIMIT 1").fetchone()
        connection.execute("UPDATE samples SET body = replace(body, '\"score\":', '\"score\":1') WHERE id = ?", (id,))
    done = gra("replay", finished, "--out", tmp_path / "mine", columns=300)
    assert done.exit_code == 5, done.output
    assert f"sample 1, {id}: its" in done.stderr and "differ" in done.stderr and "gra verify" in done.stderr


def test_a_missing_answer_is_told(gra: Gra, finished: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(finished / "run.sqlite")) as connection, connection:
        connection.execute("DELETE FROM calls WHERE sample = 'r01-00000' AND step = 'keywords'")
    done = gra("replay", finished, "--out", tmp_path / "mine")
    assert done.exit_code == 5
    assert "`keywords` of r01-00000: its ledger has no answer there" in " ".join(done.stderr.split())
