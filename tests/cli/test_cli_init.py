"""`gra init`: what it finds, what it writes, and that what it writes passes `gra check`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_builders import FORBIDDEN, HOSTILE
from typer.testing import Result

from gra.cli import surroundings
from gra.cli.draft import draft, pool_of
from gra.cli.surroundings import Machine, SeedFile, Server, look_at_seeds
from gra.config.load import load_config
from gra.errors import MissingExtra
from gra.testing.fake_server import FakeServer
from gra.testing.served import served

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
ROWS = [{"instruction": f"Say number {n} in words.", "response": f"It is number {n}, in words."} for n in range(8)]
LAPTOP, SMALL = Machine(2, 8 * 2**30, gpu=False), Machine(4, 2 * 2**30, gpu=True)
SEEDS = SeedFile(Path("seeds.json"), 8, "plain")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with seeds and other things, on a machine where no server runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(surroundings, "USUAL_PORTS", {9: "vLLM"})
    Path("a_note.json").write_text('{"name": "not seeds"}')
    Path("few.jsonl").write_text("\n".join(map(json.dumps, ROWS[:3])))
    Path("seeds.json").write_text(json.dumps(ROWS))
    return tmp_path


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with served(["org/alpha-7b", "beta:7b", "gamma", "delta", "nomic-embed-text"]) as fake:
        yield fake


def test_without_servers_it_takes_the_models_that_gra_serves_itself(gra: Gra) -> None:
    done = gra("init")
    assert done.exit_code == 0, done.stderr
    config = load_config("gra.yaml").synthesis
    assert config.seeds and config.seeds.path.name == "seeds.json" and config.target == 100
    assert len(config.models) >= 3 and all(model.catalogue for model in config.models)
    assert Path("gra.yaml").read_text().rstrip("\n") in done.stdout and "gra check  gra.yaml" in done.stdout
    check = json.loads(gra("check", "gra.yaml", "--json").stdout)
    assert check["usable"] and {model["state"] for model in check["models"]} == {"to be fetched"}


def test_a_server_where_they_usually_run_is_found(
    gra: Gra, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.base_url.split(":")[2].split("/")[0])
    monkeypatch.setattr(surroundings, "USUAL_PORTS", {9: "SGLang", port: "vLLM"})
    done = gra("init", "mine.yaml", "--target", 5)
    assert done.exit_code == 0 and f"Found vLLM at http://127.0.0.1:{port}/v1: 5 models" in done.stderr
    config = load_config("mine.yaml").synthesis
    assert [(m.name, m.model) for m in config.models] == [
        ("beta-7b", "beta:7b"),
        ("delta", "delta"),
        ("gamma", "gamma"),
        ("alpha-7b", "org/alpha-7b"),
    ]
    assert (config.embeddings.model, config.reviewers, config.target) == ("nomic-embed-text", 2, 5)
    assert gra("check", "mine.yaml").exit_code == 0


def test_a_server_that_is_named_must_answer(gra: Gra, server: FakeServer) -> None:
    found = json.loads(gra("init", "--server", server.base_url, "--json").stdout)
    assert found["servers"][0]["models"][0] == "beta:7b" and len(found["models"]) == 4
    assert found["seeds"] == {"path": "seeds.json", "usable": 8, "form": "plain"} and found["path"] == "gra.yaml"
    wrong = gra("init", "--server", "http://127.0.0.1:9/v1", "--force")
    assert wrong.exit_code == 4 and "127.0.0.1:9" in wrong.stderr and not wrong.stdout


def test_a_key_is_named_and_never_written(gra: Gra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sesame-secret")
    with served(["a", "b", "c"], key="sesame-secret") as fake:
        assert gra("init", "--server", fake.base_url).exit_code == 4
        done = gra("init", "--server", fake.base_url, "--api-key-env", "MY_KEY")
    assert done.exit_code == 0 and "sesame" not in done.output + Path("gra.yaml").read_text()
    config = load_config("gra.yaml").synthesis
    assert {model.api_key_env for model in config.models} == {"MY_KEY"} and config.reviewers == 1


def test_nothing_is_overwritten_unless_it_is_told_to(gra: Gra) -> None:
    Path("gra.yaml").write_text("mine")
    refused = gra("init")
    assert refused.exit_code == 2 and "--force" in refused.stderr and Path("gra.yaml").read_text() == "mine"
    assert gra("init", "--force").exit_code == 0 and "models:" in Path("gra.yaml").read_text()


def test_without_seeds_it_says_what_to_do(gra: Gra, tmp_path: Path) -> None:
    for name in ("few.jsonl", "seeds.json"):
        (tmp_path / name).unlink()
    done = gra("init")
    assert done.exit_code == 2 and "--seeds" in done.stderr and not Path("gra.yaml").exists()
    assert gra("init", "--seeds", "a_note.json").exit_code == 2


def test_another_folder_and_another_seed_file(gra: Gra, tmp_path: Path) -> None:
    done = gra("init", "deep/er/my.yaml", "--seeds", "few.jsonl")
    assert done.exit_code == 0, done.stderr
    config = load_config("deep/er/my.yaml").synthesis
    assert config.seeds and config.seeds.path == tmp_path / "few.jsonl"
    assert config.gate.type == "paper", "three seeds set no exam"


def test_the_pool_is_filled_up_and_kept_to_what_the_machine_can_do() -> None:
    one = Server("http://127.0.0.1:8000/v1", "vLLM", ("solo",))
    assert len(pool_of([one], LAPTOP)) == 4 and pool_of([one], LAPTOP)[0].model == "solo"
    assert len(pool_of([], LAPTOP)) == 4 and len(pool_of([], SMALL)) == 3, "the largest does not fit"
    many = Server("http://127.0.0.1:8000/v1", "vLLM", tuple(f"model-{n}" for n in range(50)))
    assert len(pool_of([many], LAPTOP)) == 6
    twice = [one, Server("http://127.0.0.1:8001/v1", "vLLM", ("solo", "other", "third"))]
    assert [m.model for m in pool_of(twice, LAPTOP)] == ["solo", "other", "third"], "one model is not two"


@pytest.mark.parametrize("machine", [LAPTOP, SMALL])
@pytest.mark.parametrize(
    "names", [(), ("solo",), (HOSTILE, HOSTILE + "2", "a" * 200, "x\n- y: &z", "../../etc", "'\"` #", "&a !!b")]
)
def test_whatever_servers_call_their_models_the_file_can_be_read(
    machine: Machine, names: tuple[str, ...], tmp_path: Path
) -> None:
    servers = [Server("http://127.0.0.1:8000/v1", "vLLM", (*names, *(f"more-{n}" for n in range(30))))] if names else []
    members = pool_of(servers, machine)
    text = draft(tmp_path / "gra.yaml", SEEDS, members, servers, machine, 10)
    assert not any(char in text for char in FORBIDDEN)
    (tmp_path / "gra.yaml").write_text(text)
    config = load_config(tmp_path / "gra.yaml").synthesis
    assert [m.model for m in config.models] == [m.model or None for m in members]
    assert ("GPU" in text) == (machine.gpu and not names)


def test_domains_that_seeds_name_are_the_taxonomy(gra: Gra, tmp_path: Path) -> None:
    Path("named.csv").write_text("instruction,response,domain\n" + "".join(f"Q{n}?,A{n}.,biology\n" for n in range(9)))
    done = gra("init", "--seeds", "named.csv")
    assert done.exit_code == 0, done.stderr
    assert [domain.name for domain in load_config("gra.yaml").synthesis.domains] == ["biology"]
    assert json.loads(gra("check", "gra.yaml", "--json").stdout)["usable"]


def test_a_folder_that_is_not_there_has_no_seeds(gra: Gra) -> None:
    done = gra("init", "nowhere/gra.yaml")
    assert done.exit_code == 2 and "can be read as seeds" in done.stderr and not Path("nowhere").exists()


def test_a_table_that_needs_a_library_does_not_hide_one_that_does_not(
    gra: Gra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(path: Path) -> SeedFile:
        if path.suffix == ".jsonl":
            raise MissingExtra("Parquet", "parquet")
        return look_at_seeds(path)

    monkeypatch.setattr(surroundings, "look_at_seeds", look)
    assert gra("init").exit_code == 0
    Path("seeds.json").unlink()
    Path("a_note.json").unlink()
    assert gra("init", "other.yaml").exit_code == 4
