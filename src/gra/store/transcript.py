"""A run folder with what a run was told, and nothing of what was made of it: for making it again. Knows no models."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from gra.errors import StoreError
from gra.store.database import connect_reader, connect_writer, sqlite_boundary
from gra.store.run_dir import RunDir, create_run


def transcribe(run: RunDir, folder: Path, facts: Sequence[str]) -> RunDir:
    """Make a folder that has a run's calls and vectors and what they took, and is otherwise at its beginning.

    Args:
        run: only read; it may be at work, and is taken as it is at this moment.
        folder: does not exist yet, or is empty.
        facts: keys of those to keep.

    Raises:
        StoreError: the folder holds something, or cannot be written, or the run cannot be read.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} is there already. Remove it, or name another folder with --out")
    copy = create_run(folder, run.document)
    with (
        sqlite_boundary(run.database),
        closing(connect_reader(run.database)) as source,
        closing(connect_writer(copy.database)) as target,
    ):
        source.backup(target)
        target.execute("BEGIN IMMEDIATE")
        for table in ("samples", "rounds", "pool"):
            target.execute(f"DELETE FROM {table}")  # noqa: S608
        target.execute(f"DELETE FROM facts WHERE key NOT IN ({', '.join('?' * len(facts))})", tuple(facts))  # noqa: S608
        target.execute("COMMIT")
    return copy
