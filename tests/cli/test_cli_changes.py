"""What changed between a run and its going on: named and refused where it shapes the data, accepted where not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_builders import EASY, NAMES, config_file, dataset
from typer.testing import Result

from gra.testing import fake_answers
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


@pytest.fixture
def config(server: FakeServer, tmp_path: Path) -> Path:
    return config_file(tmp_path, server.base_url, **EASY, target=4)


@pytest.fixture
def half(gra: Gra, config: Path, tmp_path: Path) -> Path:
    """A run that a budget has stopped in its middle, beside one that nothing stopped."""
    assert gra("run", config, "--out", tmp_path / "calm").exit_code == 0
    assert gra("run", config, "--out", tmp_path / "half", "--set", "budget.calls=60").exit_code == 3
    return tmp_path / "half"


def goes_on(gra: Gra, half: Path, *settings: object) -> None:
    done = gra("resume", half, "--set", "budget.calls=9999", *settings)
    assert done.exit_code == 0, done.stderr
    assert dataset(half) == dataset(half.parent / "calm")


@pytest.mark.parametrize("setting", ["gate.tau=2", "rounds=2", "generation.max_tokens=41", "random_seed=5"])
def test_a_key_that_shapes_the_data_is_named_and_refused(gra: Gra, config: Path, half: Path, setting: str) -> None:
    before = (half / "run.json").read_bytes()
    for command in (("run", config, "--out", half), ("resume", half)):
        done = gra(*command, "--set", setting)
        assert done.exit_code == 5
        assert f"what differs: {setting.partition('=')[0]}." in done.stderr and "--out" in done.stderr
    assert (half / "run.json").read_bytes() == before
    goes_on(gra, half)


def test_a_key_that_does_not_goes_on(gra: Gra, config: Path, half: Path) -> None:
    done = gra("run", config, "--out", half, "--set", "engine.concurrency=2", "--set", "engine.retries=1")
    assert done.exit_code == 0, done.stderr
    assert dataset(half) == dataset(half.parent / "calm")
    assert json.loads((half / "run.json").read_text())["config"]["engine"]["concurrency"] == 2


def test_seeds_that_were_edited_or_are_gone_or_have_moved(gra: Gra, half: Path, tmp_path: Path) -> None:
    seeds, moved = tmp_path / "seeds.json", tmp_path / "moved.json"
    rows = json.loads(seeds.read_text())
    seeds.write_text(json.dumps([*rows, {"instruction": "One more?", "response": "One more."}]))
    edited = gra("resume", half)
    assert edited.exit_code == 5 and "begun with other seeds" in edited.stderr and "Put back" in edited.stderr
    seeds.unlink()
    gone = gra("resume", half)
    assert gone.exit_code == 2 and str(seeds) in gone.stderr
    moved.write_text(json.dumps(rows))
    goes_on(gra, half, "--set", f"seeds={moved}")


def test_a_server_that_serves_another_model_now(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    server.models = {"first": FakeModel("first", judge=lambda body: 0.9)}
    models = [{"name": name, "base_url": server.base_url} for name in NAMES]
    config = config_file(tmp_path, server.base_url, **EASY, models=models, embeddings={"base_url": server.base_url})
    out = tmp_path / "out"
    assert gra("run", config, "--out", out, "--set", "budget.calls=60").exit_code == 3
    server.models = {"second": FakeModel("second")}
    done = gra("resume", out, "--set", "budget.calls=999")
    assert done.exit_code == 5
    assert "`writer` (api:first before, api:second now)" in done.stderr and "as they were" in done.stderr


def test_a_server_that_does_not_know_the_model_any_more(gra: Gra, server: FakeServer, half: Path) -> None:
    was, server.models = server.models, {"other": FakeModel("other")}
    done = gra("resume", half, "--set", "budget.calls=999")
    assert done.exit_code == 4 and "does not know the model" in done.stderr and "The model" in done.stderr
    server.models = was
    goes_on(gra, half)


def test_prompts_of_another_version(gra: Gra, half: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as upgraded:
        upgraded.setattr("gra.prompts.prompt_set.PromptSet.digest", "sha256:other")
        done = gra("resume", half)
        assert done.exit_code == 5
        assert "begun with other prompts" in done.stderr and "the version of gra" in done.stderr
    goes_on(gra, half)


def test_embeddings_of_another_length(gra: Gra, half: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(fake_answers, "DIMENSIONS", 32)
        done = gra("resume", half, "--set", "budget.calls=999")
        assert done.exit_code == 5, done.stderr
        assert "have 32 numbers, this run's have 64" in done.stderr and "another model is served" in done.stderr
    goes_on(gra, half)
