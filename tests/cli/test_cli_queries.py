"""Whatever a command asks of a run's database, it finds by an index: no table that grows is gone through.

Every statement is listened to, wherever it comes from, so a query that is new is in this test by itself.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cli_builders import EASY, build_run, config_file, one_of_each
from typer.testing import Result

from gra.store import database
from gra.store.migrations import MIGRATIONS
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
SCAN = re.compile(r"SCAN (samples|calls|vectors|pool)\b")
LOOKED_UP = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, None]]:
    """What all connections are asked, values filled in, each once."""
    asked: dict[str, None] = {}
    connect = database._connect

    def listened(address: str | Path, uri: bool = False) -> sqlite3.Connection:
        connection = connect(address, uri)
        connection.set_trace_callback(lambda statement: asked.setdefault(statement))
        return connection

    monkeypatch.setattr(database, "_connect", listened)
    yield asked


def scans(run: Path, statements: dict[str, None]) -> dict[str, list[str]]:
    found = {}
    with closing(sqlite3.connect(run / "run.sqlite")) as connection:
        steps = {step for steps in MIGRATIONS for step in steps}  # they run once, and here on nothing
        for statement in filter(LOOKED_UP.match, statements.keys() - steps):
            plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement)]
            if any(map(SCAN.search, plan)):
                found[statement] = plan
    return found


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("status", "--json"),
        ("show",),
        ("show", "--status", "accepted"),
        ("show", "--round", "1", "--status", "failed"),
        ("show", "r01-00003", "--calls"),
        ("show", "r01"),
        ("export",),
        ("export", "--status", "rejected_response"),
        ("export", "--format", "alpaca"),
        ("export", "--format", "preference"),
        ("export", "--format", "messages", "--format", "alpaca", "--test-share", "0.3", "--with-rejected"),
    ],
    ids=" ".join,
)
def test_looking_at_a_run_goes_through_no_table(
    gra: Gra, tmp_path: Path, statements: dict[str, None], command: tuple[str, ...]
) -> None:
    run = build_run(tmp_path, one_of_each())
    statements.clear()
    name, *arguments = command
    assert gra(name, run, *arguments).exit_code in (0, 2, 3, 5)
    assert any("SELECT" in statement for statement in statements)
    assert not scans(run, statements)


def test_a_list_of_runs_goes_through_no_table(gra: Gra, tmp_path: Path, statements: dict[str, None]) -> None:
    run = build_run(tmp_path / "one", one_of_each())
    statements.clear()
    assert gra("list", tmp_path).exit_code == 0
    assert any("tally" in statement for statement in statements)
    assert not scans(run, statements)


def test_a_run_and_its_resumption_go_through_no_table(
    gra: Gra, server: FakeServer, tmp_path: Path, statements: dict[str, None]
) -> None:
    config = config_file(tmp_path, server.base_url, **EASY, target=4, rounds=2, budget={"calls": 120})
    out = tmp_path / "out"
    assert gra("run", config, "--out", out).exit_code == 3
    assert gra("resume", out, "--set", "budget.calls=100000").exit_code == 0
    assert any("INSERT INTO samples" in statement for statement in statements)
    assert any("DELETE FROM pool" in statement for statement in statements), "a short round was reopened"
    assert not scans(out, statements)


def test_a_query_that_goes_through_a_table_is_found(tmp_path: Path) -> None:
    run = build_run(tmp_path, one_of_each())
    counting, searching = "SELECT count(*) FROM samples", "SELECT id FROM calls WHERE model = 'one'"
    for bad in (counting, searching, "DELETE FROM pool WHERE body = ''"):
        assert scans(run, {bad: None}), bad
