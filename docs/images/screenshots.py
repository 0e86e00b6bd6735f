"""Takes the pictures of docs/inspector.md: `python docs/images/screenshots.py RUN [RUN] [--out FOLDER]`.

Starts `gra view` on the runs and Debian's Chromium (or the browser that CHROMIUM names) on its pages, light and dark.
Needs the extra `dev`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--sample", help="Id of the sample to show; by default the first that was revised.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    with viewing(arguments.runs) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=DESK, color_scheme=scheme, reduced_motion="reduce")
            page = context.new_page()
            page.goto(address)
            origin = address.split("/?")[0]
            page.goto(f"{origin}/1/overview")
            page.wait_for_selector(".stats")
            take(page, arguments.out / f"overview-{scheme}.png")
            page.goto(f"{origin}/1/samples?stance=disputed")
            take(page, arguments.out / f"samples-{scheme}.png")
            sample = arguments.sample or first(page, f"{origin}/1/samples?stance=revised&sort=disagreement")
            page.goto(f"{origin}/1/samples/{sample}")
            take(page, arguments.out / f"sample-{scheme}.png", full=True)
            page.goto(f"{origin}/1/reviewers")
            take(page, arguments.out / f"reviewers-{scheme}.png", full=True)
            page.goto(f"{origin}/1/data")
            take(page, arguments.out / f"data-{scheme}.png")
            if len(arguments.runs) > 1:
                page.goto(f"{origin}/compare")
                take(page, arguments.out / f"compare-{scheme}.png")
            context.close()
        context = browser.new_context(viewport=PHONE, device_scale_factor=1, reduced_motion="reduce")
        page = context.new_page()
        page.goto(address)
        page.goto(f"{origin}/1/samples/{sample}")
        take(page, arguments.out / "sample-phone.png")
        browser.close()


@contextmanager
def viewing(runs: list[Path]) -> Iterator[str]:
    """The address of an inspector of these runs."""
    gra = Path(sys.executable).with_name("gra")
    command = [str(gra), "view", *map(str, runs), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as inspector:
        assert inspector.stdout
        try:
            yield inspector.stdout.readline().strip()
        finally:
            inspector.terminate()


def chromium() -> str:
    """The browser."""
    named = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not named:
        raise SystemExit("there is no Chromium here; name one with CHROMIUM")
    return named


def first(page: Page, address: str) -> str:
    """Id of the first sample of a list."""
    page.goto(address)
    return page.locator(".row .id").first.inner_text()


def take(page: Page, path: Path, full: bool = False) -> None:
    """A picture of a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=full)


if __name__ == "__main__":
    main()
