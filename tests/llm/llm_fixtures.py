"""Endpoints at a fake server. A plugin of the tests that name it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gra.calls import Message, Request, Sampling
from gra.llm import Endpoint, Server, open_session
from gra.testing.fake_server import FakeServer

Connect = Callable[..., Endpoint]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


@pytest.fixture
def connect(session: aiohttp.ClientSession) -> Connect:
    """An endpoint at a fake server, without waits between tries."""

    def make(server: FakeServer | str, **options: Any) -> Endpoint:
        url = server if isinstance(server, str) else server.base_url
        defaults: dict[str, Any] = {"model": "fake", "luck": lambda: 0.0, "retries": 2, "timeout_s": 30.0}
        places = options.pop("places", Server(8))
        return Endpoint("tiny", url, session, places, **(defaults | options))

    return make


@pytest.fixture
def ask() -> Callable[..., Request]:
    def make(text: str = "Name a fruit.", **fields: Any) -> Request:
        fields.setdefault("sampling", Sampling(temperature=0.7, top_p=0.9, max_tokens=300, seed=1))
        fields.setdefault("messages", (Message("user", text),))
        return Request("tiny", **fields)

    return make


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The GGUF file of SmolLM2 135M: the one that GRA_TEST_GGUF names, or pulled by the catalogue."""
    named = os.environ.get("GRA_TEST_GGUF")
    if named:
        return Path(named)
    catalogue: Any = pytest.importorskip("gra.catalogue", reason="set GRA_TEST_GGUF to a small GGUF file")
    return Path(catalogue.pull(catalogue.find("smollm2-135m-instruct")))
