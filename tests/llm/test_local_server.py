"""The embedded server with a real model: SmolLM2 135M on one thread."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from gra.calls import Message, Request, Sampling
from gra.errors import EndpointError, KeyRefused, MissingExtra
from gra.events import Event, Notice
from gra.llm import Endpoint, LocalServer, Server, probe

pytest_plugins = ["llm_fixtures"]

Ask = Callable[..., Request]
SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 3, "maximum": 5}},
    "required": ["score"],
    "additionalProperties": False,
}
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=24, seed=1)


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
async def served(smollm2: Path, tmp_path: Path, heard: list[Event]) -> AsyncIterator[LocalServer]:
    log = tmp_path / "server.log"
    async with LocalServer("smol", smollm2, log, context=512, slots=1, threads=1, listen=heard.append) as server:
        yield server


def reach(server: LocalServer, session: aiohttp.ClientSession, **options: object) -> Endpoint:
    defaults: dict[str, object] = {"key": server.key, "revive": server.revive, "retries": 2, "luck": lambda: 0.0}
    return Endpoint("smol", server.base_url, session, Server(1), **(defaults | options))  # type: ignore[arg-type]


@pytest.mark.models
async def test_it_chats_obeys_schemas_gives_probabilities_and_caches_prefixes(
    served: LocalServer, session: aiohttp.ClientSession, ask: Ask
) -> None:
    endpoint = reach(served, session)
    abilities = await probe(endpoint)
    assert (abilities.served, abilities.json_schema, abilities.label_probabilities) == ("smol", True, True)
    assert abilities.context == 512

    system = Message("system", "You are a patient teacher who answers in short and simple words. " * 3)
    first = await endpoint.complete(ask(messages=(system, Message("user", "Name a fruit.")), sampling=GREEDY))
    again = await endpoint.complete(ask(messages=(system, Message("user", "Name a bird.")), sampling=GREEDY))
    assert first.text and first.usage.completion_tokens > 0
    assert again.usage.cached_tokens > again.usage.prompt_tokens // 2

    scored = await endpoint.complete(ask("How good is an apple, from 3 to 5?", schema=SCHEMA, sampling=GREEDY))
    assert any(str(score) in scored.text for score in (3, 4, 5)) and "score" in scored.text

    opinion = await endpoint.complete(ask("Is Paris in France? Answer Yes or No.", labels=("Yes", "No")))
    assert 0.01 < opinion.labels["Yes"] < 1.0 and 0.01 < opinion.labels["No"] < 1.0

    with pytest.raises(EndpointError, match="context"):
        await endpoint.complete(ask("word " * 800))
    with pytest.raises(KeyRefused):
        await reach(served, session, key=None).complete(ask())
    assert served.pid is not None


@pytest.mark.models
async def test_a_base_model_s_schema_is_obeyed_too(
    served: LocalServer, session: aiohttp.ClientSession, ask: Ask
) -> None:
    endpoint = reach(served, session, format="base")
    assert (await probe(endpoint)).json_schema
    reply = await endpoint.complete(ask("Say Yes or No.", labels=("Yes", "No")))
    assert 0.0 <= reply.labels["Yes"] <= 1.0


@pytest.mark.models
async def test_a_killed_child_is_replaced_and_not_for_ever(
    served: LocalServer, session: aiohttp.ClientSession, ask: Ask, heard: list[Event]
) -> None:
    endpoint = reach(served, session)
    for _ in range(3):
        assert served.pid is not None
        os.kill(served.pid, signal.SIGKILL)
        assert (await endpoint.complete(ask("Say hi.", sampling=GREEDY))).text
    assert sum("starting it again" in event.text for event in heard if isinstance(event, Notice)) == 3
    for _ in range(2):  # of three are left: it answered between the deaths before
        os.kill(served.pid or 0, signal.SIGKILL)
        await served.revive()
    os.kill(served.pid or 0, signal.SIGKILL)
    with pytest.raises(EndpointError, match="not restarted any more"):
        await served.revive()


PARENT = """
import asyncio, sys
from pathlib import Path
from gra.llm import LocalServer

async def main():
    server = LocalServer("smol", Path(sys.argv[1]), Path(sys.argv[2]), context=512, slots=1, threads=1)
    starting = asyncio.create_task(server.start())
    while server.pid is None:
        await asyncio.sleep(0.01)
    if sys.argv[3] == "serving":
        await starting
    print(server.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.models
@pytest.mark.parametrize("moment", ["loading", "serving"])
def test_a_killed_parent_leaves_no_orphan(smollm2: Path, tmp_path: Path, moment: str) -> None:
    command = [sys.executable, "-c", PARENT, str(smollm2), str(tmp_path / "log"), moment]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 60
    while runs(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.models
async def test_embeddings(smollm2: Path, tmp_path: Path, session: aiohttp.ClientSession) -> None:
    options = {"context": 128, "slots": 2, "embedding": True}
    async with LocalServer("smol", smollm2, tmp_path / "log", **options) as server:  # type: ignore[arg-type]
        endpoint = reach(server, session)
        vectors = await endpoint.embed(["How do I boil an egg?", "how to boil eggs", "", "a very long text " * 60])
    assert [sum(v * v for v in vector) for vector in vectors] == pytest.approx([1.0] * 4)


@pytest.mark.models
async def test_a_corrupt_file_is_explained(smollm2: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with smollm2.open("rb") as whole:
        cut.write_bytes(whole.read(20_000_000))
    log = tmp_path / "logs" / "server.log"
    with pytest.raises(EndpointError, match=r"did not start \(exit code 1\).*cut\.gguf.*corrupted or incomplete"):
        await LocalServer("smol", cut, log).start()
    assert "corrupted" in log.read_text()


@pytest.mark.models
async def test_a_server_that_is_too_slow_to_start_is_ended(smollm2: Path, tmp_path: Path) -> None:
    server = LocalServer("smol", smollm2, tmp_path / "log", start_timeout_s=0.05)
    with pytest.raises(EndpointError, match="start_timeout_s"):
        await server.start()
    assert server.pid is None


async def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    with pytest.raises(EndpointError, match="not there"):
        await LocalServer("smol", tmp_path / "nothing.gguf", tmp_path / "log").start()


async def test_a_missing_extra_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"gra-synth\[local\]"):
        await LocalServer("smol", tmp_path / "x.gguf", tmp_path / "log").start()


async def test_a_stopped_server_is_not_revived(tmp_path: Path) -> None:
    server = LocalServer("smol", tmp_path / "x.gguf", tmp_path / "log")
    await asyncio.gather(server.stop(), server.stop())
    with pytest.raises(EndpointError):
        await server.revive()
