"""The manifest of an export: every file with its size and digest, the runs it is from, and what was left out and why.

It holds no time and no path of this machine, so the same runs give the same manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gra.export.files import DataFile
from gra.export.forms import Format
from gra.export.rows import valid
from gra.export.source import Screening, Source
from gra.export.whole_file import MANIFEST

if TYPE_CHECKING:
    from gra.export.folder import Wanted
    from gra.export.splits import Split

FORMAT_VERSION = 1
LEAST_OPENAI_ROWS = 10
LARGEST_OPENAI_BYTES = 512_000_000
"""What the fine-tuning guide and the files API say (docs/export.md)."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a manifest says, as far as it is read back."""

    plain: Mapping[str, Any]
    files: Mapping[str, tuple[int, str]]
    """Bytes and SHA-256 of each, by its path in the folder."""
    runs: Mapping[str, str | None]
    """By fingerprint of a run that the data is from, what names the verdicts that were heeded; None of an older gra."""
    options: Mapping[str, Any]


def told_by(content: bytes) -> Told:
    """What a manifest says.

    Raises:
        ValueError: it is none that gra writes; says why.
    """
    try:
        plain = json.loads(content)
        files = {str(file["path"]): (int(file["bytes"]), str(file["sha256"])) for file in plain["files"]}
        runs = {str(run["fingerprint"]): run.get("verdicts") for run in plain["runs"]}
        return Told(plain, files, runs, dict(plain["options"]))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is no manifest of gra's: {error!r}") from None


def described(
    folder: Path, source: Source, wanted: Wanted, screening: Screening, split: Split | None, files: Sequence[DataFile]
) -> dict[str, Any]:
    """Write the manifest of what is in the folder, and give it."""
    from importlib.metadata import version  # not for the help page

    manifest = {
        "made_by": "gra",
        "gra_version": version("gra-synth"),
        "format_version": FORMAT_VERSION,
        "runs": [
            {
                "name": valid(name),
                "fingerprint": reader.run.fingerprint,
                "verdicts": source.people.digests[name],
                "samples": {status.value: count for status, count in sorted(reader.funnel().by_status.items())},
            }
            for name, reader in source.runs
        ],
        "options": {
            "formats": list(wanted.formats),
            "recipes": list(wanted.recipes),
            "metadata": wanted.metadata,
            "test_share": wanted.test_share,
            "alike": wanted.alike,
            "least_margin": wanted.least_margin,
            "rejected": wanted.rejected,
            **screening.told,
        },
        "split": {"groups": split.groups, "largest_group": split.largest} if split else None,
        "left_out": dict(sorted(source.left_out.counts.items())),
        "let_in": len(source.left_out.let_in),
        "quality": source.quality.plain(),
        "no_pair": dict(sorted(source.no_items["pair"].items())),
        "no_judgement": dict(sorted(source.no_items["judged"].items())),
        "files": [_file(folder, path, {f.path: f for f in files}) for path in _paths(folder)],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="ascii")
    return manifest


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _file(folder: Path, path: Path, data: dict[str, DataFile]) -> dict[str, Any]:
    name = path.relative_to(folder).as_posix()
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    plain = {"path": name, "bytes": path.stat().st_size, "sha256": digest}
    if name not in data:
        return plain
    file = data[name]
    rows = {"format": file.format.value, "split": file.side or "train", "rows": file.rows}
    return {**plain, **rows, **({"provenance": file.provenance} if file.provenance else {})}


def notices(manifest: dict[str, Any]) -> list[str]:
    """What a person should know of an export before using it."""
    data = [file for file in manifest["files"] if "rows" in file]
    found = {file["format"] for file in data}
    told = [f"nothing for `{form}` was found" for form in manifest["options"]["formats"] if form not in found]
    if manifest["options"]["recipes"] and not any(".dpo." in file["path"] for file in manifest["files"]):
        told.append("there are no pairs, so there is no recipe for preference training")
    for file in data:
        if file["format"] == Format.OPENAI and file["rows"] < LEAST_OPENAI_ROWS:
            told.append(f"{file['path']} has {file['rows']} rows; OpenAI asks for {LEAST_OPENAI_ROWS} at least")
        if file["format"] == Format.OPENAI and file["bytes"] > LARGEST_OPENAI_BYTES:
            told.append(f"{file['path']} is larger than the {LARGEST_OPENAI_BYTES // 10**6} MB that OpenAI takes")
    if manifest["split"]:
        test = sum(file["rows"] for file in data if file["split"] == "test" and file["format"] == data[0]["format"])
        both = sum(file["rows"] for file in data if file["format"] == data[0]["format"])
        wanted = manifest["options"]["test_share"]
        if test < 0.5 * wanted * both:
            told.append(
                f"the test has {test} of {both} rows, though {wanted:.0%} was asked for: rows that are alike stay "
                f"together, and the largest group has {manifest['split']['largest_group']}"
            )
    return told
