"""Reads a file or folder of documents and divides it into passages. Knows no model and no run.

One bad file never spoils a folder: it is counted and named.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gra.config.material import DocumentsConfig
from gra.errors import SeedError
from gra.records import Passage

SUFFIXES = (".txt", ".md", ".markdown")
MAX_FILE_BYTES = 16 * 2**20
MAX_BYTES = 256 * 2**20
"""Of all files together."""
LEAST = 80
"""Characters of a passage that there is something to ask about."""
SHOWN = 20
"""Problems told one by one; the rest are counted."""
FENCE = re.compile(r"\s*(```|~~~)")
HEADING = re.compile(r"#{1,6}\s")
SENTENCE_END = re.compile(r"\n|[.!?](?=\s)|[。！？]")
SPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """The passages of all documents, and what could not be used."""

    passages: tuple[Passage, ...]
    digest: str
    """Hash of the passages and where in the documents they are; not of where the documents lie."""
    files: int
    short: int
    """Pieces of fewer than 80 characters, among them all of empty files."""
    duplicates: int
    problems: tuple[str, ...]
    """Files that were left out, and why."""


def read_documents(config: DocumentsConfig) -> DocumentReport:
    """Read the documents and divide them.

    Raises:
        SeedError: there are none, or nothing in them is usable.
    """
    files = _files(config.path)
    passages: dict[str, Passage] = {}
    problems: list[str] = []
    short = duplicates = size = 0
    for name, path in files:
        text = _text(path)
        if text is None:
            problems.append(f"{name}: left out, as it is not UTF-8 text of at most {MAX_FILE_BYTES // 2**20} MB")
            continue
        size += len(text)
        if size > MAX_BYTES:
            raise SeedError(f"{config.path}: over {MAX_BYTES // 2**20} MB of documents. Give a part of them.")
        pieces = list(divided(text, config.chunk))
        short += not pieces
        for line, piece in pieces:
            if len(piece) < LEAST:
                short += 1
            elif piece in passages:
                duplicates += 1
            else:
                passages[piece] = Passage(f"{name}:{line}", piece)
    if not passages:
        raise SeedError(
            f"{config.path}: no document has a passage of at least {LEAST} characters "
            f"({len(files)} files, {len(problems)} of them not UTF-8 text). Give .txt or .md files with prose in them."
        )
    body = json.dumps([[p.source, p.text] for p in passages.values()], ensure_ascii=False, separators=(",", ":"))
    more = [f"and {len(problems) - SHOWN} more files were left out"] if len(problems) > SHOWN else []
    return DocumentReport(
        tuple(passages.values()),
        "sha256:" + hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest(),
        len(files),
        short,
        duplicates,
        (*problems[:SHOWN], *more),
    )


def divided(text: str, chunk: int) -> Iterator[tuple[int, str]]:
    """The passages of a text, in order, with the line (from 1) where each begins.

    As many whole paragraphs as `chunk` characters hold, from one heading to the next; a longer paragraph is divided
    at its lines or sentences. A heading alone stays with what follows it.
    """
    start, parts = 1, list[str]()
    for line, paragraph in _paragraphs(text):
        heading = HEADING.match(paragraph) is not None
        for piece in _pieces(paragraph, chunk):
            whole = "\n\n".join(parts)
            if parts and (len(whole) + 2 + len(piece) > chunk or (heading and len(whole) >= LEAST)):
                yield start, whole
                parts = []
            start = start if parts else line
            parts.append(piece)
    if parts:
        yield start, "\n\n".join(parts)


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """What stands between blank lines, headings apart; a block of code is one, whatever is in it."""
    start, lines, fenced = 1, list[str](), False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        fenced ^= FENCE.match(line) is not None
        apart = not fenced and (not line.strip() or HEADING.match(line) is not None)
        if apart and lines:
            yield start, "\n".join(lines)
            lines = []
        if line.strip() or fenced:
            start = start if lines else number
            lines.append(line.rstrip())
            if HEADING.match(line) and not fenced:
                yield start, lines.pop()
    if lines:
        yield start, "\n".join(lines)


def _pieces(paragraph: str, chunk: int) -> Iterator[str]:
    """The paragraph in pieces of at most `chunk` characters, cut at a line's or sentence's end if there is one."""
    start = 0
    while len(paragraph) - start > chunk:
        bounds = start, start + chunk
        ends = [found.end() for found in SENTENCE_END.finditer(paragraph, *bounds)]
        ends = ends or [found.end() for found in SPACE.finditer(paragraph, *bounds)]
        cut = ends[-1] if ends else start + chunk
        if piece := paragraph[start:cut].strip():
            yield piece
        start = cut
    yield paragraph[start:].strip()


def _files(path: Path) -> list[tuple[str, Path]]:
    """The documents with their names, in the order of these; what begins with a dot is passed over."""
    if path.is_file():
        return [(path.name, path)]
    if not path.is_dir():
        raise SeedError(f"{path}: there is no such file or folder. Set `documents` to .txt or .md files.")
    named = ((found.relative_to(path), found) for found in path.rglob("*") if found.suffix.lower() in SUFFIXES)
    files = sorted(
        (name.as_posix(), found)
        for name, found in named
        if found.is_file() and not any(part.startswith(".") for part in name.parts)
    )
    if not files:
        raise SeedError(f"{path}: the folder holds no document. Documents end in {', '.join(SUFFIXES)}.")
    return files


def _text(path: Path) -> str | None:
    """The text of a file, None if it is none or too long."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError):
        return None
    return None if len(raw) > MAX_FILE_BYTES or "\0" in text else text
