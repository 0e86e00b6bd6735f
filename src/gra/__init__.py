"""Training data from several small language models that review each other.

    run = gra.run("my.yaml")
    for sample in run.accepted:
        print(sample.instruction, sample.response)

Nothing is imported before it is used, so `import gra` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gra import errors, events
    from gra.api import Run, load, resume, run
    from gra.config.load import RunConfig
    from gra.records import Sample, Status
    from gra.report.survey import Report

__all__ = ["Report", "Run", "RunConfig", "Sample", "Status", "errors", "events", "load", "resume", "run"]

_PLACES = {
    "Report": "gra.report.survey",
    "Run": "gra.api",
    "RunConfig": "gra.config.load",
    "Sample": "gra.records",
    "Status": "gra.records",
    "load": "gra.api",
    "resume": "gra.api",
    "run": "gra.api",
}


def __getattr__(name: str) -> Any:
    """What is public, from where it is defined."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    if name in __all__:
        return import_module(f"gra.{name}")
    raise AttributeError(f"module 'gra' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
