"""`gra distill`, `gra run` of a refinement, and `gra export` of several runs, against fake models over real HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cli_builders import EASY, config_file
from typer.testing import Result

from gra.cli.distill import _number
from gra.errors import ConfigError
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


def sized(server: FakeServer, **sizes: float) -> dict[str, Any]:
    names = ("writer", "one", "two", "judge")
    models = [{"name": n, "base_url": server.base_url, "model": n} for n in names]
    return {"models": [{**m, "parameters": sizes[m["name"]]} if m["name"] in sizes else m for m in models]}


def test_one_model_does_all_the_work_and_the_costs_are_compared(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url, **EASY, **sized(server, writer=2e9, one=1e9, two=1e9, judge=1e9))
    assert gra("run", config, "--out", tmp_path / "pool").exit_code == 0
    done = gra(
        "distill", config, "--model", "writer", "--like", tmp_path / "pool", "--out", tmp_path / "one", columns=200
    )
    assert done.exit_code == 0, done.stderr
    assert "3 of 3 samples accepted" in done.stdout and "for each accepted" in done.stdout
    with Reader(open_run(tmp_path / "one")) as reader:
        assert {model for model, _ in reader.totals().cells} == {"writer"}
        assert "review" not in reader.totals().by_task() and "exam" not in reader.totals().by_task()
        samples = list(reader.iter_samples())
        spent = reader.totals().all
    assert all(not v.opinions for s in samples for v in s.versions)
    rows = [line.split() for line in done.stdout.splitlines() if str(tmp_path) in line and line.split()[1:2] == ["3"]]
    assert [row[0] for row in rows] == [str(tmp_path / "pool"), str(tmp_path / "one")]
    assert rows[1][2] == f"{spent.computed_tokens:,}"
    assert float(rows[1][3]) == pytest.approx(2e9 * spent.computed_tokens / 1e15, rel=0.01)
    assert f"compute: {rows[1][3]} billion" in gra("status", tmp_path / "one", columns=200).stdout


def test_a_baseline_stops_when_it_has_spent_what_the_run_spent(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url, **EASY, **sized(server, writer=1e9, one=1e9, two=1e9, judge=1e9))
    assert gra("run", config, "--out", tmp_path / "pool").exit_code == 0
    large = ("--base-url", server.base_url, "--served", "one", "--model", "huge", "--parameters", "70B")
    done = gra("distill", config, *large, "--like", tmp_path / "pool", "--out", tmp_path / "one", columns=200)
    assert done.exit_code == 0, done.stderr
    assert f"The baseline has spent what {tmp_path / 'pool'} spent." in done.stderr
    rest = ("distill", config, *large, "--out", tmp_path / "one")
    more = gra(*rest, columns=200)
    assert more.exit_code == 0 and "3 of 3 samples accepted" in more.stdout, "without --like it goes on to the target"
    plain = json.loads(gra(*rest, "--like", tmp_path / "pool", "--json").stdout)
    assert [cost["name"] for cost in plain["costs"]] == [str(tmp_path / "pool"), str(tmp_path / "one")]
    assert plain["compute"] == plain["costs"][1]["compute"] > plain["costs"][0]["compute"]


def test_an_unknown_size_is_said_with_what_to_do(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url, **EASY)
    assert gra("run", config, "--out", tmp_path / "pool").exit_code == 0
    like = ("--like", tmp_path / "pool", "--out", tmp_path / "one")
    refused = gra("distill", config, "--model", "writer", *like)
    assert refused.exit_code == 2 and "Give it `parameters`" in refused.stderr and not (tmp_path / "one").exists()
    done = gra("distill", config, "--model", "writer", "--out", tmp_path / "one", columns=200)
    assert done.exit_code == 0 and "unknown" in done.stdout
    assert "compute: unknown; nobody says how large" in gra("status", tmp_path / "one", columns=300).stdout
    sizes = sized(server, writer=1e9, one=1e9, two=1e9, judge=1e9)
    config_file(tmp_path, server.base_url, **EASY, **sizes)
    now = gra("distill", config, "--model", "writer", *like)
    assert now.exit_code == 0, "the sizes of the run's models are taken from the configuration at hand"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--model names none of the configuration's models, which are writer, one, two, judge"),
        (("--model", "nobody"), "--model names none"),
        (("--model", "writer", "--parameters", "many"), "--parameters many: expected a number such as 72B"),
        (("--base-url", "http://h/v1", "--catalogue", "x"), "give one of `catalogue`"),
    ],
)
def test_a_large_model_that_is_not_there_is_said(
    gra: Gra, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = gra("distill", config_file(tmp_path), *arguments, "--out", tmp_path / "one")
    assert done.exit_code == 2 and said in done.stderr
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(("text", "number"), [("72B", 72e9), ("270m", 270e6), ("7.6e9", 7.6e9), ("1.5t", 1.5e12)])
def test_parameters_may_be_written_short(text: str, number: float) -> None:
    assert _number(text) == pytest.approx(number)
    with pytest.raises(ConfigError):
        _number(f"-{text}")


def test_seeds_are_refined_and_integrated_with_what_is_synthesised(
    gra: Gra, server: FakeServer, tmp_path: Path
) -> None:
    config = config_file(tmp_path, server.base_url, **EASY)
    assert gra("run", config, "--out", tmp_path / "new").exit_code == 0
    checked = gra("check", config, "--set", "task=refine", columns=200)
    assert checked.exit_code == 0 and "3 seeds refined" in checked.stdout and "keywords" not in checked.stdout
    config_file(tmp_path, server.base_url, **EASY, task="refine", target=None)
    done = gra("run", config, "--out", tmp_path / "refined", columns=200)
    assert done.exit_code == 0, done.stderr
    assert "candidates" in done.stdout and "instruction written" not in done.stdout
    status = gra("status", tmp_path / "refined", columns=200)
    assert "complete: 8 of 8" in status.stdout and "with the seed's own" in status.stdout
    shown = gra("show", tmp_path / "refined", "r01-00002", columns=200).stdout
    for text in ("The seed's own response", "It is number 2, in words.", "A new response", "seed-00002, which "):
        assert text in shown, text

    runs = (tmp_path / "refined", tmp_path / "new")
    listed = {Path(r["folder"]).name: r["state"] for r in json.loads(gra("list", tmp_path, "--json").stdout)}
    assert listed == {"refined": "complete", "new": "complete"}
    differ = gra("diff", *runs, columns=200)
    assert differ.exit_code == 0, differ.stderr
    stages = {line[:21].strip(): line[21:].split() for line in differ.stdout.splitlines()}
    assert stages["instruction written"][0] == "-" and stages["response written"][:2] == ["8", "(100%)"]
    both = gra("export", *runs, "--metadata", columns=300)
    assert both.exit_code == 0
    assert "11 accepted samples in" in both.stdout and "0 left out" in both.stdout
    rows = [json.loads(row) for row in (tmp_path / "refined/export/integrated.messages.jsonl").read_text().splitlines()]
    assert [row["metadata"]["run"] for row in rows] == ["refined"] * 8 + ["new"] * 3
    assert [row["metadata"]["seed"] != "" for row in rows] == [True] * 8 + [False] * 3
    twice = gra("export", *runs, tmp_path / "new", "--format", "parquet", "--out", tmp_path / "x.parquet", columns=300)
    assert (
        "11 accepted samples in" in twice.stdout and "3 left out, whose instruction was there already" in twice.stdout
    )
    assert len(pq.read_table(tmp_path / "x.parquet")) == 11
    plain = json.loads(gra("export", *runs, tmp_path / "new", "--out", tmp_path / "x.jsonl", "--json").stdout)
    assert (plain["samples"], plain["left_out"]) == (11, 3)
    assert gra("export", tmp_path / "refined", tmp_path / "nowhere").exit_code == 5
