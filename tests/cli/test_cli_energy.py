"""What commands say of energy: before a run, after it, and beside another one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_builders import EASY, NAMES, config_file
from fake_powercap import laptop
from test_run_plan import expected, planned
from typer.testing import Result

from gra.display.tally import foretold
from gra.engine.energy import JOULES_PER_WH, PER_FLOP
from gra.events import Forecast, Span
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


def sized(base_url: str, **more: Any) -> dict[str, Any]:
    return {"models": [{"name": n, "base_url": base_url, "model": n, "parameters": 1e9, **more} for n in NAMES]}


def test_a_plan_reckons_two_operations_for_each_parameter_and_token(tmp_path: Path) -> None:
    found = expected(planned(tmp_path, **sized("http://models.example.org/v1")))
    tokens = found.total.prompt_tokens + found.total.completion_tokens
    assert found.wh == pytest.approx(2e9 * tokens * PER_FLOP["elsewhere"] / JOULES_PER_WH)
    said = expected(planned(tmp_path, **sized("http://a.example/v1", joules={"prompt": 0, "completion": 9})))
    assert said.wh == pytest.approx(9 * said.total.completion_tokens / JOULES_PER_WH)
    assert expected(planned(tmp_path)).wh is None, "nobody says how large the models are"


def test_check_says_how_much_it_will_be_and_whether_it_will_be_measured(
    gra: Gra, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_file(tmp_path, server.base_url, budget={"energy_wh": 1e-6}, **sized(server.base_url))
    shown = gra("check", config, columns=200).stdout
    assert "estimated: this machine measures none of what the models take" in shown
    assert "a model without `joules` takes 1e-11 J for each floating-point operation on a server" in shown
    assert "The budget of 1e-06 Wh ends the run before that." in shown
    found = json.loads(gra("check", config, "--json").stdout)
    low, high = (found["plan"]["scenarios"][n]["wh"] for n in (-1, 0))
    assert 0 < low < high and found["energy"] == {"measured": [], "problems": []}

    monkeypatch.setenv("GRA_POWERCAP", str(laptop(tmp_path / "powercap").root))
    shown = gra("check", config, columns=200).stdout
    assert "measured while the run works: package-0, package-0 dram, all that is done with them" in shown


def test_check_says_that_a_budget_cannot_be_reckoned(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    done = gra("check", config_file(tmp_path, server.base_url, budget={"energy_wh": 5}))
    assert done.exit_code == 2 and "`budget.energy_wh` cannot be reckoned" in done.stderr
    wrong = gra("check", config_file(tmp_path, server.base_url, budget={"energy": "50 Wh"}))
    assert wrong.exit_code == 2 and "energy_wh" in wrong.stderr, "what is meant is named"


def test_a_run_and_its_status_call_an_estimate_one(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url, **EASY, **sized(server.base_url))
    done = gra("run", config, "--out", tmp_path / "run", columns=900)
    assert done.exit_code == 0, done.stderr
    for shown in (done.stdout, gra("status", tmp_path / "run", columns=900).stdout):
        assert " Wh estimated (judge, one, two, writer); " in shown
        assert " Wh for each accepted sample (estimated)" in shown
        assert "from a single 72B model: " in shown and "1e-11 J a FLOP" in shown
    energy = json.loads(gra("status", tmp_path / "run", "--json").stdout)["energy"]
    assert energy["measured_wh"] == 0 < energy["estimated_wh"]
    assert energy["wh_per_accepted"] == pytest.approx(energy["estimated_wh"] / 3)
    assert sum(energy["estimated_by_model"].values()) == pytest.approx(energy["estimated_wh"])

    beside = gra(
        "distill", config, "--model", "one", "--like", tmp_path / "run", "--out", tmp_path / "one", columns=900
    )
    assert beside.exit_code == 0, beside.stderr
    for name in ("run", "one"):
        assert f"energy of {tmp_path / name}: " in beside.stdout


def test_a_forecast_says_what_its_watt_hours_are() -> None:
    span = Span(1.0, 2.0, 3.0)
    told = foretold(Forecast(span, span, span, None, "USD", Span(0.5, 0.7, 1.5), "estimated"))
    assert told == "to come: 1-3 candidates, 1-3 tokens, 0.5-1.5 Wh (estimated), 1-3 min"
    assert "Wh" not in foretold(Forecast(span, span, span, None, "USD"))
