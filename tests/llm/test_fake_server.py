from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gra.calls import Request
from gra.llm import Endpoint, Server
from gra.testing.fake_answers import FakeModel, embedding, value_for
from gra.testing.fake_server import FakeServer
from gra.testing.occupancy import Occupancy

pytest_plugins = ["llm_fixtures"]

Connect = Callable[..., Endpoint]
Ask = Callable[..., Request]


async def test_the_same_question_has_the_same_answer_at_any_concurrency(connect: Connect, ask: Ask) -> None:
    texts: list[list[str]] = []
    for places in (1, 16):
        async with FakeServer(latency_s=0.001, spread=1.0, slots=4) as server:
            endpoint = connect(server, places=Server(places))
            replies = await asyncio.gather(*(endpoint.complete(ask(f"question {n}")) for n in range(30)))
        texts.append([reply.text for reply in replies])
    assert texts[0] == texts[1]
    assert len(set(texts[0])) == 30


async def test_faults_come_at_their_rate_and_new_tries_have_new_luck(connect: Connect, ask: Ask) -> None:
    async with FakeServer(faults={"500": 0.2, "429": 0.1}) as server:
        endpoint = connect(server, retries=20)
        await asyncio.gather(*(endpoint.complete(ask(f"question {n}")) for n in range(200)))
        assert 240 < server.requests["fake"] < 340
        assert Counter(server.answered.values()) == {1: 200}


async def test_answers_can_be_scripted(connect: Connect, ask: Ask) -> None:
    def respond(body: dict[str, Any]) -> str | None:
        return "scripted" if "special" in body["messages"][0]["content"] else None

    async with FakeServer([FakeModel("fake", respond=respond)]) as server:
        endpoint = connect(server)
        assert (await endpoint.complete(ask("a special one"))).text == "scripted"
        assert (await endpoint.complete(ask("another"))).text != "scripted"


async def test_a_lenient_model_says_yes_more_often(connect: Connect, ask: Ask) -> None:
    async with FakeServer([FakeModel("strict", -2.0), FakeModel("mild", 2.0)]) as server:
        means = []
        for name in server.models:
            endpoint = connect(server, model=name)
            asked = [ask(f"Is {n} good? Yes or no.", labels=("Yes", "No")) for n in range(30)]
            replies = await asyncio.gather(*map(endpoint.complete, asked))
            means.append(sum(reply.labels["Yes"] for reply in replies) / 30)
        assert means[0] < 0.4 < 0.6 < means[1]


def test_values_satisfy_their_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 10, "maxLength": 20},
            "score": {"type": "integer", "minimum": 1, "maximum": 10},
            "share": {"type": "number", "minimum": 0, "maximum": 1},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 3},
            "good": {"type": "boolean"},
            "fixed": {"const": 5},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 7, "maximum": 7}]},
        },
    }
    for seed in range(100):
        value = value_for(schema, random.Random(seed), leniency=seed % 9 - 4)
        assert 10 <= len(value["name"]) <= 20 or value["name"].strip()
        assert 1 <= value["score"] <= 10 and isinstance(value["score"], int)
        assert 0 <= value["share"] <= 1
        assert value["kind"] in ("a", "b") and value["fixed"] == 5 and value["maybe"] in (None, 7)
        assert len(value["tags"]) == 3 and isinstance(value["good"], bool)


def test_texts_with_common_words_are_near() -> None:
    def cosine(a: str, b: str) -> float:
        return sum(x * y for x, y in zip(embedding(a), embedding(b), strict=True))

    same = cosine("how to boil an egg", "How to boil an egg?")
    near = cosine("how to boil an egg", "how to boil an apple")
    far = cosine("how to boil an egg", "winter in norway brings snow")
    assert same == pytest.approx(1.0)
    assert same > near > far


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-W", "error", "-m", "gra.testing.fake_server", "--models", "a,b", "--fault", "500=0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("http://127.0.0.1:")
        finally:
            process.terminate()


async def test_a_stopped_server_comes_back_at_its_address(connect: Connect, ask: Ask) -> None:
    server = FakeServer()
    async with server:
        url = server.base_url
        first = await connect(url).complete(ask())
    async with server:
        assert server.base_url == url
        assert (await connect(url).complete(ask())).text == first.text
    assert json.dumps(server.bodies[0]) == json.dumps(server.bodies[1])


def test_slots_are_counted_busy_for_as_long_as_they_are() -> None:
    now = 0.0
    occupancy = Occupancy(slots=4, clock=lambda: now)
    for _ in range(10):  # two slots for two seconds, one of them for one more
        with occupancy.slot():
            with occupancy.slot():
                now += 2
            now += 1
    assert occupancy.peak == 2
    # Of the twenty ends, the third (5 s, 9 slot-seconds) to the eighteenth (27 s, 45 slot-seconds).
    assert occupancy.steady == pytest.approx((45 - 9) / (4 * (27 - 5)))
    assert occupancy.rate == pytest.approx(15 / (27 - 5))


async def test_it_tells_how_busy_it_was(connect: Connect, ask: Ask) -> None:
    async with FakeServer(latency_s=0.01, slots=2) as server:
        endpoint = connect(server, places=Server(8))
        await asyncio.gather(*(endpoint.complete(ask(f"question {n}")) for n in range(40)))
        assert server.occupancy.peak == 2
        assert 0 < server.occupancy.steady <= 1
