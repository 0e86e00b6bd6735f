"""What people say of samples is heeded when they leave."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from cli_builders import build_run, one_of_each, sample
from typer.testing import CliRunner

from gra.cli.app import app
from gra.export import judged
from gra.report.opening import reading
from gra.store.run_dir import open_run
from gra.store.verdicts import put_verdict


def test_the_rejected_are_left_out_and_the_accepted_let_in_in_their_order(tmp_path: Path) -> None:
    folder = build_run(tmp_path, one_of_each())
    run, samples = open_run(folder), one_of_each()
    put_verdict(run, samples[0], False, "wrong \x1b[2J")
    put_verdict(run, samples[1], True)
    put_verdict(run, samples[4], True, "good enough")
    put_verdict(run, samples[6], False)
    put_verdict(run, samples[7], True, "nothing was written, so nothing comes of it")
    told = CliRunner().invoke(app, ["export", str(folder), "--metadata"])
    assert told.exit_code == 0, told.output
    assert "3 accepted samples in" in told.output
    assert f"r01-00000 of {folder} left out: a person rejects it (wrong)" in " ".join(told.output.split())
    assert f"r01-00004 of {folder} let in: a person accepts it (good enough)" in " ".join(told.output.split())
    assert ids(folder) == ["r01-00001", "r01-00002", "r01-00004"]
    plain = json.loads(CliRunner().invoke(app, ["export", str(folder), "--json"]).output)
    assert plain["people"] == [{"left_out": {"r01-00000": "wrong \x1b[2J"}, "let_in": {"r01-00004": "good enough"}}]


def ids(folder: Path) -> list[str]:
    lines = (folder / "export" / "messages.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["metadata"]["id"] for line in lines]


def test_a_verdict_on_a_text_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    folder = build_run(tmp_path, one_of_each())
    put_verdict(open_run(folder), replace(sample(0), instruction="What it was before."), False)
    with reading(folder) as reader:
        assert judged(reader).left_out == {}


def test_other_statuses_are_written_as_they_are(tmp_path: Path) -> None:
    folder = build_run(tmp_path, one_of_each())
    put_verdict(open_run(folder), one_of_each()[4], True)
    told = CliRunner().invoke(app, ["export", str(folder), "--status", "rejected_response", "--json"])
    plain = json.loads(told.output)
    assert plain["samples"] == 1 and "people" not in plain


def test_if_everything_is_rejected_nothing_is_written(tmp_path: Path) -> None:
    folder = build_run(tmp_path, [sample(0)])
    put_verdict(open_run(folder), sample(0), False)
    told = CliRunner().invoke(app, ["export", str(folder)])
    assert told.exit_code == 3
    assert not (folder / "export" / "messages.jsonl").exists()
