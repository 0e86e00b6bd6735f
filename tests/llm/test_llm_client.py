from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from gra.calls import Message, Request
from gra.errors import ConfigError, EndpointError, KeyRefused, Refused
from gra.events import Event, Notice
from gra.llm import ApiKey, Endpoint, Server, probe
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FAULTS, FakeServer

pytest_plugins = ["llm_fixtures"]

Connect = Callable[..., Endpoint]
Ask = Callable[..., Request]
SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 10}},
    "required": ["score"],
    "additionalProperties": False,
}


async def test_a_chat_reply_with_its_usage(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as server:
        reply = await connect(server).complete(ask(stop=("\n\n",)))
    assert reply.text and reply.finish == "stop" and reply.seconds > 0
    assert reply.usage.prompt_tokens > 0 and reply.usage.completion_tokens > 0 and reply.usage.cached_tokens > 0
    body = server.bodies[0]
    assert body["messages"] == [{"role": "user", "content": "Name a fruit."}]
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["seed"]) == (0.7, 0.9, 300, 1)
    assert body["stop"] == ["\n\n"]


async def test_a_base_model_gets_a_pattern_and_does_not_run_on(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as server:
        reply = await connect(server, format="base").complete(ask(stop=("END",)))
    assert reply.text
    assert server.bodies[0]["prompt"] == "### Instruction:\nName a fruit.\n\n### Response:\n"
    assert server.bodies[0]["stop"] == ["\n### ", "END"]


@pytest.mark.parametrize("format", ["chat", "base"])
async def test_labels_are_read_from_probabilities(connect: Connect, ask: Ask, format: str) -> None:
    async with FakeServer([FakeModel("fake", judge=lambda body: 0.75)]) as server:
        reply = await connect(server, format=format).complete(ask("Is it good? Yes or no.", labels=("Yes", "No")))
    total = sum(reply.labels.values())
    assert 0.7 < total < 1.0
    assert reply.labels["Yes"] / total == pytest.approx(0.75)
    assert (server.bodies[0]["max_tokens"], server.bodies[0]["temperature"]) == (1, 0.0)
    assert reply.text == "Yes"


@pytest.mark.parametrize("format", ["chat", "base"])
async def test_a_schema_is_sent_and_obeyed(connect: Connect, ask: Ask, format: str) -> None:
    async with FakeServer() as server:
        reply = await connect(server, format=format).complete(ask(schema=SCHEMA))
    assert 1 <= json.loads(reply.text)["score"] <= 10


async def test_a_refused_schema_is_left_out(connect: Connect, ask: Ask) -> None:
    heard: list[Event] = []
    async with FakeServer() as server:
        endpoint = connect(server, listen=heard.append)
        for _ in range(2):
            server.next_faults.append("400")
            assert (await endpoint.complete(ask(schema=SCHEMA))).text
    assert ["response_format" in body for body in server.bodies] == [True, False] * 2
    assert len(heard) == 1 and "asking without it" in str(heard[0])


@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "stall"])
async def test_every_fault_is_survived_by_another_try(connect: Connect, ask: Ask, fault: str) -> None:
    heard: list[Event] = []
    async with FakeServer() as server:
        server.next_faults.append(fault)
        assert (await connect(server, listen=heard.append).complete(ask())).text
        assert server.requests["fake"] == 2
    assert len(heard) == 1 and isinstance(heard[0], Notice) and "trying again" in heard[0].text


@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "stall"])
async def test_a_fault_that_stays_is_an_error_with_a_cause(connect: Connect, ask: Ask, fault: str) -> None:
    async with FakeServer(faults={fault: 1.0}) as server:
        with pytest.raises(EndpointError, match=r"^Model `tiny` at http://127.*\(3 tries\)") as caught:
            await connect(server).complete(ask())
        assert server.requests["fake"] == 3
    assert type(caught.value) is EndpointError
    assert len(str(caught.value)) < 700 and str(caught.value).isprintable()


async def test_a_server_that_never_answers_is_given_up(connect: Connect, ask: Ask) -> None:
    async with FakeServer(faults={"stall": 1.0}) as server:
        with pytest.raises(EndpointError, match="no answer in time"):
            await connect(server, timeout_s=0.05, retries=1).complete(ask())
        assert server.requests["fake"] == 2


async def test_a_server_that_is_not_there(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as server:
        url = server.base_url
    with pytest.raises(EndpointError, match="no connection"):
        await connect(url).complete(ask())


async def test_one_refused_request_is_refused_once(connect: Connect, ask: Ask) -> None:
    async with FakeServer([FakeModel("fake", context=10)]) as server:
        with pytest.raises(Refused, match="exceeds the available context"):
            await connect(server).complete(ask("word " * 100))
        assert server.requests["fake"] == 1


async def test_wrong_model_and_wrong_address_are_told_apart(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as server:
        with pytest.raises(EndpointError, match=r"does not know the model.*`other`"):
            await connect(server, model="other").complete(ask())
        with pytest.raises(EndpointError, match="no such address"):
            await connect(server.base_url + "/v2").complete(ask())


async def test_a_redirect_is_not_followed_with_the_key(connect: Connect, ask: Ask) -> None:
    async with FakeServer(faults={"307": 1.0}) as server:
        with pytest.raises(EndpointError, match="redirects"):
            await connect(server).complete(ask())
        assert server.requests["fake"] == 1


async def test_the_key_is_presented_and_never_shown(
    connect: Connect, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[Event] = []
    async with FakeServer(key="sk-right") as server:
        right = connect(server, key=ApiKey("sk-right"), listen=heard.append)
        assert (await right.complete(ask())).text
        wrong = connect(server, key=ApiKey("sk-wrong"), listen=heard.append)
        with pytest.raises(KeyRefused, match="api_key_env") as caught:
            await wrong.complete(ask())
        assert server.requests["fake"] == 2
    shown = f"{right!r} {right} {caught.value} {heard} {caplog.text}"
    assert "Bearer …" in str(caught.value)
    assert "sk-" not in shown


def secret_urls() -> list[str]:
    return [
        "http://me:pass@host/v1",
        "http://me@host/v1",
        "http://host/v1?key=pass@",
        "ftp://host/v1",
        "localhost:8000",
        "",
        "http://[",
        "/v1",
    ]


@pytest.mark.parametrize("url", secret_urls())
async def test_an_address_that_cannot_be_used_is_a_clear_error(connect: Connect, url: str) -> None:
    with pytest.raises(ConfigError, match="`tiny`") as caught:
        connect(url)
    assert "pass@" not in str(caught.value)


async def test_a_model_without_a_name_must_be_the_only_one(connect: Connect, ask: Ask) -> None:
    async with FakeServer(["only"]) as server:
        assert (await connect(server, model=None).complete(ask())).text
        assert server.requests["only"] == 1
    async with FakeServer(["a", "b"]) as server:
        with pytest.raises(ConfigError, match=r"set `model`.* a, b"):
            await connect(server, model=None).complete(ask())


@pytest.mark.parametrize("format", ["chat", "base"])
async def test_a_probe_finds_what_is_there(connect: Connect, format: str) -> None:
    async with FakeServer([FakeModel("fake", context=1234)]) as server:
        abilities = await probe(connect(server, format=format, model=None))
    assert (abilities.served, abilities.json_schema, abilities.label_probabilities) == ("fake", True, True)
    assert abilities.context == 1234


@pytest.mark.parametrize("format", ["chat", "base"])
async def test_a_probe_believes_no_claims(connect: Connect, ask: Ask, format: str) -> None:
    async with FakeServer([FakeModel("fake", json_schema=False, top_logprobs=0, context=None)]) as server:
        endpoint = connect(server, format=format)
        abilities = await probe(endpoint)
        assert not abilities.json_schema and not abilities.label_probabilities and abilities.context is None
        assert (await endpoint.complete(ask(schema=SCHEMA))).text
        assert not {"response_format", "json_schema"} & server.bodies[-1].keys()
        with pytest.raises(Refused, match="log-probabilities"):
            await endpoint.complete(ask(labels=("Yes", "No")))


async def test_a_probe_finds_how_many_alternatives_may_be_asked_for(connect: Connect, ask: Ask) -> None:
    async with FakeServer([FakeModel("fake", top_logprobs=5)]) as server:
        endpoint = connect(server)
        assert (await probe(endpoint)).label_probabilities
        assert sum((await endpoint.complete(ask("Yes or no?", labels=("Yes", "No")))).labels.values()) > 0.5
        assert server.bodies[-1]["top_logprobs"] == 5


@pytest.mark.parametrize("status", ["400", "500"])
async def test_a_probe_takes_a_turned_down_schema_for_no_support(connect: Connect, status: str) -> None:
    async with FakeServer() as server:
        server.next_faults.extend([status] * (3 if status == "500" else 1))
        abilities = await probe(connect(server))
    assert (abilities.json_schema, abilities.label_probabilities) == (False, True)


async def test_a_probe_does_not_take_trouble_for_inability(connect: Connect) -> None:
    async with FakeServer(faults={"503": 1.0}) as server:
        with pytest.raises(EndpointError, match="503"):
            await probe(connect(server))
    async with FakeServer(key="k") as server:
        with pytest.raises(KeyRefused):
            await probe(connect(server))


async def test_embeddings_are_batched_in_order_and_of_length_one(connect: Connect) -> None:
    texts = [f"text number {n}" for n in range(70)]
    async with FakeServer() as server:
        endpoint = connect(server)
        vectors = await endpoint.embed(texts)
        assert server.requests["fake"] == 3
        assert vectors[69] == (await endpoint.embed(["text number 69"]))[0]
        assert await endpoint.embed([]) == []
    assert len(vectors) == 70
    assert all(sum(v * v for v in vector) == pytest.approx(1.0) for vector in vectors)


async def test_a_text_too_long_to_embed_is_embedded_by_its_beginning(connect: Connect) -> None:
    async with FakeServer([FakeModel("fake", context=100)]) as server:
        endpoint = connect(server)
        short, long = await endpoint.embed(["a short one", "many words " * 200])
        assert long == (await endpoint.embed([("many words " * 200)[:275]]))[0]
        assert short == (await endpoint.embed(["a short one"]))[0]
        server.next_faults.extend(["400"] * 10)
        with pytest.raises(Refused):
            await endpoint.embed(["short, and refused all the same"])


async def test_an_empty_text_is_sent_as_a_full_stop(connect: Connect) -> None:
    async with FakeServer() as server:
        await connect(server).embed(["", " \n"])
        assert server.bodies[0]["input"] == [".", "."]


async def test_endpoints_of_one_server_share_its_places(connect: Connect, ask: Ask) -> None:
    shared = Server(3)
    async with FakeServer(["a", "b"], latency_s=0.005) as server:
        endpoints = [connect(server, model=name, places=shared) for name in "ab"]
        await asyncio.gather(*(endpoints[n % 2].complete(ask(f"question {n}")) for n in range(20)))
        assert server.peak == 3
        assert set(server.answered.values()) == {1}


async def test_without_a_connection_the_server_is_revived_at_its_new_address(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as old:
        dead = old.base_url
    async with FakeServer() as server:
        revived: list[str] = []

        async def revive(answered: int) -> str:
            revived.append(server.base_url)
            return server.base_url

        endpoint = connect(dead, revive=revive)
        assert (await endpoint.complete(ask())).text
        assert (await endpoint.complete(ask())).text
        assert len(revived) == 1
        server.next_faults.append("500")
        assert (await endpoint.complete(ask())).text
        assert len(revived) == 1


async def test_a_server_that_cannot_be_revived_ends_the_request(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as old:
        dead = old.base_url

    async def revive(answered: int) -> str:
        raise EndpointError("it is gone")

    with pytest.raises(EndpointError, match="it is gone"):
        await connect(dead, revive=revive).complete(ask())


async def test_messages_of_all_roles_go_through(connect: Connect, ask: Ask) -> None:
    messages = (Message("system", "s"), Message("user", "u"), Message("assistant", "a"), Message("user", "ü\x00"))
    async with FakeServer() as server:
        await connect(server).complete(ask(messages=messages))
    sent: list[dict[str, Any]] = server.bodies[0]["messages"]
    assert [(m["role"], m["content"]) for m in sent] == [(m.role, m.content) for m in messages]
