"""What samples are made from, the user's seeds and documents, and what reviewers are examined on. Data only."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from gra.config.settings import Settings


class SeedColumns(Settings):
    """What the seed file calls things, if not as gra knows them; nothing else is read of it then."""

    instruction: str | None = None
    input: str | None = None
    """What the instruction is about; joined to it."""
    response: str | None = None
    messages: str | None = None
    """A conversation, in place of `instruction` and `response`."""
    domain: str | None = None
    keywords: str | None = None
    summary: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = any(value is not None for _, value in self)
        if named and not self.messages and not (self.instruction and self.response):
            raise ValueError("must name `instruction` and `response`, or `messages`")
        return self


class SeedsConfig(Settings):
    """Where seed data comes from."""

    path: Path
    """A file or folder of JSON, JSONL, CSV, TSV, Parquet or Arrow; forms and folders are in `docs/seeds.md`."""
    columns: SeedColumns = SeedColumns()
    limit: int | None = Field(default=None, ge=1)
    """Use at most this many, drawn at random (seeded)."""


class DocumentsConfig(Settings):
    """Texts that samples are made from: each is about a passage of them."""

    path: Path
    """A text or Markdown file, or a folder of them (`.txt`, `.md`), read with all folders within it."""
    chunk: int = Field(default=1500, ge=200, le=20_000)
    """Most characters of a passage. It goes into three prompts, so a model's context bounds it."""


class ExamConfig(Settings):
    """Answers that you have labelled, for the reviewers' exam; asked about beside the seeds and their twins."""

    pairs: Path | None = None
    """JSON Lines of `instruction`, `chosen` and `rejected`, with `domain`, `chosen_author` and `rejected_author` where
    known."""
    graded: Path | None = None
    """JSON Lines of `instruction`, `response` and `correct` (true or false), with `domain` and `author` where known."""
    people: tuple[Path, ...] = ()
    """Folders of earlier runs: what people have said of their samples in `gra view` counts as graded answers."""
