"""Slots of an embedded server: a matter keeps one to itself."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from gra.calls import CallId, Message, Reply, Request, Sampling
from gra.llm import Endpoint, Server, Slots, open_session
from gra.synthesis.reading import Matter, ProbabilityReading
from gra.testing.fake_server import FakeServer
from gra.together import together

REQUEST = Request("fake", (Message("user", "Hello"),), Sampling(0.8, 0.9, 20, 0), prompt="response@1")


async def test_whoever_has_a_slot_has_it_alone_and_others_wait() -> None:
    slots, seen, most = Slots(3), set[int](), 0

    async def work(number: int) -> None:
        nonlocal most
        async with slots.lane("a") if number % 2 else slots.one("b") as mine:
            assert mine not in seen
            seen.add(mine)
            most = max(most, len(seen))
            await asyncio.sleep(0)
            seen.remove(mine)

    await together(work(number) for number in range(20))
    assert (most, seen) == (3, set())


async def test_half_of_the_slots_at_most_are_kept_for_matters() -> None:
    slots = Slots(5)
    async with slots.lane("a"), slots.lane("a"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), slots.lane("a"):
                raise AssertionError("a third lane")
        async with slots.one("b"), slots.one("b"), slots.one("b"):
            pass
    async with Slots(1).lane("a") as only:
        assert only == 0


async def test_a_slot_that_knows_the_prompt_is_preferred_else_the_one_that_was_idle_longest() -> None:
    slots = Slots(3)
    for prompt in ("a", "b", "c"):
        async with slots.one(prompt):
            pass
    chosen = []
    for prompt in ("b", "d", "c", "b"):
        async with slots.one(prompt) as number:
            chosen.append(number)
    assert chosen == [1, 0, 2, 1]


async def test_a_slot_is_given_back_whatever_happens() -> None:
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError):
        async with slots.lane("a"):
            raise ZeroDivisionError
    async with slots.lane("a") as number:
        assert number == 0
    with pytest.raises(ValueError, match="at least one"):
        Slots(0)


def test_where_a_request_is_worked_on_is_no_part_of_it() -> None:
    elsewhere = replace(REQUEST, slot=3)
    assert elsewhere == REQUEST
    assert elsewhere.digest("m") == REQUEST.digest("m") != replace(REQUEST, prompt="other").digest("m")


async def test_all_questions_about_a_matter_go_to_one_slot_and_nothing_else_does_meanwhile() -> None:
    slots = Slots(4)
    async with FakeServer(latency_s=0.001, spread=1.0) as server, open_session() as session:
        endpoint = Endpoint("fake", server.base_url, session, Server(4), slots=slots)

        async def ask(call: CallId, request: Request) -> Reply:
            return await endpoint.complete(request)

        reading = ProbabilityReading(slots)
        matters = [Matter("response", f"Say {n}.", f"It is {n}.") for n in range(6)]
        read = [reading.read(ask, "fake", m, CallId(m.instruction, "review")) for m in matters]
        writing = [ask(CallId(f"w{n}", "response"), replace(REQUEST, sampling=Sampling(1, 1, 9, n))) for n in range(20)]
        await together([*read, *writing])
    assert {body["id_slot"] for body in server.bodies} <= {0, 1, 2, 3}
    places: dict[str, list[int]] = defaultdict(list)
    for position, body in enumerate(server.bodies):
        places[matter_of(body)].append(position)
    for name, positions in places.items():
        if name != "Hello":
            assert len(positions) == 6
            own = server.bodies[positions[0]]["id_slot"]
            between = server.bodies[positions[0] : positions[-1] + 1]
            assert [b["id_slot"] == own for b in between] == [matter_of(b) == name for b in between]


def matter_of(body: dict[str, Any]) -> str:
    last: str = body["messages"][-1]["content"]
    return last.split("Question:")[0]


async def test_a_server_that_others_ask_too_is_not_told_of_slots() -> None:
    async with FakeServer() as server, open_session() as session:
        await Endpoint("fake", server.base_url, session, Server(4)).complete(REQUEST)
    assert "id_slot" not in server.bodies[0]
