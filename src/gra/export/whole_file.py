"""A file, or a folder of files, that appears complete or not at all. Knows nothing of what is in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gra.errors import StoreError

MANIFEST = "manifest.json"
"""The file of a folder that names all others; what has one, and nothing that it does not name, may be replaced."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write to this; when the block ends well, `path` is the new file, else it is as it was.

    Raises:
        StoreError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise StoreError(f"{path} is a folder. Name a file for the dataset with --out")
        try:
            with draft.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Write files into this; when the block ends well, they are the folder `path`, else it is as it was.

    A folder that is there is replaced if an export wrote all of it. Between the two renames that this takes, a crash
    leaves the old folder beside its place, under a name that ends in `.old`.

    Raises:
        StoreError: the folder holds something else, or cannot be written.
    """
    path = path.resolve()
    draft, old = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    _refuse_foreign(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.mkdir()
            yield draft
            _sync(draft)
            if path.exists():
                path.rename(old)
            try:
                draft.rename(path)
            except OSError:
                with suppress(OSError):
                    old.rename(path)
                raise
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _sync(folder: Path) -> None:
    """Make the files of a folder durable before it gets its name."""
    for path in (*folder.rglob("*"), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _refuse_foreign(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise StoreError(f"{path} is a file. Name a folder for the export with --out")
    there = {file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()}
    if foreign := sorted(there - _ours(path)):
        raise StoreError(
            f"{path} holds what no export wrote: {', '.join(foreign[:3])}. Name another folder with --out, or move that"
        )


def _ours(path: Path) -> set[str]:
    """The files of a folder that its manifest names."""
    try:
        return {MANIFEST, *(str(file["path"]) for file in json.loads((path / MANIFEST).read_bytes())["files"])}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _unwritable(path: Path, error: OSError) -> StoreError:
    reason = error.strerror or error
    return StoreError(f"cannot write {path}: {reason}. Free space, or name another place with --out")
