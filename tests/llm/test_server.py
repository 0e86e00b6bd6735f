"""Servers that ask for mercy, fall silent, or fail everybody, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gra.calls import Request
from gra.errors import EndpointError, OutOfService
from gra.events import Event, Notice
from gra.llm import Account, Endpoint, Server
from gra.llm.circuit import OPEN_AFTER
from gra.testing.fake_server import FakeServer

pytest_plugins = ["llm_fixtures"]

Connect = Callable[..., Endpoint]
Ask = Callable[..., Request]


def texts(heard: list[Event]) -> list[str]:
    return [event.text for event in heard if isinstance(event, Notice)]


async def until(state: Callable[[], bool]) -> None:
    while not state():
        await asyncio.sleep(0.01)


async def test_a_server_that_wants_less_gets_less(connect: Connect, ask: Ask) -> None:
    shared = Server(16)
    async with FakeServer(["a", "b"], latency_s=0.01) as fake:
        endpoints = [connect(fake, model=name, places=shared) for name in "ab"]
        await endpoints[0].complete(ask("first"))
        fake.next_faults.extend(["429"] * 4)
        await asyncio.gather(*(endpoints[n % 2].complete(ask(f"question {n}")) for n in range(16)))
        assert set(fake.answered.values()) == {1}
    assert shared.account.faults == {"HTTP 429": 4}
    assert shared.account.cuts == 1, "they were under way together"
    assert shared.account.retries == 4 and 8 <= shared.limit.width < 16


async def test_retry_after_holds_back_all_models_of_a_server(connect: Connect, ask: Ask) -> None:
    shared = Server(8)
    async with FakeServer(["a", "b"], latency_s=0.02, retry_after="0.5") as fake:
        a, b = (connect(fake, model=name, places=shared) for name in "ab")
        fake.next_faults.append("429")
        tasks = [asyncio.create_task(a.complete(ask()))]
        await until(lambda: shared.limit.is_paused)
        tasks += [asyncio.create_task(b.complete(ask(f"question {n}"))) for n in range(6)]
        while shared.limit.is_paused:
            assert len(fake.bodies) == 1, "nobody asks"
            await asyncio.sleep(0.01)
        await asyncio.gather(*tasks)
        assert fake.peak <= 4, "they are let in gradually"
    assert (shared.account.pauses, shared.account.cuts) == (1, 0)
    assert shared.account.paused_s == pytest.approx(0.5, abs=0.01)


async def test_a_silent_server_is_waited_for_and_uses_up_no_tries(connect: Connect, ask: Ask) -> None:
    heard: list[Event] = []
    shared = Server(4, name="http://there", patience_s=60.0, listen=heard.append)
    fake = FakeServer()
    async with fake:
        endpoint = connect(fake, places=shared, retries=1)
        await endpoint.complete(ask("while it is there"))
    waiting = [asyncio.create_task(endpoint.complete(ask(f"question {n}"))) for n in range(10)]
    await until(lambda: shared.is_silent)
    tries = sum(shared.account.faults.values())
    await asyncio.sleep(0.2)
    assert sum(shared.account.faults.values()) <= tries + 4, "it is left alone"
    assert not any(task.done() for task in waiting)
    async with fake:
        await asyncio.gather(*waiting)
        assert set(fake.answered.values()) == {1}
    told = texts(heard)
    assert [("silent" in text, "answers again" in text) for text in told] == [(True, False), (False, True)]
    assert all("http://there" in text for text in told)
    assert shared.account.silent == 1


async def test_a_server_that_stays_silent_is_out_of_service(connect: Connect, ask: Ask) -> None:
    shared = Server(4, patience_s=0.0)
    async with FakeServer() as fake:
        endpoint = connect(fake, places=shared, retries=20)
        await endpoint.complete(ask())
    with pytest.raises(OutOfService, match=rf"no connection \({OPEN_AFTER} tries\).*Check that the server runs"):
        await endpoint.complete(ask("again"))


async def test_a_request_that_alone_is_met_by_silence_is_given_up(connect: Connect, ask: Ask) -> None:
    shared = Server(4, patience_s=60.0)

    async with FakeServer(latency_s=0.002) as fake:
        good = connect(fake, places=shared)
        await good.complete(ask("first"))
        stop = asyncio.Event()

        async def others() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                await good.complete(ask(f"question {number}"))

        busy = asyncio.create_task(others())
        nobody = connect("http://127.0.0.1:9/v1", places=shared, retries=3, luck=lambda: 0.05)
        with pytest.raises(EndpointError, match="no connection") as caught:
            await nobody.complete(ask("nobody answers this one"))
        stop.set()
        await busy
    assert type(caught.value) is EndpointError, "others are answered: it is this request"
    assert not shared.is_silent


@pytest.mark.parametrize("fault", ["reset", "stall", "503"])
async def test_a_request_that_meets_silence_where_a_greeting_is_answered_is_given_up(
    connect: Connect, ask: Ask, fault: str
) -> None:
    shared = Server(4, patience_s=0.0)
    async with FakeServer() as fake:
        endpoint = connect(fake, places=shared, retries=1, timeout_s=0.5 if fault == "stall" else 30.0)
        await endpoint.complete(ask("first"))
        fake.next_faults.extend([fault, "ok", fault, "ok", fault])
        with pytest.raises(EndpointError, match=r"\(3 tries\)") as caught:
            await endpoint.complete(ask("alone"))
        assert [body["max_tokens"] for body in fake.bodies] == [300, 300, 1, 300, 1, 300]
        assert (await endpoint.complete(ask("next"))).text
    assert type(caught.value) is EndpointError and shared.account.answered == 2, "greetings are no requests"


async def test_greetings_do_not_hide_a_server_that_fails_every_request(connect: Connect, ask: Ask) -> None:
    async with FakeServer() as fake:
        endpoint = connect(fake, places=Server(4, give_up_after=2), retries=0)
        await endpoint.complete(ask("first"))
        fake.next_faults.extend(["503", "ok", "503"] * 2)
        with pytest.raises(EndpointError) as one:
            await endpoint.complete(ask("one"))
        with pytest.raises(OutOfService):
            await endpoint.complete(ask("two"))
    assert type(one.value) is EndpointError


async def test_a_server_that_fails_everybody_is_out_of_service(connect: Connect, ask: Ask) -> None:
    async with FakeServer(faults={"500": 1.0}) as fake:
        endpoint = connect(fake, places=Server(4, give_up_after=3), retries=1)
        ends = await asyncio.gather(
            *(endpoint.complete(ask(f"question {n}")) for n in range(4)), return_exceptions=True
        )
    assert [type(end) for end in ends] == [EndpointError, EndpointError, OutOfService, OutOfService]


async def test_too_many_requests_never_fail_a_request_while_others_are_answered(connect: Connect, ask: Ask) -> None:
    async with FakeServer(faults={"429": 0.5}) as fake:
        endpoint = connect(fake, places=Server(8), retries=3)
        await asyncio.gather(*(endpoint.complete(ask(f"question {n}")) for n in range(60)))
        assert set(fake.answered.values()) == {1}


async def test_a_torn_answer_is_asked_for_again(connect: Connect, ask: Ask) -> None:
    shared = Server(8)
    async with FakeServer() as fake:
        endpoint = connect(fake, places=shared)
        fake.next_faults.append("torn")
        assert (await endpoint.complete(ask())).text
    assert shared.account.faults == {"no connection": 1}


async def test_a_reply_cut_at_its_length_is_no_fault(connect: Connect, ask: Ask) -> None:
    shared = Server(8)
    async with FakeServer() as fake:
        endpoint = connect(fake, places=shared)
        whole = await endpoint.complete(ask())
        fake.next_faults.append("length")
        cut = await endpoint.complete(ask())
    assert (whole.finish, cut.finish) == ("stop", "length")
    assert whole.text.startswith(cut.text) and len(cut.text) < len(whole.text)
    assert not shared.account.faults


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("reset", "no connection"),
        ("stall", "no answer in time"),
        ("html", "unusable answer"),
        ("cut", "unusable answer"),
        ("huge", "unusable answer"),
        ("utf8", "unusable answer"),
        ("empty", "unusable answer"),
        ("429", "HTTP 429"),
        ("503", "HTTP 503"),
    ],
)
async def test_every_fault_is_on_the_account(connect: Connect, ask: Ask, fault: str, name: str) -> None:
    shared = Server(8)
    async with FakeServer() as fake:
        endpoint = connect(fake, places=shared, timeout_s=0.5 if fault == "stall" else 30.0)
        fake.next_faults.append(fault)
        assert (await endpoint.complete(ask())).text
    account = shared.account
    assert (account.faults, account.retries, account.answered) == ({name: 1}, 1, 1)


def test_accounts_of_attempts_add_up() -> None:
    one, two = Account(answered=3, retries=2, paused_s=1.5), Account(answered=4, cuts=1)
    one.faults.update(["HTTP 429", "HTTP 429"])
    two.faults.update(["HTTP 429", "no connection"])
    together = two.plus(one.plus({}))
    assert together["answered"] == 7 and together["retries"] == 2 and together["cuts"] == 1
    assert together["faults"] == {"HTTP 429": 3, "no connection": 1} and together["paused_s"] == 1.5
