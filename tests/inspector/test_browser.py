"""The pages in a real browser: Chromium, without a screen. Skipped where there is none; CHROMIUM names another.

`gra view` runs as a program of its own, as it does for a person.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli_builders import HOSTILE, build_run, one_of_each, opinion, sample, verdict, version

from gra.records import Sample, Status
from gra.store.run_dir import open_run
from gra.store.verdicts import verdicts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here (Debian: apt install chromium)")
pytest.importorskip("playwright", reason="Playwright is not installed (extra `dev`)")

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
HARM = "<script>window.harm = 1</script><img src=x onerror='window.harm = 1'><a href='javascript:alert(1)'>x</a>"
LONG = "A" * 300 + " " + "\u0430\u0327\u0301" * 200
PAGES = ("overview", "samples", "samples?stance=split", "samples/r01-00000", "samples/r01-00001", "samples/r01-00002",
         "samples/r01-00006", "samples/r01-00000/calls/1", "reviewers", "data", "data?colour=score")  # fmt: skip


def built(folder: Path, samples: list[Sample], **changes: Any) -> Path:
    """A run, made in a thread: Playwright's own event loop has this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(build_run, folder, samples, **changes).result()


@contextmanager
def viewing(*folders: Path) -> Iterator[str]:
    """The address that `gra view` prints."""
    gra = Path(sys.executable).with_name("gra")
    command = [str(gra), "view", *map(str, folders), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout and program.stderr
        try:
            yield program.stdout.readline().strip()
        finally:
            program.send_signal(signal.SIGINT)
            assert program.wait(20) == 0, program.stderr.read()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a sample of each kind, some of them hostile."""
    torn = replace(verdict("dispute"), votes={"one": True, "two": False})
    said = (opinion("one", comment=HARM + HOSTILE), opinion("two", comment="It leaves out why."))
    bad = replace(version(response=HARM + LONG), opinions=said, verdict=torn)
    first, second, third, *others = one_of_each()
    hostile = replace(first, instruction=HARM + HOSTILE + LONG, keywords=(HARM, LONG), domain=HARM, versions=(bad, bad))
    folder = tmp_path_factory.mktemp("viewed") / HARM.replace("/", "")[:80]
    return built(folder, [hostile, second, third, *others])


@pytest.fixture(scope="module")
def address(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = os.environ.get("GRA_HOME")
    os.environ["GRA_HOME"] = str(tmp_path_factory.mktemp("home"))
    try:
        with viewing(run, run) as told:
            yield told
    finally:
        os.environ.pop("GRA_HOME") if home is None else os.environ.update(GRA_HOME=home)


Open = Callable[..., "Page"]


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens a page as somebody who has come by the printed address; what goes wrong in it fails the test."""
    origin, wrong = address.split("/?")[0], list[str]()
    contexts = []

    def open_(path: str, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("request", lambda r: None if r.url.startswith(origin) else wrong.append(f"asked {r.url}"))
        page.goto(address)
        page.goto(f"{origin}/{path}")
        page.wait_for_function("!document.querySelector('#notices .notice')") if path != "compare" else None
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


def no_harm(page: Page) -> None:
    assert page.evaluate("window.harm") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_inert(open_page: Open, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page("1/overview", color_scheme=scheme)
    origin = page.url.split("/1/")[0]
    for path in (*(f"1/{path}" for path in PAGES), "compare"):
        page.goto(f"{origin}/{path}")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
        problems = [(v["id"], [node["html"][:200] for node in v["nodes"]][:3]) for v in found.response["violations"]]
        assert problems == [], path
        no_harm(page)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_is_wider_than_its_window(open_page: Open, width: int) -> None:
    page = open_page("1/overview", viewport={"width": width, "height": 740})
    origin = page.url.split("/1/")[0]
    for path in (*(f"1/{path}" for path in PAGES), "compare"):
        page.goto(f"{origin}/{path}")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width, path


def test_the_list_is_walked_with_keys(open_page: Open) -> None:
    page = open_page("1/samples")
    focused = "document.activeElement.querySelector('.id')?.innerText"
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(focused) == "r01-00001"
    page.keyboard.press("k")
    assert page.evaluate(focused) == "r01-00000"
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/samples/r01-00001")
    page.keyboard.press("j")
    page.wait_for_url("**/samples/r01-00002")
    page.keyboard.press("k")
    page.wait_for_url("**/samples/r01-00001")
    page.keyboard.press("u")
    page.wait_for_url("**/samples")


def test_a_search_begins_with_a_slash_and_keeps_its_place(open_page: Open) -> None:
    page = open_page("1/samples")
    page.keyboard.press("/")
    page.keyboard.type("10 plus j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/samples?q=10*")
    assert "No sample is like that" in page.inner_text("main")
    page.fill("#q", "plus")
    page.keyboard.press("Enter")
    page.wait_for_url("**/samples?q=plus*")
    page.click("text=r01-00004")
    page.wait_for_url("**/samples/r01-00004?q=plus")
    page.keyboard.press("u")
    page.wait_for_url("**/samples?q=plus")


def test_single_keys_can_be_turned_off(open_page: Open) -> None:
    page = open_page("1/samples")
    page.click("text=Keyboard")
    page.click("text=Single keys do something")
    page.reload()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement === document.body")


def test_what_has_the_focus_can_be_seen(open_page: Open) -> None:
    page = open_page("1/samples")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(12):
        style = page.evaluate("(s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(document.activeElement))")
        assert style[0] != "none" and style[1] != "0px", page.evaluate("document.activeElement.outerHTML")
        page.keyboard.press("Tab")


@pytest.mark.parametrize("script", [True, False])
def test_a_person_judges_with_and_without_a_script(open_page: Open, run: Path, script: bool) -> None:
    page = open_page("1/samples", java_script_enabled=script) if script else no_script(open_page, "1/samples")
    page.click("text=r01-00004")
    page.fill("#note", f"the answer is <b>right</b> {script}")
    page.click("button[value=accept]")
    page.wait_for_selector("text=you accept")
    assert verdicts(open_run(run))["r01-00004"].note == f"the answer is <b>right</b> {script}"
    assert page.input_value("#note") == f"the answer is <b>right</b> {script}"
    page.click("button[value=withdraw]")
    page.wait_for_selector("text=you accept", state="detached")
    assert "r01-00004" not in verdicts(open_run(run))


def no_script(open_page: Open, path: str) -> Page:
    """A page without scripts, which `open_page` cannot wait for."""
    first = open_page(path)
    context = first.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    context.add_cookies(first.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(first.url)
    return page


def test_filters_work_without_a_script(open_page: Open) -> None:
    page = no_script(open_page, "1/samples")
    page.click("summary:has-text('Filters')")
    page.select_option("#f-status", "duplicate")
    page.click("button:has-text('Show')")
    assert page.locator(".row .id").all_inner_texts() == ["r01-00006"]
    page.context.close()


def test_what_cannot_be_seen_is_shown_and_direction_is_contained(open_page: Open) -> None:
    page = open_page("1/samples/r01-00002")
    prose = page.locator(".step > .prose").first
    assert prose.get_attribute("dir") == "auto"
    assert "RLO" in prose.inner_text() and "\u241b" in prose.inner_text()
    assert "\u202e" not in page.content()


def test_a_page_follows_a_run_at_work(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRA_HOME", str(tmp_path / "home"))
    folder = built(tmp_path, [sample(0, Status.PASSED)], closed=False)
    with viewing(folder) as address:
        context = browser.new_context(reduced_motion="reduce")
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".headline")
        page.evaluate("window.stayed = 1")
        holder = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE)
        assert holder.stdin
        try:
            page.wait_for_selector("text=at work", timeout=30_000)
            page.wait_for_selector("text=and 2 passed", timeout=30_000)
            assert page.evaluate("getComputedStyle(document.querySelector('.dot')).animationName") == "none"
        finally:
            holder.communicate(b"\n")
        assert page.evaluate("window.stayed") == 1, "the page was loaded anew"
        context.close()


HOLD = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.writer import Writer

async def main():
    run = open_run(Path(sys.argv[1]))
    with Reader(run) as reader:
        first = reader.sample("r01-00000")
    async with Writer(run) as writer:
        await writer.put_sample(replace(first, id="r01-00001", index=1))
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""
