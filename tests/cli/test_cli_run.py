"""`gra run`, `resume`, `quickstart`, `check` and `export` against fake models over real HTTP."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cli_builders import EASY, NAMES, build_run, config_file, one_of_each, sample
from typer.testing import Result

from gra.records import Status
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


def test_a_run_from_its_configuration_to_its_dataset(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config, out = config_file(tmp_path, server.base_url, **EASY), tmp_path / "out"
    done = gra("run", config, "--out", out, "--set", "target=4", columns=300)
    assert done.exit_code == 0, done.stderr
    for text in (
        "4 of 4 samples accepted",
        "instruction passed",
        "writer",
        "Q: ",
        "A: ",
        "This attempt took",
        "gra show",
    ):
        assert text in done.stdout, text
    for name in ("export/messages.jsonl", "run.json", "run.sqlite", "logs"):
        assert str(out / name) in done.stdout and (out / name).exists()
    rows = [json.loads(row) for row in (out / "export/messages.jsonl").read_text().splitlines()]
    assert len(rows) == 4 and all(set(row) == {"messages"} for row in rows)
    assert "round: 1 of 1" in done.stderr and "round 1 closed" in done.stderr
    (log,) = (out / "logs").glob("*.log")
    assert "accepted" in log.read_text()

    asked = sum(server.answered.values())
    again = gra("resume", out)
    assert again.exit_code == 0 and "4 of 4" in again.stdout
    assert sum(server.answered.values()) == asked, "a finished run asks nothing"


def test_a_run_that_falls_short_says_why_and_ends_with_3(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url, **EASY, budget={"calls": 60})
    done = gra("run", config, "--out", tmp_path / "out")
    assert done.exit_code == 3
    assert "budget of 60 calls is spent" in done.stderr and "gra resume" in done.stderr
    assert "of 3 samples accepted" in done.stdout
    assert gra("resume", tmp_path / "out", "--set", "target=4").exit_code == 5, "that would be another run"
    assert gra("resume", tmp_path / "out", "--set", "budget.cals=1").exit_code == 2
    more = gra("resume", tmp_path / "out", "--set", "budget.calls=600")
    assert more.exit_code == 0 and "3 of 3 samples accepted" in more.stdout


def test_a_fault_of_ours_leaves_its_traceback_in_the_logs(
    gra: Gra, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr("gra.engine.run.synthesise", fail)
    done = gra("resume", run_folder)
    assert done.exit_code == 70
    assert "RuntimeError: odd" in done.stderr and "Traceback" not in done.stderr and "gra resume" in done.stderr
    (trace,) = (run_folder / "logs").glob("*.traceback")
    assert "RuntimeError: odd" in trace.read_text()


def test_a_quickstart_begins_goes_on_and_ends(gra: Gra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, Path]] = []
    monkeypatch.setattr("gra.cli.attempt.attempt", lambda config, folder, as_json: seen.append((config, folder)))
    assert gra("quickstart", "--out", tmp_path / "new", "--target", 5).exit_code == 0
    assert seen[-1][0].synthesis.target == 5 and len(seen[-1][0].synthesis.models) == 4

    half = build_run(tmp_path / "half", [sample(0, Status.PASSED)], closed=False)
    assert "Going on" in gra("quickstart", "--out", half).stderr
    assert seen[-1][1] == half and seen[-1][0].synthesis.target == 3, "by its own configuration"

    whole = build_run(tmp_path / "whole", one_of_each())
    done = gra("quickstart", "--out", whole)
    assert "is finished" in done.stderr and f"--out {whole}-2" in done.stderr and "3 of 3" in done.stdout
    assert len(seen) == 2, "nothing more is started"


def test_what_is_fetched_is_said_with_its_licence(gra: Gra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gra.engine.run.synthesise", stop)
    done = gra("quickstart", "--out", tmp_path / "new", columns=40)
    assert done.exit_code == 130
    assert "smollm2-135m-instruct is fetched (98 MB); licence Apache-2.0: https://www.apache.org" in done.stderr
    assert "stopped before the run began" in done.stderr
    assert not (tmp_path / "new").exists(), "nothing is left of a start that came to nothing"


def test_check_says_where_code_cannot_be_run(
    gra: Gra, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_file(tmp_path, server.base_url)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = gra("check", config, "--set", "verifiers=[code]", "--set", "gate={type: seeds}", columns=400)
    assert done.exit_code == 2
    assert "there is no `bwrap` here" in done.output and "apt-get install bubblewrap" in done.output


def test_check_says_whose_server_tells_what_likelihood_needs(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url)
    assert "likelihood" not in gra("check", config).stdout, "nobody wants to know"
    settings = ("--set", "verifiers=[{type: likelihood, models: [one]}]", "--set", "gate={type: seeds}")
    found = json.loads(gra("check", config, *settings, "--json").stdout)
    assert found["usable"] and {m["prompt_logprobs"] for m in found["models"][:4]} == {True}
    server.models["one"] = replace(server.models["one"], prompt_logprobs=False)
    done = gra("check", config, *settings, columns=400)
    assert done.exit_code == 2 and "the server of `one` returns none" in done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.split()[:1] == ["one"]]
    assert row.split()[:5] == ["one", "answers", "yes", "yes", "no"]


def test_check_finds_everything_out(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url)
    done = gra("check", config)
    assert done.exit_code == 0, done.stderr
    for text in (
        "8 records in JSON",
        "8 usable, all are used",
        "answers",
        "yes",
        "4096",
        "expected (50%)",
        "exam",
        "Assumed",
    ):
        assert text in done.stdout, text
    found = json.loads(gra("check", config, "--json").stdout)
    assert found["usable"] and len(found["models"]) == 5
    assert [s["name"] for s in found["plan"]["scenarios"]] == ["low", "expected", "high"]
    assert not (tmp_path / "runs").exists()


def test_without_seeds_and_with_documents_every_command_says_so(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "bees.md").write_text("# Bees\n\n" + "Bees dance to tell where the flowers are. " * 9)
    (tmp_path / "documents" / "bad.txt").write_bytes(b"\xff" * 99)
    domains = [{"name": "Facts", "description": "one fact", "share": 2}, {"name": "Advice", "description": "help"}]
    changes = {**EASY, "seeds": None, "documents": "documents", "domains": domains}
    config, out = config_file(tmp_path, server.base_url, **changes), tmp_path / "out"
    checked = gra("check", config, columns=200).stdout
    for text in ("none: the first round is made from the passages", "1 passage of 2 files", "bad.txt: left out"):
        assert text in checked, text
    assert [line.split()[:2] for line in checked.splitlines() if "one fact" in line] == [["Facts", "2"]]

    done = gra("run", config, "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "bad.txt: left out" in done.stderr
    table = gra("status", out, columns=200).stdout.partition("Domains")[2].partition("Funnel")[0]
    rows = {row[0]: row[1:3] for row in map(str.split, table.splitlines()) if row and row[0] in ("Facts", "Advice")}
    assert rows == {"Facts": ["2", "2"], "Advice": ["1", "1"]}
    found = json.loads(gra("status", out, "--json").stdout)["domains"]
    assert [(d["domain"], d["asked"], d["accepted"]) for d in found] == [("Advice", 1, 1), ("Facts", 2, 2)]
    assert "made from bees.md:1" in gra("show", out, "r01-00000", columns=200).stdout
    gra("export", out, "--metadata", "--out", tmp_path / "data.jsonl")
    exported = [json.loads(row) for row in (tmp_path / "data.jsonl").read_text().splitlines()]
    assert [row["metadata"]["source"] for row in exported] == ["bees.md:1"] * 3


def test_check_says_what_a_run_without_seeds_is_made_from(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url, **EASY, seeds=None)
    assert "none: the first round is made from the domains alone" in gra("check", config, columns=200).stdout
    missing = gra("check", config, "--set", "documents=nowhere")
    assert (missing.exit_code, "no such file or folder" in missing.stderr) == (2, True)


def test_too_few_seeds_are_helped_out_where_there_is_an_exam(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url, review="none", seeds={"path": "seeds.json", "limit": 2})
    checked = gra("check", config)
    assert checked.exit_code == 0 and "every judge sits" not in checked.stdout
    checked = gra("check", config, "--set", "review=one", columns=200)
    assert checked.exit_code == 0 and "asks about gra's own exercises, too" in checked.stdout


def test_check_shows_what_became_of_the_seeds(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url)
    rows = "".join(f"Question {n}?;Answer {n}.\n" for n in range(9))
    (tmp_path / "seeds.csv").write_text(f"Q;Best answer\n{rows}Why?;\n\x1b[31mQuestion 0?;Answer 0.\n")
    mapped = ("--set", "seeds.path=" + str(tmp_path / "seeds.csv"), "--set", "seeds.limit=6")
    columns = "seeds.columns={instruction: Q, response: Best answer}"
    shown = gra("check", config, *mapped, "--set", columns).stdout
    for text in ("seeds.csv", "11 records in CSV with `;`, form by `columns`", "10 usable, 6 of them are drawn"):
        assert text in shown
    assert "skipped: 1 empty\n    line 11: the response is empty" in shown
    wrong = gra("check", config, *mapped, "--set", columns.replace("Best answer", "Worst answer"))
    assert wrong.exit_code == 2
    assert "there is no column `Worst answer`; did you mean `Best answer`?" in wrong.stderr


def test_check_tells_all_that_is_wrong_at_once(gra: Gra, tmp_path: Path) -> None:
    config = config_file(tmp_path)
    (tmp_path / "seeds.json").unlink()
    done = gra("check", config, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 2, "of the first"
    assert len(found["problems"]) == 6 and found["plan"] is None
    assert {m["state"] for m in found["models"]} == {"fails"}
    shown = gra("check", config)
    assert "fails" in shown.stdout and shown.stderr.count("\n  - ") == 6


def test_check_leaves_embedded_models_alone(gra: Gra, tmp_path: Path) -> None:
    config = config_file(tmp_path, models=[{"name": n, "catalogue": "smollm2-135m-instruct"} for n in NAMES])
    found = json.loads(gra("check", config, "--json", "--set", "embeddings={catalogue: all-minilm-l6-v2}").stdout)
    assert {m["state"] for m in found["models"]} == {"to be fetched"} and found["usable"]


def test_export_in_every_form(gra: Gra, run_folder: Path, tmp_path: Path) -> None:
    done = gra("export", run_folder, columns=300)
    assert "2 accepted samples in" in done.stdout
    assert "left out: r01-00002: its instruction holds half a surrogate pair" in done.stderr
    first = (run_folder / "export/messages.jsonl").read_bytes()
    gra("export", run_folder)
    assert (run_folder / "export/messages.jsonl").read_bytes() == first
    assert gra("export", run_folder, "--format", "alpaca", "--metadata", "--out", tmp_path / "a.json").exit_code == 0
    rows = json.loads((tmp_path / "a.json").read_text())
    assert [row["metadata"]["id"] for row in rows] == ["r01-00000", "r01-00001"]
    assert gra("export", run_folder, "--format", "parquet").exit_code == 0
    assert pq.read_table(run_folder / "export/messages.parquet").num_rows == 2
    assert "1 duplicate sample in" in gra("export", run_folder, "--status", "duplicate").stdout


def test_nothing_to_export_says_why_and_ends_with_3(gra: Gra, tmp_path: Path) -> None:
    run = build_run(tmp_path, [sample(0, Status.PASSED)], closed=False)
    done = gra("export", run)
    assert done.exit_code == 3 and "1 passed the review" in done.stderr and not done.stdout
    assert list((run / "export").iterdir()) == []
    assert gra("export", run, "--status", "rejected_instruction").exit_code == 3


def test_a_runs_dataset_goes_through_the_filters_of_its_configuration(
    gra: Gra, server: FakeServer, tmp_path: Path
) -> None:
    out, benchmark = tmp_path / "out", tmp_path / "bench.jsonl"
    config = config_file(tmp_path, server.base_url, **EASY, export={"contamination": ["bench.jsonl"]})
    missing = gra("run", config, "--out", out, "--set", "target=3", columns=300)
    assert missing.exit_code == 2 and str(benchmark) in missing.stderr and not server.answered
    checked = gra("check", config, columns=300)
    assert checked.exit_code == 2 and str(benchmark) in checked.stderr
    asked = "what nobody asks: where do seven blue rivers meet before dawn in winter"
    benchmark.write_text(json.dumps({"q": asked}) + "\n")
    assert gra("run", config, "--out", out, "--set", "target=3").exit_code == 0
    rows = (out / "export/messages.jsonl").read_text().splitlines()
    assert len(rows) == 3
    instruction = json.loads(rows[0])["messages"][0]["content"]
    told = " ".join(reversed(instruction.split()))  # other words in a row, and the same vector from the fake model
    benchmark.write_text(json.dumps({"q": told}) + "\n")
    assert "3 accepted samples" in gra("export", out).stdout
    meant = gra("export", out, "--contamination-cosine", 0.99, columns=300)
    assert meant.exit_code == 0, meant.stderr
    assert "2 accepted samples" in meant.stdout and "left out: 1 (contaminated)" in meant.stdout
    assert "means what bench.jsonl:1 does (cosine 1.00)" in meant.stderr
    changed = gra("resume", out, "--set", "export.filters=[]", columns=300)
    assert changed.exit_code == 0, "what may leave is no part of what a run is"
    assert json.loads((out / "run.json").read_text())["config"]["export"]["filters"] == []
