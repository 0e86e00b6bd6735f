"""Takes the pictures of docs/inspector.md: `python docs/images/screenshots.py RUN [LARGE_RUN] [--out FOLDER]`.

Starts `gra view` on the runs and Chromium (Debian's, or what CHROMIUM names) on its pages, light and dark. Overview and
data are those of the last run, the other pages are of the first. Needs the extra `dev`; with Debian's `pngquant` the
pictures are a third as large.
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

from playwright.sync_api import Page, ViewportSize, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]
DESK: ViewportSize = {"width": 1200, "height": 760}
TALL: ViewportSize = {"width": 1200, "height": 1560}
PHONE: ViewportSize = {"width": 390, "height": 844}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--sample", help="Id of the sample to show; by default the first that was revised.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    out: Path = arguments.out
    last = len(arguments.runs)
    with viewing(arguments.runs) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        origin = address.split("/?")[0]
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport=DESK, color_scheme=scheme, reduced_motion="reduce")
            page.goto(address)
            sample = arguments.sample or first(page, f"{origin}/1/samples?stance=revised&sort=disagreement")
            for name, path, size in (
                ("overview", f"{last}/overview", DESK),
                ("samples", "1/samples?sort=disagreement", DESK),
                ("sample", f"1/samples/{sample}", TALL),
                ("reviewers", "1/reviewers", DESK),
                ("data", f"{last}/data", DESK),
                ("compare", "compare", DESK),
            ):
                take(page, f"{origin}/{path}", size, out / f"{name}-{scheme}.png")
            page.close()
        page = browser.new_page(viewport=PHONE, reduced_motion="reduce")
        page.goto(address)
        take(page, f"{origin}/1/samples/{sample}", PHONE, out / "sample-phone.png")
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


def take(page: Page, address: str, size: ViewportSize, path: Path) -> None:
    """A picture of a page, once all of the run has been read."""
    page.set_viewport_size(size)
    page.goto(address)
    while page.locator("#notices .notice").count():
        page.reload()
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
    if smaller := shutil.which("pngquant"):
        subprocess.run([smaller, "--force", "--skip-if-larger", "--ext", ".png", "128", str(path)], check=False)


if __name__ == "__main__":
    main()
