"""What people say of samples, in `verdicts.jsonl` in the run folder: beside the models' verdicts, never over them.

A file of its own, because the run's database belongs to the process at work. Lines are only ever added; of one sample
the last line counts. Knows nothing of what verdicts are used for.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gra.errors import StoreError
from gra.records import Sample
from gra.store.codec import from_json, label
from gra.store.rows import now
from gra.store.run_dir import RunDir

LONGEST_NOTE = 4000
"""Characters of a note."""


@dataclass(frozen=True, slots=True)
class PersonalVerdict:
    """What a person says of a sample."""

    sample: str
    accept: bool | None
    """None where an earlier verdict was taken back."""
    note: str
    who: str
    """The name that the person has on the machine."""
    at: str
    """UTC, ISO 8601."""
    text: str
    """Digest of the text that was judged."""

    def is_about(self, sample: Sample) -> bool:
        """Whether the sample still says what was judged: one that had failed may have been made anew."""
        return self.sample == sample.id and self.text == digest_of(sample)


def digest_of(sample: Sample) -> str:
    """Names what of a sample is judged: its instruction and the response that counts."""
    text = f"{sample.instruction}\0{sample.response}"
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def verdicts(run: RunDir) -> dict[str, PersonalVerdict]:
    """The verdict that counts of each sample that has one, by id. Empty if nobody has judged anything.

    Raises:
        StoreError: the file cannot be read.
    """
    found = {verdict.sample: verdict for verdict in _lines(verdicts_file(run))}
    return {id: verdict for id, verdict in found.items() if verdict.accept is not None}


def digest_of_all(said: Mapping[str, PersonalVerdict]) -> str:
    """Names what people say of all samples, notes aside; empty where nobody has said anything."""
    if not said:
        return ""
    lines = "".join(f"{v.sample}\0{v.accept}\0{v.text}\n" for _, v in sorted(said.items()))
    return "sha256:" + hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def put_verdict(run: RunDir, sample: Sample, accept: bool | None, note: str = "") -> PersonalVerdict:
    """Write down what the person at this machine says of a sample; possible while a process works on the run.

    Raises:
        StoreError: the folder cannot be written.
    """
    verdict = PersonalVerdict(sample.id, accept, label(note)[:LONGEST_NOTE], _name(), now(), digest_of(sample))
    path = verdicts_file(run)
    try:
        with path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # A line that a crash cut short stays alone, and is passed over.
            torn = file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n"
            line = json.dumps(_plain(verdict), ensure_ascii=False) + "\n"
            file.write((b"\n" if torn else b"") + line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}. Make the run folder writable") from error
    return verdict


def verdicts_file(run: RunDir) -> Path:
    """Where they are."""
    return run.path / "verdicts.jsonl"


def _plain(verdict: PersonalVerdict) -> Mapping[str, Any]:
    return {name: getattr(verdict, name) for name in PersonalVerdict.__slots__}


def _lines(path: Path) -> Iterator[PersonalVerdict]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(
            f"cannot read {path}: {error.strerror}. Make it readable, or restore it from a copy"
        ) from error
    for line in content.decode("utf-8", "replace").split("\n"):
        try:
            yield from_json(PersonalVerdict, line)
        except (ValueError, TypeError, RecursionError):  # the rest of a line that was cut short, or no verdict
            continue


def _name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
