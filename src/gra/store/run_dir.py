"""The run folder: its files, what makes a folder a run, and which run it is. Knows no tables.

run.json      which run this is; written last when a folder is made, so a folder with it is complete
run.sqlite    everything that happened (`writer`, `reader`)
lock          held by the process at work
logs/         one log per attempt
export/       datasets and their papers
verdicts      .jsonl: what people say of samples (`verdicts`)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gra.errors import StoreError
from gra.store.atomic import sync_folder, write_atomically
from gra.store.database import connect_writer, create_database, sqlite_boundary
from gra.store.lock import exclusive

FORMAT_VERSION = 1
_OURS = {
    "run.json",
    "run.json.tmp",
    "run.sqlite",
    "run.sqlite-wal",
    "run.sqlite-shm",
    "lock",
    "logs",
    "export",
    "verdicts.jsonl",
}


@dataclass(frozen=True)
class RunDir:
    """One run's folder."""

    path: Path
    document: Mapping[str, Any]
    """What `run.json` holds."""

    @property
    def fingerprint(self) -> str:
        """Hash of what is synthesised."""
        return str(self.document["fingerprint"])

    @property
    def made_by(self) -> str:
        """The version of gra that last changed its settings; empty where that is not told."""
        versions = self.document.get("versions")
        return str(versions.get("gra-synth", "")) if isinstance(versions, dict) else ""

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration.

        Raises:
            StoreError: there is none.
        """
        config = self.document.get("config")
        if not isinstance(config, dict):
            raise StoreError(f"{self.path / 'run.json'} is damaged: it has no `config`. Restore it from a copy")
        return config

    @property
    def calibrated(self) -> bool:
        """Whether the scores of its samples are probabilities of being good: those of the gate `calibrated` are."""
        gate = self.config.get("gate")
        return isinstance(gate, dict) and gate.get("type") == "calibrated" and self.config.get("review") != "none"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "run.sqlite"

    @property
    def lock(self) -> Path:
        """The lock file."""
        return self.path / "lock"

    @property
    def logs(self) -> Path:
        """Folder of logs."""
        return self.path / "logs"

    @property
    def export(self) -> Path:
        """Folder of finished datasets."""
        return self.path / "export"


def create_run(path: Path, document: Mapping[str, Any]) -> RunDir:
    """Make a run folder, or open the one that is there if it is the same run.

    Args:
        path: a folder that does not exist, is empty, or is a run.
        document: content of `run.json`. Two keys are read here: `fingerprint`, the hash of what is synthesised, and
            `config`, a mapping of what it was made from, to say what differs. `format_version` is added.

    Raises:
        StoreError: the folder holds something else, or another run, or cannot be written.
    """
    if (path / "run.json").exists():
        run = open_run(path)
        _refuse_other(run, document)
        return run
    _refuse_foreign(path)
    try:
        (path / "logs").mkdir(parents=True, exist_ok=True)
        (path / "export").mkdir(exist_ok=True)
        sync_folder(path.resolve().parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    run = RunDir(path, {**document, "format_version": FORMAT_VERSION})
    with exclusive(run.lock):
        create_database(run.database)
        _refuse_orphan(run)
        _write_document(run)
    return run


def open_run(path: Path) -> RunDir:
    """Open a run folder.

    Raises:
        StoreError: it is not one, or is damaged, or was written by a newer `gra`.
    """
    file = path / "run.json"
    try:
        document = json.loads(file.read_bytes().decode("utf-8", "surrogatepass"))
        version = document["format_version"]
        newer = version > FORMAT_VERSION
        str(document["fingerprint"])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{path} is not a run folder: it has no run.json. `gra run` makes one") from error
    except OSError as error:
        raise StoreError(
            f"cannot read {file}: {error.strerror}. Make it readable, or restore it from a copy"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(f"{file} is damaged ({error!r}). Restore it from a copy; the data is in run.sqlite") from error
    if newer:
        raise StoreError(
            f"{path} was written by a newer gra: format {version}, this gra knows {FORMAT_VERSION}. Upgrade gra-synth"
        )
    return RunDir(path, document)


def update_run(run: RunDir, document: Mapping[str, Any]) -> RunDir:
    """Replace what `run.json` says, for example once the models' digests are known. It stays the same run.

    Call it while a `Writer` of this run is open: that holds the lock.
    """
    _refuse_other(run, document)
    updated = RunDir(run.path, {**document, "format_version": FORMAT_VERSION})
    _write_document(updated)
    return updated


def _write_document(run: RunDir) -> None:
    text = json.dumps(run.document, indent=2, ensure_ascii=False) + "\n"
    try:
        write_atomically(run.path / "run.json", text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise _unwritable(run.path, error) from error


def _refuse_other(run: RunDir, document: Mapping[str, Any]) -> None:
    if run.fingerprint == document["fingerprint"]:
        return
    # The configuration's keys are what a person wrote; seeds, models and prompts may differ below an equal one.
    old, new = (_leaves(each.get("config", {})) for each in (run.document, document))
    keys = _differing(old, new)
    if not all(_comes_with_a_version(key, old, new) for key in keys):
        raise StoreError(
            f"{run.path} is a run of another configuration; what differs: {_named(keys)}. "
            f"Use another --out, or go on with the old configuration: gra resume {run.path}"
        )
    if lone := sorted({re.sub(r"\.\d+(?=\.)", ".*", key) for key in old.keys() ^ new.keys()}):
        raise StoreError(
            f"{run.path} was begun with another version of gra, and one of the two does not know {', '.join(lone)}. "
            f"Go on with the version that began it{f' ({run.made_by})' if run.made_by else ''}, or begin another run "
            "with --out: `gra export` makes one dataset of both"
        )
    below = _differing(run.document, document) - {"fingerprint", "format_version", "config", "versions"}
    raise StoreError(
        f"{run.path} was begun with other {' and '.join(sorted(below)) or 'data'} than there are now. "
        "Put back what was there (the seed file, the models, the version of gra), or begin another run with --out"
    )


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    return {key for key in {*old, *new} if old.get(key) != new.get(key)}


def _leaves(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration says of the data, flat."""
    return _flat({key: value for key, value in config.items() if key not in ("engine", "export", "budget")})


def _flat(plain: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Blocks within blocks as dotted keys, and of lists of blocks their lengths and every block by its number."""
    flat: dict[str, Any] = {}
    for key, value in plain.items():
        if isinstance(value, Mapping):
            flat |= {above + key: dict, **_flat(value, f"{above}{key}.")}
        elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            blocks = {f"{number}": item for number, item in enumerate(value)}
            flat |= {above + key: f"{len(value)} blocks", **_flat(blocks, f"{above}{key}.")}
        else:
            flat[above + key] = value
    return flat


def _comes_with_a_version(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a key that differs is one that only one of two versions of gra has.

    All keys are written down, with their defaults too: where one is missing, that is no person's doing, unless persons
    name such keys themselves. A block in another's place differs by more than what is in it.
    """
    own = key.startswith("prompts.") or ".options." in key
    return (key in old) != (key in new) and not own


def _named(keys: set[str]) -> str:
    """The keys for a person: lists as a whole, and of blocks within blocks the outermost that differs."""
    names = {re.sub(r"\.\d+(\..*)?$", "", key) for key in keys}
    return ", ".join(sorted(name for name in names if not any(name.startswith(f"{other}.") for other in names)))


def _refuse_foreign(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file. Name a folder for the run with --out")
    found = {entry.name for entry in path.iterdir()} if path.exists() else set()
    if foreign := sorted(found - _OURS):
        raise StoreError(
            f"{path} is not empty and not a run: it holds {', '.join(foreign[:3])}. Name another folder with --out"
        )


def _refuse_orphan(run: RunDir) -> None:
    """A start that was interrupted leaves an empty database, never one with results."""
    connection = connect_writer(run.database)
    try:
        with sqlite_boundary(run.database):
            (used,) = connection.execute(
                "SELECT (SELECT max(id) FROM calls) IS NOT NULL OR (SELECT max(position) FROM pool) IS NOT NULL "
                "OR EXISTS (SELECT 1 FROM facts)"
            ).fetchone()
    finally:
        connection.close()
    if used:
        raise StoreError(
            f"{run.path} holds the data of a run, but its run.json is missing. Restore that, or use another --out"
        )


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write the run folder {path}: {error.strerror}. Use another --out, or free space")
