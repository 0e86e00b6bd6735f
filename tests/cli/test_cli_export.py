"""`gra export`: one form as a file, several as a folder, and what it says of what it leaves out."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cli_builders import FORBIDDEN, HOSTILE, build_run, sample, verdict, version
from typer.testing import Result

import gra as package
from gra.errors import ConfigError
from gra.records import Status

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]

THREE = ("Name a river that flows north.", "Why do leaves turn red?", "Fold a paper boat, in five steps.")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three accepted samples, two of them revised, one that cannot be written, one that was turned down."""
    low = replace(version(response="Something about the weather."), verdict=verdict("reject", 3.0))
    leaves, boat = (low, version(1, response="Chlorophyll goes.")), (low, version(1, response="Take a sheet."))
    return build_run(tmp_path, [
        sample(0, instruction=THREE[0], keywords=("river", "north")),
        sample(1, instruction=THREE[1], keywords=("leaves", "red"), versions=leaves),
        sample(2, instruction=THREE[2], keywords=("paper", "boat"), versions=boat),
        sample(3, instruction=HOSTILE, keywords=(HOSTILE,)),
        sample(4, Status.REJECTED_RESPONSE, versions=(version(outcome="reject"),)),
    ])  # fmt: skip


def test_several_forms_become_a_folder_with_a_manifest(gra: Gra, run: Path, tmp_path: Path) -> None:
    done = gra("export", run, "--format", "messages", "--format", "preference", "--with-rejected", columns=300)
    assert done.exit_code == 0, done.stderr
    folder = run / "export" / "dataset"
    assert (
        f"{folder}:" in done.stdout
        and "3 rows  messages.jsonl" in done.stdout
        and "2 rows  preference.jsonl" in done.stdout
    )
    assert "left out: 1 (unfit)" in done.stdout
    assert "left out: r01-00003: its instruction holds half a surrogate pair" in done.stderr
    assert not any(mark in done.output for mark in FORBIDDEN)
    assert (folder / "manifest.json").exists() and (folder / "rejected.jsonl").exists()
    plain = json.loads(gra("export", run, "--out", tmp_path / "as-folder", "--json").stdout)
    assert plain["path"] == str(tmp_path / "as-folder") and plain["left_out"] == {"unfit": 1} and plain["notices"] == []
    assert [file["path"] for file in plain["files"] if "rows" in file] == ["messages.jsonl"]


def test_a_test_and_recipes(gra: Gra, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    done = gra("export", run, "--recipe", "llama-factory", "--test-share", 0.4, "--out", out, columns=300)
    assert done.exit_code == 0, done.stderr
    assert (
        "1 rows  llama-factory/sft.test.jsonl" in done.stdout and "2 rows  llama-factory/sft.train.jsonl" in done.stdout
    )
    assert (out / "recipes/llama-factory.sft.yaml").exists() and not (out / "messages.train.jsonl").exists()
    again = gra("export", run, "--format", "openai", "--out", out)
    assert again.exit_code == 0 and "note: openai.jsonl has 3 rows; OpenAI asks for 10 at least" in again.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "left_out.jsonl",
        "manifest.json",
        "openai.jsonl",
        "provenance",
    ]


def test_pairs_alone_are_a_file_and_have_a_margin_at_least(gra: Gra, run: Path) -> None:
    done = gra("export", run, "--format", "preference", columns=300)
    assert f"2 pairs in {run / 'export' / 'preference.jsonl'}" in done.stdout
    none = gra("export", run, "--format", "preference", "--least-margin", 5, columns=300)
    assert none.exit_code == 3 and "margin too small" in none.stderr and not none.stdout
    labels = gra("export", run, "--format", "unpaired-preference", columns=300)
    assert "6 judged answers in" in labels.stdout


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (("--format", "messages", "--format", "csv"), 2, "there is no form `csv` of a dataset; there are: messages,"),
    (("--recipe", "unsloth"), 2, "there is no recipe `unsloth`; there are: llama-factory, trl, axolotl"),
    (("--format", "messages", "--format", "alpaca", "--status", "duplicate"), 2, "written in one form to one file"),
    (("--format", "preference", "--status", "duplicate"), 2, "has no rows of --status duplicate"),
    (("--test-share", "1"), 2, "leaves nothing to train on, or to test"),
    (("--test-share", "0.1"), 2, "no test of 0 of 3 rows can be set apart"),
    (("--format", "messages", "--format", "x.py:y"), 2, "is a form of your own, which is written alone"),
    (("--out", "TAKEN"), 5, "holds what no export wrote: thesis.tex"),
])  # fmt: skip
def test_what_cannot_be_done_is_said(
    gra: Gra, run: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.tex").write_text("...")
    done = gra("export", run, *(str(taken) if word == "TAKEN" else word for word in arguments), columns=300)
    assert done.exit_code == code and said in done.stderr and not done.stdout
    assert [path.name for path in taken.iterdir()] == ["thesis.tex"] and not (run / "export" / "dataset").exists()


def test_python_can_do_the_same(run: Path, tmp_path: Path) -> None:
    with package.load(run) as opened:
        folder = opened.export_folder(["messages", "preference"], tmp_path / "out", rejected=True, least_margin=1.0)
        assert folder == tmp_path / "out" and (folder / "rejected.jsonl").exists()
        assert opened.export_folder(["alpaca"]) == run / "export" / "dataset"
        with pytest.raises(ConfigError, match="there is no form `csv`"):
            opened.export_folder(["csv"])


def test_filters_are_counted_on_the_screen_and_benchmarks_are_named_by_options(
    gra: Gra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "How many rivers flow north through the old town before they reach the wide and shallow lake?"
    key = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    run = build_run(tmp_path, [
        sample(0, instruction=THREE[0]),
        sample(1, instruction=question),
        sample(2, instruction=THREE[1], versions=(version(response="I'm sorry, but I can't help with that."),)),
        sample(3, instruction=THREE[2], versions=(version(response=f"Log in with {key} first."),)),
    ])  # fmt: skip
    benchmark = tmp_path / "bench.jsonl"
    benchmark.write_text(json.dumps({"question": question}) + "\n")
    done = gra("export", run, "--contamination", benchmark, columns=300)
    assert done.exit_code == 0, done.stderr
    assert "1 accepted sample in" in done.stdout and "left out: 1 (contaminated)" in done.stdout
    assert "left out: r01-00003: its response has a GitHub token in it" in done.stderr and key not in done.output
    assert "left out: r01-00002: its response says `sorry, but I can't help`" in done.stderr
    plain = json.loads(gra("export", run, "--json").stdout)
    assert plain["reasons"] == {"secret": 1, "refusal": 1} and plain["samples"] == 2
    assert json.loads(gra("export", run, "--filter", "none", "--json").stdout)["samples"] == 4
    assert json.loads(gra("export", run, "--filter", "refusals", "--json").stdout)["samples"] == 3
    for wrong, told in (
        (("--filter", "toxicity"), "there are: secrets"),
        (("--contamination", tmp_path / "missing.jsonl"), "missing.jsonl"),
        (("--language", "klingon"), "no language goes by `klingon`"),
        (("--contamination-cosine", 0.9), "name its file with --contamination"),
    ):
        refused = gra("export", run, *wrong, columns=300)
        assert refused.exit_code == 2 and told in refused.stderr and not refused.stdout, wrong
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    missing = gra("export", run, "--language", "en", columns=300)
    assert missing.exit_code == 4 and 'pip install "gra-synth[language]"' in missing.stderr


def test_what_holds_a_key_is_not_in_a_folder_either(gra: Gra, tmp_path: Path) -> None:
    key = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    run = build_run(tmp_path, [
        sample(0, instruction=THREE[0]),
        sample(1, instruction=f"Log in with {key}."),
        sample(4, Status.REJECTED_RESPONSE, versions=(version(response=key, outcome="reject"),)),
    ])  # fmt: skip
    done = gra("export", run, "--format", "datasets", "--with-rejected", columns=300)
    assert done.exit_code == 0, done.stderr
    assert "left out: 1 (secret)" in done.stdout
    folder = run / "export" / "dataset"
    assert all(key.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert "| secret | 1 |" in (folder / "README.md").read_text("utf-8")
    listed = gra("push", run, "me/rivers", "--dry-run", columns=300)
    assert listed.exit_code == 0 and "README.md" in listed.stdout and "left_out" not in listed.stdout
