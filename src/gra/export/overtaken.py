"""Whether people have judged samples of a run since it was exported: then the export is not what they say any more."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gra.errors import StoreError
from gra.export.manifest import Told
from gra.store.run_dir import RunDir, open_run
from gra.store.verdicts import digest_of_all, verdicts


def overtaken(told: Told, folder: Path, run: Path) -> str:
    """What to tell of an exported folder whose run has other verdicts now; empty where all is well, or nobody knows.

    Args:
        told: the export's manifest.
        folder: of the export.
        run: the folder that was named: of the run, or of the export, which may lie within its run's.
    """
    for there in dict.fromkeys((run.resolve(), *folder.resolve().parents)):
        if not (there / "run.json").is_file():
            continue
        try:
            found = open_run(there)
            now = digest_of_all(verdicts(found))
        except StoreError:
            continue
        if told.runs.get(found.fingerprint) not in (None, now):
            return (
                f"people have judged samples of {found.path} since it was exported, and {folder} does not heed "
                f"that. To export anew: {command(told.options, folder, found)}"
            )
    return ""


def command(options: Mapping[str, Any], folder: Path, run: RunDir) -> str:
    """The command that writes such an export of a run again; filters are as the run's configuration has them."""
    return " ".join(map(shlex.quote, _words(options, folder, run)))


def _words(options: Mapping[str, Any], folder: Path, run: RunDir) -> Iterator[str]:
    yield from ("gra", "export", str(run.path))
    for key, option in (("formats", "--format"), ("recipes", "--recipe")):
        for name in options.get(key, ()):
            yield from (option, str(name))
    if options.get("test_share"):
        yield from ("--test-share", f"{options['test_share']:g}")
    for key, option in (("metadata", "--metadata"), ("rejected", "--with-rejected")):
        if options.get(key):
            yield option
    if folder.resolve() != (run.export / "dataset").resolve():
        yield from ("--out", str(folder))
