from __future__ import annotations

import os
import socket
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogue_stands import Hub, PackageIndex, card, converted_card, sha

from gra.catalogue import hub as hub_module
from gra.catalogue import pull
from gra.errors import CatalogueError

DATA = os.urandom(90_000)
FILE = "Tiny.Q4.gguf"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that is the only source, with no token and no cache of this machine's user."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "GRA_", "HF_"))]:
        monkeypatch.delenv(name)
    stand = Hub({FILE: DATA})
    with stand.running():
        monkeypatch.setenv("HF_ENDPOINT", stand.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield stand


def gets(hub: Hub) -> list[str]:
    return [path for method, path in hub.asked if method == "GET"]


def test_the_hub_is_asked_first_and_gives_the_file(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_for_a_test")
    path = pull(card(PackageIndex(), [DATA]), home=tmp_path)
    assert path.read_bytes() == DATA
    assert gets(hub) == [f"/some/tiny-GGUF/resolve/main/{FILE}"]
    assert hub.tokens == {"Bearer hf_for_a_test"}
    assert sorted(each.name for each in path.parent.iterdir()) == [".locks", ".parts", "tiny.gguf", "tiny.gguf.json"]
    assert list((path.parent / ".parts").iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_another_file_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    other = os.urandom(len(DATA))
    with pytest.raises(CatalogueError) as caught:
        pull(card(PackageIndex(), [other]), home=tmp_path, sources=["hub"])
    assert f"expected sha256 {sha(other)}, found {sha(DATA)}" in str(caught.value)
    assert gets(hub) == []


def test_a_file_of_another_size_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="has 90,000 bytes, the catalogue's file has 3"):
        pull(card(PackageIndex(), [b"abc"]), home=tmp_path, sources=["hub"])
    assert gets(hub) == []


def test_what_was_fetched_is_hashed_whatever_its_tag_says(hub: Hub, tmp_path: Path) -> None:
    other = os.urandom(len(DATA))
    hub.etags = {FILE: "a" * 40}
    with pytest.raises(CatalogueError) as caught:
        pull(card(PackageIndex(), [other]), home=tmp_path, sources=["hub"])
    assert f"expected sha256 {sha(other)}, found {sha(DATA)}" in str(caught.value)
    assert FILE in str(caught.value) or "tiny.gguf" in str(caught.value)
    assert not list(tmp_path.rglob("*.gguf"))


@pytest.mark.parametrize("status", [404, 401, 503])
def test_a_hub_that_says_no_is_not_asked_again_and_again(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.status = status
    began = time.monotonic()
    with pytest.raises(CatalogueError, match="Hugging Face hub: "):
        pull(card(PackageIndex(), [DATA]), home=tmp_path, sources=["hub"])
    assert len([path for _, path in hub.asked if "/resolve/" in path]) == 1
    assert time.monotonic() - began < 20


def test_a_hub_that_never_answers_is_given_up_soon(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "PROBE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(CatalogueError, match="timed out"):
            pull(card(PackageIndex(), [DATA]), home=tmp_path, sources=["hub"])


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_mode_asks_nobody(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(CatalogueError, match=f"{name} is set"):
        pull(card(PackageIndex(), [DATA]), home=tmp_path, sources=["hub"])
    assert hub.asked == []


def test_an_endpoint_that_is_no_web_address_is_refused(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc")
    with pytest.raises(CatalogueError, match="no web address"):
        pull(card(PackageIndex(), [DATA]), home=tmp_path, sources=["hub"])


def test_members_keep_their_paths_on_the_way_to_the_converter(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"model.safetensors": DATA, "1_Pooling/config.json": b"{}"}
    hub.files = members
    hub.etags = {"1_Pooling/config.json": "b" * 40}
    stand = types.ModuleType("stand_in_converter")
    stand.__dict__["convert"] = lambda folder, target: target.write_bytes(
        (folder / "1_Pooling" / "config.json").read_bytes()
    )
    monkeypatch.setitem(sys.modules, "stand_in_converter", stand)
    monkeypatch.setitem(sys.modules["gra.catalogue.pull"].__dict__["_CONVERTERS"], "minilm", "stand_in_converter")
    assert pull(converted_card(PackageIndex(), members), home=tmp_path).read_bytes() == b"{}"
