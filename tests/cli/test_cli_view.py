"""`gra view` as a person starts and ends it; the pages themselves are in tests/inspector."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from cli_builders import build_run, one_of_each

CODE = "import sys; from gra.cli.app import main; sys.argv[0] = 'gra'; main()"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return build_run(tmp_path, one_of_each())


@contextmanager
def started(home: Path, *words: object, code: str = CODE) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "GRA_HOME": str(home)}
    command = [sys.executable, "-c", code, "view", *map(str, words)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def failed(home: Path, *words: object, code: str = CODE) -> tuple[int, str]:
    with started(home, *words, code=code) as program:
        _, told = program.communicate(timeout=60)
        return program.returncode, told


def test_it_prints_its_address_serves_and_ends_with_ctrl_c(run: Path, tmp_path: Path) -> None:
    with started(tmp_path / "home", run, "--no-browser") as program:
        assert program.stdout
        address = program.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
        with build_opener(HTTPCookieProcessor()).open(address) as answer:
            assert b"<h1>Overview</h1>" in answer.read()
        program.send_signal(signal.SIGINT)
        printed, told = program.communicate(timeout=60)
        assert (program.returncode, printed) == (0, "")
    assert told.splitlines() == [f"Looking at {run}", "Ctrl-C ends it.", "", "The page is closed."]
    assert not (run / "verdicts.jsonl").exists()


def test_sigterm_ends_it_as_it_ends_every_command(run: Path, tmp_path: Path) -> None:
    with started(tmp_path / "home", run, "--no-browser") as program:
        assert program.stdout and program.stdout.readline()
        program.terminate()
        assert program.wait(60) == 143


def test_without_a_name_it_takes_the_run_that_was_last_written_to(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = build_run(tmp_path / "older", one_of_each())
    for path in older.rglob("*"):
        os.utime(path, (1, 1))
    monkeypatch.chdir(tmp_path)
    with started(tmp_path / "home", "--no-browser") as program:
        assert program.stdout and program.stderr
        program.stdout.readline()
        assert program.stderr.readline() == "Looking at run\n"


def test_what_stands_in_the_way_is_said(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    code, told = failed(home, tmp_path / "nothing")
    assert (code, "is not a run folder" in told) == (5, True)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    code, told = failed(home)
    assert (code, told) == (5, "gra: there is no run in this folder or below it. Name one: gra view RUN\n")
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, told = failed(home, run, "--port", other.getsockname()[1])
    assert code == 1
    assert "cannot be had: Address already in use. Name another with --port" in told


def test_without_its_extra_it_names_that(run: Path, tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['jinja2'] = None; " + CODE
    code, told = failed(tmp_path / "home", run, "--no-browser", code=hidden)
    assert (code, told.splitlines()[0]) == (4, 'gra: `gra view` needs the `inspect` extra, which is not installed. '
            'Install it with: pip install "gra-synth[inspect]" (in a clone: pip install -e ".[inspect]")')  # fmt: skip
    assert "Traceback" not in told


def test_a_browser_is_opened_where_there_is_one(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = tmp_path / "opened"
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    with started(tmp_path / "home", run) as view:
        assert view.stdout
        address = view.stdout.readline()
        while not opened.exists():
            time.sleep(0.05)
    assert opened.read_text() == address
