"""Samples of one run or of several as one dataset file, in the form that is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gra.errors import ConfigError, GraError, TargetMissed
from gra.export.forms import PARTS, Format, Item, Part
from gra.export.rows import Row
from gra.export.sinks import write_rows
from gra.export.source import LeftOuts, Screening, Source
from gra.plugins import SYNTAX, in_words, load
from gra.records import Status

if TYPE_CHECKING:
    from gra.store.reader import Reader


class Exporter(Protocol):
    """A form of the user's own: writes a dataset file, whole or not at all (`export.whole_file`)."""

    def __call__(self, path: Path, rows: Iterable[Row], with_metadata: bool) -> int:
        """Write the rows in their order, and say how many there were."""
        ...


class Written(NamedTuple):
    """A dataset file."""

    path: Path
    rows: int
    left_out: LeftOuts


def write_dataset(
    reader: Reader,
    format: str = Format.MESSAGES,
    out: Path | None = None,
    status: Status = Status.ACCEPTED,
    metadata: bool = False,
) -> tuple[Path, int]:
    """Write a dataset file and say where it is and how many rows it holds.

    What is unfit for it is left out, and what the run's own configuration says (`export:`).

    Raises:
        ConfigError: there is no such form.
        TargetMissed: there is no such sample; nothing is written.
        StoreError: the file cannot be written.
    """
    written = write_datasets([reader], format, out, status, metadata, screening=screening_of(reader))
    return written.path, written.rows


def write_datasets(
    readers: Sequence[Reader],
    format: str,
    out: Path | None = None,
    status: Status = Status.ACCEPTED,
    metadata: bool = False,
    least_margin: float = 0.0,
    screening: Screening | None = None,
) -> Written:
    """Write several runs as one dataset file, through these filters; also says what was left out.

    Raises:
        ConfigError: there is no such form, or not of one file or of this status, or nobody says where one of the
            user's own is to be written.
        TargetMissed: one of the runs has no such sample, or nothing of this form; nothing is written.
        StoreError: the file cannot be written.
    """
    own = own_exporter(format)
    part = None if own else single_part(format)
    if out is None and part is None:
        raise ConfigError(f"`{format}` is a form of your own: name the file to write with --out")
    if part and part.kind != "sample" and status is not Status.ACCEPTED:
        raise ConfigError(
            f"`{format}` compares accepted answers with others; it has no rows of --status {status.value}"
        )
    source = Source(readers, status, screening)
    require_samples(source)
    name = part.path() if part else ""
    name = name if status is Status.ACCEPTED else f"{status.value}.{name}"
    path = out or readers[0].run.export / (name if len(readers) == 1 else f"integrated.{name}")
    if own:
        return Written(path, own(path, source.rows(), metadata), source.left_out)
    assert part is not None
    items = _required((item for kind, item, _ in source.items([part.kind], least_margin)), format, source)
    return Written(path, write_rows(part, path, items, metadata), source.left_out)


def screening_of(reader: Reader) -> Screening:
    """The filters that a run's configuration says.

    Raises:
        ConfigError: they cannot be made as things are, for example because a benchmark is not there any more.
    """
    from gra.export.filters.chosen import chosen, export_config  # pydantic: not for the help page

    return chosen(export_config(reader.run.document, reader.run.path / "run.json"))


def single_part(format: str) -> Part:
    """What one of gra's own forms is made of, if that is one file.

    Raises:
        ConfigError: it is not.
    """
    parts = PARTS[known_format(format)]
    if len(parts) > 1:
        raise ConfigError(f"`{format}` is a form of several files: name a folder with --out")
    return parts[0]


def known_format(format: str) -> Format:
    """One of gra's own forms.

    Raises:
        ConfigError: there is no such form.
    """
    if format not in list(Format):
        raise ConfigError(
            f"there is no form `{format}` of a dataset; there are: {', '.join(Format)}, and your own as FILE.py:NAME"
        )
    return Format(format)


def own_exporter(format: str) -> Exporter | None:
    """The user's own exporter, by `FILE.py:NAME` or `package.module:NAME`; None if it is not named so.

    Raises:
        ConfigError: it cannot be loaded.
    """
    return _own(format, load(format)) if re.fullmatch(SYNTAX, format) else None


def _own(use: str, write: Exporter) -> Exporter:
    """The user's own exporter, whose faults are said to be its own."""

    def checked(path: Path, rows: Iterable[Row], with_metadata: bool) -> int:
        try:
            count: object = write(path, rows, with_metadata)
        except GraError:
            raise
        except Exception as error:
            raise ConfigError(f"`{use}` failed: {in_words(error)}. Mend its code.") from error
        if not isinstance(count, int):
            raise ConfigError(f"`{use}` must say how many rows it wrote, and gave {type(count).__name__}.")
        return count

    return checked


def require_samples(source: Source) -> None:
    """See that there is something to write.

    Raises:
        TargetMissed: one of the runs has no such sample with a response.
    """
    for run, reader in source.runs:
        if not any(s.instruction and s.response for s in source.people.samples(run, reader, source.status)):
            raise TargetMissed(_nothing(reader, source.status))


def _required(items: Iterable[Item], format: str, source: Source) -> Iterator[Item]:
    """The items, of which there must be one."""
    anything = False
    for item in items:
        anything = True
        yield item
    if not anything:
        raise TargetMissed(f"nothing for `{format}` was found, so nothing was written; {why_nothing(source)}")


def why_nothing(source: Source) -> str:
    """In words, what became of everything that might have been written."""
    counts = source.left_out.counts + source.no_items["pair"] + source.no_items["judged"]
    if not counts:
        return "pairs come from samples that were revised, or whose instruction was also answered badly"
    return "left out: " + ", ".join(f"{count} ({kind})" for kind, count in counts.items())


def _nothing(reader: Reader, status: Status) -> str:
    run = reader.run.path
    waiting = reader.funnel().by_status.get(Status.PASSED, 0)
    if status is Status.ACCEPTED and waiting:
        hint = f"{waiting} passed the review and are accepted when their round is full: gra resume {run}"
    else:
        hint = f"`gra status {run}` shows how its samples ended"
    return f"no sample of {run} that has a response ended as {status.value}, so nothing was written; {hint}"
