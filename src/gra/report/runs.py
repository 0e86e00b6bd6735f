"""The runs below a folder, each at a glance. One that is broken is named, and hides no other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Any

from gra.errors import GraError, StoreError
from gra.records import Status
from gra.report.opening import reading, state_of

DEPTH = 3
"""Folders below the one that is named in which runs are looked for."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One run at a glance."""

    folder: Path
    state: str
    """As of `Report.state`, or `broken`."""
    accepted: int = 0
    target: int = 0
    models: tuple[str, ...] = ()
    changed: datetime | None = None
    """When something was last written there."""
    bytes: int = 0
    problem: str = ""
    """Why it is broken, in words."""

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        changed = self.changed.isoformat(timespec="seconds") if self.changed else None
        return {**asdict(self), "changed": changed}


def list_runs(folder: Path) -> list[Listed]:
    """The runs in a folder and below it, the one that was written to last first.

    Raises:
        StoreError: there is no such folder, or it cannot be read.
    """
    try:
        found = [_listed(path) for path in sorted(run_folders(folder, DEPTH))]
    except OSError as error:
        raise StoreError(f"cannot look for runs in {folder}: {error.strerror or error}") from None
    return sorted(found, key=lambda run: run.changed.timestamp() if run.changed else 0.0, reverse=True)


def run_folders(folder: Path, depth: int) -> Iterator[Path]:
    """Folders that hold a `run.json`; what lies below one is its own, links are not followed."""
    with os.scandir(folder) as entries:
        inner = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    if any(name == "run.json" for name, _ in inner):
        yield folder
        return
    for name in sorted(name for name, is_folder in inner if is_folder and not name.startswith(".")):
        if depth:
            with suppress(PermissionError):
                yield from run_folders(folder / name, depth - 1)


def _listed(folder: Path) -> Listed:
    changed, size = _files(folder)
    try:
        with reading(folder) as reader:
            config = reader.run.config
            accepted = reader.funnel().by_status.get(Status.ACCEPTED, 0)
            target = int(config["target"])
            models = tuple(str(model["name"]) for model in config["models"])
            return Listed(folder, state_of(reader, accepted, target), accepted, target, models, changed, size)
    except GraError as error:
        problem = str(error)
    except (LookupError, TypeError, ValueError) as error:
        problem = f"its run.json is damaged ({error!r})"
    return Listed(folder, "broken", changed=changed, bytes=size, problem=problem)


def _files(folder: Path) -> tuple[datetime | None, int]:
    """When the last of a run's files was written, and their size in all. They may come and go meanwhile."""
    latest, size = 0.0, 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            status = path.lstat()
            if S_ISREG(status.st_mode):
                latest, size = max(latest, status.st_mtime), size + status.st_size
    return (datetime.fromtimestamp(latest, UTC) if latest else None), size
