"""Opens what is to be looked at: a run's reader, a sample by the beginning of its id, a run's configuration."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gra.errors import ConfigError, StoreError
from gra.records import Sample

if TYPE_CHECKING:
    from gra.config.load import RunConfig
    from gra.store.reader import Reader
    from gra.store.run_dir import RunDir

NAMED = 5
"""Ids named where a beginning fits several samples."""


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    """A reader of the run in a folder.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    from gra.store.reader import Reader
    from gra.store.run_dir import open_run

    with Reader(open_run(folder)) as reader:
        yield reader


def closed_rounds(folder: Path) -> dict[int, int]:
    """Accepted samples by round, of the rounds that are closed; none where there is no run yet."""
    if not (folder / "run.json").exists():
        return {}
    with reading(folder) as reader:
        return {round.number: round.accepted for round in reader.rounds() if round.state == "closed"}


def config_of(run: RunDir, overrides: Mapping[str, object] | None = None) -> RunConfig:
    """The configuration that a run was started with, with values laid over it.

    Raises:
        ConfigError: the overrides do not fit it.
        StoreError: `run.json` was changed so that it is none any more.
    """
    from gra.config.load import NO_OVERRIDES, resolved_config

    try:
        return resolved_config(run.config, str(run.path / "run.json"), overrides or NO_OVERRIDES)
    except ConfigError as error:
        if overrides:
            raise
        raise StoreError(f"{error}\nRestore it from a copy, or start again with `gra run` and another --out") from None


def find_sample(reader: Reader, beginning: str) -> Sample:
    """The one sample whose id begins so.

    Raises:
        StoreError: no sample has, or several have; some are named.
    """
    sample = reader.sample(beginning)
    if sample is not None:
        return sample
    found = reader.ids(beginning, NAMED + 1) if beginning else []
    if len(found) == 1 and (sample := reader.sample(found[0])) is not None:
        return sample
    folder = reader.run.path
    if found:
        more = " and more" if len(found) > NAMED else ""
        raise StoreError(f"several samples begin with `{beginning}`: {', '.join(found[:NAMED])}{more}")
    if reader.calls_of(beginning):
        raise StoreError(f"{beginning} has not ended yet; it is stored when it has")
    raise StoreError(f"no sample of {folder} begins with `{beginning}`. `gra show {folder}` lists them")


def state_of(reader: Reader, accepted: int, target: int) -> str:
    """`complete`, `working` (a process has it open) or `unfinished`."""
    if accepted >= target or reader.used_up():
        return "complete"
    return "working" if being_worked_on(reader.run.path) else "unfinished"


def being_worked_on(folder: Path) -> bool:
    """Whether a process holds the run's lock at this moment."""
    try:
        handle = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)
    return False
