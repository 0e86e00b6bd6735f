"""The pages over HTTP: who is let in, what is said, and that nothing a model wrote does anything."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cli_builders import CAST, build_run, one_of_each, opinion, sample, version
from inspector_builders import indexed

from gra.inspector.app import Inspector
from gra.inspector.guard import HEADERS, Guard
from gra.inspector.indexing import Indexer
from gra.records import Comparison, Preference, Sample, Status
from gra.store.rows import Attempt
from gra.store.run_dir import open_run
from gra.store.verdicts import verdicts
from gra.store.writer import Writer

Client = TestClient[Any, Any]
SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}'
EVIL = f"{SCRIPT} \x1b[31mred\x07 \u202eesrever\u2066 \ud800 " + "A" * 1_000_000 + " end"
PAGES = (
    "/1/overview",
    "/1/samples",
    "/1/samples?q=two&sort=best&status=accepted",
    "/1/samples/r01-00000",
    "/1/samples/r01-00001",
    "/1/samples/r01-00002",
    "/1/samples/r01-00006",
    "/1/samples/r01-00007",
    "/1/samples/r01-00000/calls/0",
    "/1/samples/r01-00000/calls/1",
    "/1/samples/r01-00000/calls/2",
    "/1/reviewers",
    "/1/data",
    "/1/data?colour=score",
    "/compare",
)


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


async def built(folder: Path, samples: list[Sample], **changes: Any) -> Path:
    """A run; it is written in an event loop of its own."""
    return await asyncio.to_thread(build_run, folder, samples, **changes)


async def client_of(*indexers: Indexer) -> Client:
    guard = Guard(0, "secret")
    client = TestClient(TestServer(Inspector(indexers, guard).app))
    await client.start_server()
    object.__setattr__(guard, "port", client.port)
    client.session.cookie_jar.update_cookies({guard.cookie: guard.token})
    return client


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    with indexed(await built(tmp_path, one_of_each()), tmp_path / "index.sqlite") as indexer:
        client = await client_of(indexer, indexer)
        yield client
        await client.close()


async def text_of(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        assert answer.status == status, path
        return str(await answer.text())


# --- who is let in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/1/overview", "/1/samples", "/1/reviewers", "/1/data", "/compare"])
async def test_a_page_is_there_before_anything_is_indexed(tmp_path: Path, path: str) -> None:
    indexer = Indexer(open_run(await built(tmp_path, one_of_each())), tmp_path / "index.sqlite")
    client = await client_of(indexer, indexer)
    await text_of(client, path)
    await client.close()
    indexer.close()


@pytest.mark.parametrize("path", [*PAGES, "/static/style.css", "/1/state.json", "/nothing", "/1/samples/r9"])
async def test_every_answer_forbids_what_is_not_ours(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_without_the_secret_nobody_is_let_in(client: Client) -> None:
    client.session.cookie_jar.clear()
    for path in ("/", "/1/overview", "/1/samples.json", "/static/style.css", "/1/overview?token=wrong"):
        assert "Open the address that" in await text_of(client, path, 403)


async def test_the_address_with_the_secret_becomes_a_cookie(client: Client) -> None:
    client.session.cookie_jar.clear()
    async with client.get("/1/samples?token=secret&q=two", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/1/samples?q=two")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and f"gra_view_{client.port}=secret" in cookie


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:{port}.evil.example", ""]
)
async def test_another_host_is_refused_also_with_the_secret(client: Client, host: str) -> None:
    for path in ("/1/overview", "/1/overview?token=secret"):
        async with client.get(path, headers={"Host": host.format(port=client.port)}) as answer:
            assert answer.status == 403
            assert "Set-Cookie" not in answer.headers
            assert "not the host" in await answer.text()


# --- verdicts ---------------------------------------------------------------------------------------------------------


async def form_of(client: Client, id: str) -> dict[str, str]:
    found = re.search(r'name="form_token" value="(\w+)"', await text_of(client, f"/1/samples/{id}"))
    assert found
    return {"form_token": found.group(1)}


async def judge(client: Client, id: str, verdict: str, note: str = "", **headers: str) -> int:
    form = {**await form_of(client, id), "verdict": verdict, "note": note}
    path = f"/1/samples/{id}/verdict?status=accepted"
    async with client.post(path, data=form, headers=headers, allow_redirects=False) as answer:
        return int(answer.status)


async def test_a_person_judges_takes_back_and_finds_it_again(client: Client, tmp_path: Path) -> None:
    run = open_run(tmp_path / "run")
    assert await judge(client, "r01-00000", "reject", f"wrong {SCRIPT}") == 303
    assert await judge(client, "r01-00004", "accept") == 303
    assert {id: v.accept for id, v in verdicts(run).items()} == {"r01-00000": False, "r01-00004": True}
    page = await text_of(client, "/1/samples/r01-00000")
    assert "you reject" in page and "wrong" in page and "<script>alert" not in page
    listed = json.loads(await text_of(client, "/1/samples.json?person=rejected"))
    assert [row["id"] for row in listed["rows"]] == ["r01-00000"]
    told = json.loads(await text_of(client, "/1/reviewers.json"))
    assert told["person_and_result"]["n"] == 2 and told["person_and_result"]["agreement"] == 0.0
    assert await judge(client, "r01-00000", "withdraw") == 303
    assert list(verdicts(run)) == ["r01-00004"]


async def test_where_who_has_no_say_is_shown(client: Client) -> None:
    page = await text_of(client, "/1/reviewers")
    assert page.count("no say in") == 2
    assert re.search(r"no say in (<[^>]*>)*Coding", page)


async def test_a_person_is_one_more_reviewer(tmp_path: Path) -> None:
    votes = {"one": True, "two": False}
    split = replace(version(), verdict=replace(version().verdict or sample(0).verdict, votes=votes))  # type: ignore[type-var]
    samples = [sample(n, versions=(split,)) for n in range(3)]
    with indexed(await built(tmp_path, samples), tmp_path / "index.sqlite") as indexer:
        client = await client_of(indexer)
        for id, said in (("r01-00000", "accept"), ("r01-00001", "reject"), ("r01-00002", "reject")):
            assert await judge(client, id, said) == 303
        told = json.loads(await text_of(client, "/1/reviewers.json"))
        rows = {row["b"]: (row["both_yes"], row["only_a"], row["only_b"], row["both_no"]) for row in told["person"]}
        assert rows == {"one": (1, 0, 2, 0), "two": (0, 1, 0, 2)}
        assert told["apart_ids"] == {"one": ["r01-00001", "r01-00002"], "two": ["r01-00000"]}
        assert "You and" in await text_of(client, "/1/reviewers")
        await client.close()


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
async def test_a_form_of_somebody_elses_page_does_nothing(
    client: Client, tmp_path: Path, headers: dict[str, str]
) -> None:
    assert await judge(client, "r01-00000", "reject", **headers) == 403
    assert verdicts(open_run(tmp_path / "run")) == {}


async def test_a_form_needs_its_own_secret_and_a_verdict(client: Client, tmp_path: Path) -> None:
    async with client.post("/1/samples/r01-00000/verdict", data={"verdict": "accept"}) as answer:
        assert answer.status == 403
    assert await judge(client, "r01-00000", "perhaps") == 400
    form = {**await form_of(client, "r01-00000"), "verdict": "accept"}
    for path in ("/1/samples/r01-99999/verdict", "/9/samples/r01-00000/verdict"):
        async with client.post(path, data=form) as answer:
            assert answer.status == 404
    async with client.post("/1/samples/r01-00000/verdict", data={**form, "note": "x" * 100_000}) as answer:
        assert answer.status == 413
        assert "too long for a note" in await answer.text()
    assert verdicts(open_run(tmp_path / "run")) == {}


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_and_its_twin_are_there(client: Client, path: str) -> None:
    page = await text_of(client, path)
    elements = Elements(page).found
    twin = next(a["href"] for tag, a in elements if tag == "link" and a.get("type") == "application/json")
    place, _, query = path.partition("?")
    assert twin == f"{place}.json" + (f"?{query}" if query else "")
    text = await text_of(client, str(twin))
    assert text.isascii() and json.loads(text)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_well_made(client: Client, path: str) -> None:
    page = await text_of(client, path)
    elements = Elements(page).found
    tags = [tag for tag, _ in elements]
    assert tags.count("h1") == tags.count("main") == page.partition("</head>")[0].count("<title>") == 1
    assert ("html", {"lang": "en"}) in elements
    labelled = {a.get("for") for tag, a in elements if tag == "label"}
    for tag, attributes in elements:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes), attributes
        for name in ("src", "href", "action"):
            assert str(attributes.get(name, "/")).startswith(("/", "#")), attributes
            assert not str(attributes.get(name, "")).startswith("//"), attributes
        if tag in ("input", "select", "textarea") and attributes.get("type") not in ("hidden", "checkbox"):
            assert attributes.get("id") in labelled, attributes
        if tag == "th":
            assert attributes.get("scope") in ("col", "row")
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(str(attributes.get(name) or "").split()) <= set(ids), attributes


MISSING = ("/3/overview", "/0/overview", "/1/samples/r77-00000", "/1/samples/r01-00000/calls/99", "/else",
           "/1/samples/r01-00000/text/secret", "/static/app.py", "/static/..%2fapp.py")  # fmt: skip


@pytest.mark.parametrize("path", MISSING)
async def test_what_is_not_there_is_said(client: Client, path: str) -> None:
    assert "<h1>Not there</h1>" in await text_of(client, path, 404)


async def test_what_cannot_be_understood_is_said(client: Client) -> None:
    for path in ("/1/samples?sort=magic", "/1/samples?least=much", "/1/data?colour=pink"):
        assert "there are:" in await text_of(client, path, 400) or "a number is needed" in await text_of(
            client, path, 400
        )
    assert "magic" in json.loads(await text_of(client, "/1/samples.json?sort=magic", 400))["error"]


async def test_two_runs_are_compared(tmp_path: Path) -> None:
    a = await built(tmp_path / "a", one_of_each())
    b = await built(tmp_path / "b", [sample(0), sample(50)], target=9)
    with indexed(a, tmp_path / "a.sqlite") as first, indexed(b, tmp_path / "b.sqlite") as second:
        client = await client_of(first, second)
        told = json.loads(await text_of(client, "/compare.json?a=1&b=2"))
        assert (told["common"], told["only"][1]) == (1, {"count": 1, "ids": ["r01-00050"]})
        assert told["config"]["target"] == [3, 9]
        back = json.loads(await text_of(client, "/compare.json?a=2&b=1"))
        assert (back["config"]["target"], back["runs"][0]["number"]) == ([9, 3], 2)
        async with client.get("/", allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/compare"
        await client.close()


# --- what models wrote does nothing -----------------------------------------------------------------------------------


@pytest.fixture
async def evil(tmp_path: Path) -> AsyncIterator[Client]:
    """A run in which every text wants to do harm."""
    said = tuple(replace(opinion(model), comment=EVIL) for model in ("one", "two"))
    bad = replace(version(response=EVIL), opinions=said)
    versions = (bad, replace(bad, number=1, response=EVIL + "."))
    samples = [
        sample(
            0, instruction=EVIL, keywords=(EVIL, SCRIPT), reason=EVIL, summary=EVIL, versions=versions, domain=SCRIPT
        ),
        sample(1, Status.DUPLICATE, duplicate_of="r01-00000", similarity=0.9, cast=replace(CAST, generator=SCRIPT)),
        sample(2, notes={SCRIPT: SCRIPT}, source=SCRIPT),
    ]
    with indexed(await built(tmp_path / SCRIPT.replace("/", ""), samples), tmp_path / "index.sqlite") as indexer:
        client = await client_of(indexer, indexer)
        yield client
        await client.close()


EVIL_PAGES = ("/1/overview", "/1/samples", "/1/samples/r01-00000", "/1/samples/r01-00001", "/1/samples/r01-00002",
              "/1/reviewers", "/1/data", "/compare", "/1/samples?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
              "/1/samples/%22%3E%3Cscript%3E", "/1/samples?sort=%3Cscript%3E", "/1/samples?yes=%3Cscript%3E&no=x",
              "/1/samples/r01-00000/calls/0")  # fmt: skip


async def test_hostile_text_is_inert(evil: Client) -> None:
    for path in EVIL_PAGES:
        await no_harm(evil, path)


async def no_harm(evil: Client, path: str) -> None:
    async with evil.get(path) as answer:
        page = await answer.text()
        assert answer.content_type == "text/html"
    elements = Elements(page).found
    scripts = [attributes for tag, attributes in elements if tag == "script"]
    assert scripts == [{"src": "/static/view.js", "defer": None}]
    assert not [tag for tag, _ in elements if tag in ("img", "iframe", "object", "embed")]
    assert not [a for _, a in elements for name in a if name.startswith("on")]
    assert not {"\x1b", "\x07", "\u202e", "\u2066", "\ud800"} & set(page)
    assert len(page) < 400_000


async def test_a_long_text_is_cut_and_its_whole_is_plain_text(evil: Client) -> None:
    page = await text_of(evil, "/1/samples/r01-00000")
    wholes = re.findall(r'href="(/1/samples/r01-00000/text/[^"]+)"', page)
    assert {path.rsplit("/", 1)[1] for path in wholes} >= {"instruction", "response.0", "response.1", "comment.0.one"}
    for path in wholes:
        async with evil.get(path) as answer:
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert len(await answer.text()) > 1_000_000


async def test_json_holds_what_was_written_and_is_strict(evil: Client) -> None:
    text = await text_of(evil, "/1/samples/r01-00000.json")
    assert text.isascii()
    assert json.loads(text)["instruction"] == EVIL.replace("\ud800", "\ufffd")


# --- what a run took --------------------------------------------------------------------------------------------------


async def test_energy_is_told_and_called_what_it_is(tmp_path: Path) -> None:
    folder = await built(tmp_path, [sample(0)])
    async with Writer(open_run(folder)) as writer:
        await writer.put_attempt(Attempt(1, "2026-11-26T00:00:00", 9.0, {"package-0": 3.6e4}, {"one": 3.6e3}))
    with indexed(folder, tmp_path / "index.sqlite") as indexer:
        client = await client_of(indexer, indexer)
        page = await text_of(client, "/1/overview")
        assert "11.0 Wh" in page and "1.0 of it estimated" in page
        assert "Energy, Wh" in await text_of(client, "/compare")
        await client.close()


async def test_a_revision_is_shown_beside_what_it_was_to_replace(tmp_path: Path) -> None:
    said = (Preference("one", 1.0, -0.5, 0.1), Preference("two", 0.0, failure=SCRIPT))
    lost = replace(version(1, response="Five."), opinions=(), verdict=None, comparison=Comparison(0, said, -0.5, False))
    folder = await built(tmp_path, [sample(0, versions=(version(outcome="reject"), lost))])
    with indexed(folder, tmp_path / "index.sqlite") as indexer:
        client = await client_of(indexer)
        page = await text_of(client, "/1/samples/r01-00000")
        assert "Side by side with version 0" in page and "Not preferred" in page and "\u22120.50" in page
        assert "<script>alert" not in page
        await client.close()
