"""What `import gra` gives: these names and no others, and none of the work before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gra

PUBLIC = ["Report", "Run", "RunConfig", "Sample", "Status", "errors", "events", "load", "resume", "run"]
OF_A_RUN = [
    "accepted",
    "close",
    "complete",
    "config",
    "export",
    "export_folder",
    "folder",
    "pool",
    "report",
    "reviewers",
    "samples",
    "statement",
    "verdicts",
    "write_report",
]


def test_these_names_are_public() -> None:
    assert gra.__all__ == PUBLIC == sorted(PUBLIC)
    assert set(PUBLIC) <= set(dir(gra))
    for name in PUBLIC:
        assert getattr(gra, name) is not None
    assert gra.run.__module__ == "gra.api.start"
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        gra.walk  # noqa: B018


def test_a_run_has_these_and_no_others() -> None:
    assert sorted(name for name in dir(gra.Run) if not name.startswith("_")) == OF_A_RUN


def test_every_public_thing_says_what_it_is() -> None:
    for thing in [*(getattr(gra, name) for name in PUBLIC), *(getattr(gra.Run, name) for name in OF_A_RUN)]:
        assert thing.__doc__, thing


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, gra; print([m for m in sys.modules if m.startswith('gra.') or m in ('asyncio', 'pydantic')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
