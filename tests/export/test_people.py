"""What people say of samples is heeded when they leave."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cli_builders import build_run, one_of_each, sample
from typer.testing import CliRunner, Result

from gra.cli.app import app
from gra.errors import TargetMissed
from gra.export import Wanted, write_dataset, write_folder
from gra.records import Status
from gra.report.opening import reading
from gra.store.run_dir import open_run
from gra.store.verdicts import put_verdict


def export(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["export", str(folder), *words])


def ids(path: Path) -> list[str]:
    return [json.loads(line)["metadata"]["id"] for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run in which a person has judged five samples."""
    folder = build_run(tmp_path, one_of_each())
    run, samples = open_run(folder), one_of_each()
    put_verdict(run, samples[0], False, "wrong \x1b[2J\n" + "and long " * 400)
    put_verdict(run, samples[1], True)
    put_verdict(run, samples[4], True, "good enough")
    put_verdict(run, samples[6], False)
    put_verdict(run, samples[7], True, "nothing was written, so nothing comes of it")
    return folder


def test_the_rejected_are_left_out_and_the_accepted_let_in_in_their_order(folder: Path) -> None:
    told = export(folder, "--metadata")
    assert told.exit_code == 0, told.output
    assert ids(folder / "export" / "messages.jsonl") == ["r01-00001", "r01-00004"]
    assert "left out: r01-00000: a person rejects it: wrong" in told.stderr
    assert max(map(len, told.stderr.splitlines())) < 400, "a long note is not printed whole"
    assert "let in: r01-00004: a person accepts it: good enough" in told.stderr
    plain = json.loads(export(folder, "--json").stdout)
    assert (plain["samples"], plain["reasons"]["person"]) == (2, 1)
    assert list(plain["let_in"].values()) == ["r01-00004: a person accepts it: good enough"]


def test_a_folder_of_several_forms_heeds_them_too(folder: Path, tmp_path: Path) -> None:
    with reading(folder) as reader:
        wanted = Wanted(("messages", "unpaired-preference"), metadata=True, rejected=True)
        exported = write_folder([reader], wanted, tmp_path / "out")
    assert (exported.manifest["left_out"]["person"], exported.manifest["let_in"]) == (1, 1)
    out = exported.path
    files = {file["path"] for file in exported.manifest["files"]}
    messages = next(out / name for name in sorted(files) if "messages" in name and name.endswith(".jsonl"))
    assert ids(messages) == ["r01-00001", "r01-00004"]
    rejected = [json.loads(line)["id"] for line in (out / "rejected.jsonl").read_text("utf-8").splitlines()]
    assert "r01-00004" not in rejected and "r01-00005" in rejected
    left_out = [json.loads(line) for line in (out / "left_out.jsonl").read_text("utf-8").splitlines()]
    assert ("r01-00000", "person") in {(row["id"], row["kind"]) for row in left_out}


def test_a_verdict_on_a_text_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    folder = build_run(tmp_path, [sample(0), sample(1)])
    put_verdict(open_run(folder), replace(sample(0), instruction="What it was before."), False)
    with reading(folder) as reader:
        assert write_dataset(reader)[1] == 2


def test_other_statuses_are_written_as_they_are(folder: Path) -> None:
    put_verdict(open_run(folder), one_of_each()[4], False)
    plain = json.loads(export(folder, "--status", "rejected_response", "--json").stdout)
    assert (plain["samples"], plain["left_out"]) == (1, 0)


def test_if_everything_is_rejected_nothing_is_written(tmp_path: Path) -> None:
    folder = build_run(tmp_path, [sample(0)])
    put_verdict(open_run(folder), sample(0), False)
    with reading(folder) as reader, pytest.raises(TargetMissed, match=r"left out: 1 \(person\)"):
        write_dataset(reader)
    assert not (folder / "export" / "messages.jsonl").exists()


def test_what_a_person_lets_in_is_enough_for_a_dataset(tmp_path: Path) -> None:
    rejected = sample(0, Status.REJECTED_RESPONSE)
    folder = build_run(tmp_path, [rejected])
    put_verdict(open_run(folder), rejected, True)
    with reading(folder) as reader:
        assert write_dataset(reader)[1] == 1
