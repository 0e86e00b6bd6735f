"""`gra view`: a web page on a run, finished or at work."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import run_folders
from gra.errors import StoreError


def view(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Folder of the run; by default the one that was last written to. Two are compared.",
            autocompletion=run_folders,
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes one that is free.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Look at a run in a browser.

    The page shows every sample as the thread of its review, follows a run that is at work, and takes your own verdicts.
    Only this machine can reach it, and only with the address that is printed. Ctrl-C ends it.
    """
    from gra.cli.console import say
    from gra.cli.signals import Stop, until_stopped
    from gra.inspector.serving import serve

    folders = runs or [_latest()]

    def told(address: str) -> None:
        for folder in folders:
            say(f"Looking at {folder}")
        print(address, flush=True)
        say("Ctrl-C ends it.")
        if browser:
            _open(address)

    try:
        until_stopped(serve(folders, port, told), lambda: None)
    except Stop as stop:
        if stop.number != signal.SIGINT:
            raise
        say("\nThe page is closed.")  # Ctrl-C is how this is meant to end


def _latest() -> Path:
    from gra.report.runs import list_runs

    found = [run.folder for run in list_runs(Path()) if run.state != "broken"]
    if not found:
        raise StoreError("there is no run in this folder or below it. Name one: gra view RUN")
    return found[0]


def _open(address: str) -> None:
    """In a browser, if this machine has a screen for one; such a program may take a while to come up.

    Without a screen Python would find browsers that draw in the terminal, and take it away.
    """
    import os
    import sys
    import threading
    import webbrowser

    if sys.platform == "linux" and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        return
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
