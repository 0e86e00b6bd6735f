"""Small runs, calls and samples for the store's tests."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gra.calls import CallId, Message, Reply, Request, Sampling, Usage
from gra.records import Cast, Entry, Sample, Status
from gra.store.run_dir import RunDir, create_run

CAST = Cast("writer", ("one", "two"), "judge")


def new_run(folder: Path) -> RunDir:
    return create_run(folder / "run", {"fingerprint": "sha256:f", "config": {"target": 8}})


def request(text: str = "What is 2+2?", model: str = "one") -> Request:
    schema = {"type": "object", "default": None}
    return Request(
        model, (Message("system", "Be brief."), Message("user", text)), Sampling(0.2, 0.9, 64, 7), schema, prompt="p 1"
    )


def reply(text: str = "4", seconds: float = 0.25) -> Reply:
    return Reply(text, labels={"yes": 0.75}, usage=Usage(10, 4, 2), seconds=seconds)


def call(number: int = 0, step: str = "v0.review.response.one") -> CallId:
    return CallId(f"r01-{number:05d}", step, 0)


def sample(index: int, status: Status = Status.ACCEPTED, round_number: int = 1) -> Sample:
    return Sample(f"r{round_number:02d}-{index:05d}", round_number, index, "Math", CAST, status=status, score=7.5)


def entry(id: str, round_number: int = 0) -> Entry:
    return Entry(id, round_number, "Math", ("sum",), "a sum", "What is 2+2?", "4")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only, also for root, whom permissions do not hold back."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    mount("--bind", str(folder), str(folder))
    try:
        mount("-o", "remount,ro,bind", str(folder))
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def mount(*arguments: str) -> None:
    """Mount something, or skip the test where that is not allowed."""
    program = shutil.which("mount")
    if os.geteuid() != 0 or program is None:
        pytest.skip("cannot mount here")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
