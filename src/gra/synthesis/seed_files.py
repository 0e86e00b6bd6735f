"""Finds the files that hold the seeds, and the records in them, whatever they are kept in.

A path may be a file, a folder of files, a snapshot from the Hugging Face hub, or a folder that `datasets` saved. What
a file is, is told from its content. Knows nothing of what a record says.
"""

from __future__ import annotations

import csv
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gra.errors import SeedError
from gra.synthesis.seed_forms import Unfit
from gra.synthesis.seed_tables import KINDS as TABLES
from gra.synthesis.seed_tables import read_table
from gra.synthesis.seed_text import KINDS, TORN, IsRecord, Record, read_text

MAX_BYTES = 4 * 2**30
"""Largest size of all files together, as they lie on the disk."""

DATA = re.compile(r"[^.].*\.(parquet|arrow|((jsonl|ndjson|json|csv|tsv)(\.gz)?))", re.IGNORECASE)
NO_DATA = frozenset({"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json"})
SPLIT = re.compile(r"(?<![a-z])(train|test|validation|valid|val|dev|eval)(?![a-z])")
BROKEN = (OSError, EOFError, ValueError, zlib.error, csv.Error)
"""What a damaged file raises while it is read; `pyarrow.ArrowInvalid` and `UnicodeError` are `ValueError`s."""


class Found(NamedTuple):
    """The files that hold the seeds."""

    paths: Sequence[Path]
    remark: str = ""
    """What was left out, in words."""


@dataclass(frozen=True, slots=True)
class SeedFile:
    """One file of records."""

    kind: str
    """In words, for example `JSONL, gzip`."""
    records: Iterator[Record]


def find_files(path: Path) -> Found:
    """The files that hold the seeds, in a fixed order.

    Raises:
        SeedError: there are none, they are too large, or one has to choose.
    """
    try:
        found = _files(path)
        size = sum(file.stat().st_size for file in found.paths)
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        raise SeedError(f"{path}: the seeds cannot be read ({error}).") from None
    if size > MAX_BYTES:
        raise SeedError(f"{path}: over {MAX_BYTES // 2**30} GB. Give a part of it; a few thousand seeds do well.")
    return found


def open_file(path: Path, is_record: IsRecord) -> SeedFile:
    """A file's kind and its records; `is_record` tells an object around a list of them from one of them.

    Raises:
        SeedError: it cannot be read, or is of no kind that can.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
        table = next((kind for mark, kind in TABLES.items() if head.startswith(mark)), None)
        if table:
            return SeedFile(table, _to_the_break(read_table(path)))
        if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
            raise SeedError(f"{path}: this is a zip file or a workbook. Unpack it, or save the sheet as CSV in UTF-8.")
        kind, records = read_text(path, is_record)
        return SeedFile(kind, _to_the_break(records))
    except BROKEN as error:
        raise SeedError(f"{path}: the seed file cannot be read ({error}).") from None


def _to_the_break(records: Iterator[Record]) -> Iterator[Record]:
    """The records up to where the file is damaged, and that it is."""
    number = 0
    try:
        for record in records:
            number += 1
            yield record
    except BROKEN as error:
        yield f"after {number} records", Unfit("torn", f"the file is damaged ({error}); {TORN}")


def _files(path: Path) -> Found:
    if path.is_file():
        return Found([path])
    if not path.exists():
        raise SeedError(f"{path}: there is no such seed file. Set `seeds` to a file or folder of {KINDS}.")
    if not path.is_dir():
        raise SeedError(f"{path}: the seeds cannot be read from this; give a file or a folder.")
    if (path / "state.json").is_file():
        return Found(_saved(path))
    splits = {state.parent.name: state.parent for state in sorted(path.glob("*/state.json"))}
    if splits:
        name, remark = _one_split(path, splits)
        return Found(_saved(splits[name]), remark)
    return _plain(path)


def _saved(folder: Path) -> list[Path]:
    """The files of one split as `save_to_disk` wrote it; caches of later work may lie beside them."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return [folder / Path(file["filename"]).name for file in state["_data_files"]]
    except (ValueError, RecursionError, LookupError, TypeError):
        raise SeedError(f"{folder}: its state.json is not as `save_to_disk` writes it. Save the data again.") from None


def _plain(folder: Path) -> Found:
    """Files of a plain folder: those in `data`, as the hub has them, or its own; the training split, if names tell."""
    files = _data_files(folder / "data") or _data_files(folder)
    if not files:
        below = ", ".join(f"`{inner.name}`" for inner in sorted(folder.iterdir()) if _data_files(inner))
        hint = f"Set `path` to one of its folders: {below}." if below else f"Give {KINDS}."
        raise SeedError(f"{folder}: there is no seed file in this folder or its `data`. {hint}")
    splits: dict[str, list[Path]] = {}
    for file in files:
        split = SPLIT.search(file.name.lower())
        splits.setdefault(split[1] if split else "", []).append(file)
    if "" in splits and "train" not in splits:
        left = sorted(splits.keys() - {""})
        return Found(splits[""], f"files named {', '.join(f'`{name}`' for name in left)} were left out" if left else "")
    name, remark = _one_split(folder, splits)
    return Found(splits[name], remark)


def _data_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.iterdir() if DATA.fullmatch(f.name) and f.name not in NO_DATA and f.is_file())


def _one_split(path: Path, splits: Mapping[str, object]) -> tuple[str, str]:
    """The split that seeds are taken from, and a remark if there were others."""
    names = [f"`{name}`" for name in sorted(splits) if name] + ["others"] * ("" in splits)
    if len(splits) == 1:
        return next(iter(splits)), ""
    if "train" in splits:
        return "train", f"of {', '.join(names)} only `train` was read"
    raise SeedError(f"{path}: it has {', '.join(names)}, and none is `train`. Set `path` to the one to use.")
