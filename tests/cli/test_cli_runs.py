"""`gra list` and `gra diff`: runs side by side, broken ones too, in any terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cli_builders import FORBIDDEN, HOSTILE, build_run, one_of_each, sample
from typer.testing import Result

from gra.records import Status
from gra.report.difference import differing

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a finished run, one under way, and two that are broken."""
    folder = tmp_path / "runs"
    folder.mkdir()
    build_run(tmp_path / "a", one_of_each()).rename(folder / "whole")
    build_run(tmp_path / "b", [sample(0, Status.PASSED)], closed=False, random_seed=7).rename(folder / "half")
    (folder / "deeper" / "torn").mkdir(parents=True)
    (folder / "deeper" / "torn" / "run.json").write_text("{")
    (folder / "empty").mkdir()
    (folder / "empty" / "run.json").write_text('{"format_version": 1, "fingerprint": "x", "config": {}}')
    return folder


def test_runs_are_listed_and_broken_ones_named(gra: Gra, runs: Path) -> None:
    found = {Path(run["folder"]).name: run for run in json.loads(gra("list", runs, "--json").stdout)}
    states = {name: run["state"] for name, run in found.items()}
    assert states == {"whole": "complete", "half": "unfinished", "torn": "broken", "empty": "broken"}
    assert (found["whole"]["accepted"], found["whole"]["target"]) == (3, 3)
    assert found["whole"]["models"] == ["writer", "one", "two", "judge"] and found["whole"]["bytes"] > 10_000
    assert "damaged" in found["torn"]["problem"] and found["torn"]["changed"]
    done = gra("list", runs, columns=160)
    assert done.exit_code == 0 and "3 of 3" in done.stdout and done.stdout.count("broken") >= 2
    assert len(json.loads(gra("list", runs / "whole", "--json").stdout)) == 1, "a run itself is a run"


def test_where_there_is_none_it_says_so(gra: Gra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = gra("list")
    assert done.exit_code == 0 and "no run in runs yet" in done.stderr and not done.stdout
    assert json.loads(gra("list", "--json").stdout) == []
    wrong = gra("list", "nowhere")
    assert wrong.exit_code == 5 and "nowhere" in wrong.stderr and not wrong.stdout


def test_two_runs_are_compared(gra: Gra, tmp_path: Path) -> None:
    other = [replace(sample(0), instruction="  WHAT is 0\nplus two? "), sample(1), *one_of_each()[3:]]
    first = build_run(tmp_path / "a", one_of_each())
    second = build_run(tmp_path / "b", other, random_seed=7, gate={"type": "paper"})
    found = json.loads(gra("diff", first, second, "--json").stdout)
    assert found["runs"] == [str(first), str(second)]
    assert found["config"]["random_seed"] == [0, 7] and found["config"]["gate.type"] == ["seeds", "paper"]
    assert found["config"]["gate.tau"] == [None, 8.0] and "target" not in found["config"]
    assert (found["common"], found["only"]) == (2, [["r01-00002"], []])
    assert found["accepted"] == [3, 2] and found["funnel"][0][0]["count"] == 12
    shown = gra("diff", first, second).stdout
    for text in ("random_seed", "2 in both", "1 only in the first: r01-00002", "0 only in the second", "12 (100%)"):
        assert text in shown, text


def test_a_run_does_not_differ_from_itself(gra: Gra, run_folder: Path) -> None:
    found = json.loads(gra("diff", run_folder, run_folder, "--json").stdout)
    assert found["same"] and not found["config"] and not found["made_by"] and found["only"] == [[], []]
    shown = gra("diff", run_folder, run_folder).stdout
    assert shown.count("no difference") == 2 and "the same is synthesised in both" in shown
    assert gra("diff", run_folder, "nowhere").exit_code == 5


def test_named_entries_of_lists_are_compared_by_their_names() -> None:
    a = {"models": [{"name": "one", "url": "x"}, {"name": "two", "url": "y"}], "n": [1, 2], "same": {"k": 1}}
    b = {"models": [{"name": "two", "url": "z"}], "n": [1], "same": {"k": 1}, "new": None}
    assert differing(a, b) == {"models.one.url": ("x", None), "models.two.url": ("y", "z"), "n": ([1, 2], [1])}


@pytest.mark.parametrize("columns", [40, 200])
def test_no_terminal_is_harmed(gra: Gra, runs: Path, tmp_path: Path, columns: int) -> None:
    document = json.loads((runs / "whole" / "run.json").read_text())
    document["config"]["models"][0]["name"] = HOSTILE
    (runs / "half" / "run.json").write_text(json.dumps({**document, "prompts": HOSTILE}))
    for done in (gra("list", runs, columns=columns), gra("diff", runs / "whole", runs / "half", columns=columns)):
        assert done.exit_code == 0, done.stderr
        assert not any(char in done.stdout for char in FORBIDDEN)
    table = gra("diff", runs / "whole", runs / "half", columns=40).stdout
    assert all(len(row) <= 40 or "runs" in row for row in table.split("\n")), "but for paths, which can be copied"
    assert not re.search(r"[^\x00-\x7f\ufffd]", gra("list", runs).stdout)
