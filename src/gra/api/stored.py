"""One run, to look at: its samples, its pool, its report, its datasets."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gra.config.load import RunConfig
from gra.display.safe import one_line
from gra.errors import ConfigError
from gra.export import Wanted, write_dataset, write_folder
from gra.records import Entry, Sample, Status
from gra.report.bench import reviewers_of
from gra.report.card import card_of
from gra.report.filtering import filters_for
from gra.report.opening import config_of, find_sample
from gra.report.reviewers import Reviewers
from gra.report.survey import Report, report_on
from gra.report.written import write_report
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verdicts import PersonalVerdict, verdicts

SHOWN = 5
"""Accepted samples in a notebook's view of a run."""


class Run:
    """A run as it stands on disk, at the moment of each question; it may be at work meanwhile.

    Iterating over it gives the accepted samples, `len(run)` their number, and `run["r01-00003"]` any one sample.
    Close it, or use it in a `with` statement, to let go of its database.

    Raises:
        StoreError: from everything here, if the folder is no run or cannot be read.
    """

    def __init__(self, folder: Path, statement: str = "") -> None:
        self._reader = Reader(open_run(folder))
        self._config = config_of(self._reader.run)
        self._statement = statement
        self._closed = False

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._reader.run.path

    @property
    def config(self) -> RunConfig:
        """What it was told, every default and preset written out."""
        return self._config

    @property
    def complete(self) -> bool:
        """True if as many samples are accepted as were asked for, or a refinement has tried every seed."""
        return self._reader.used_up() or len(self) >= self.config.synthesis.target

    @property
    def statement(self) -> str:
        """Why it has fewer than were asked for; empty if it has not, or was interrupted.

        A refinement that has tried every seed says how many are kept, and how many have a new response.
        """
        if self._statement or (self.complete and not self._reader.used_up()):
            return self._statement
        rounds = self._reader.rounds()
        return str(rounds[-1].detail.get("statement", "")) if rounds else ""

    @property
    def accepted(self) -> Iterator[Sample]:
        """The accepted samples, in order, read as they are asked for."""
        return self.samples(Status.ACCEPTED)

    def samples(self, status: Status | str | None = None, round: int | None = None) -> Iterator[Sample]:
        """All samples that have ended, or those of one status or round, in order, read as they are asked for."""
        return self._reader.iter_samples(None if status is None else _status(status), round)

    def pool(self) -> list[Entry]:
        """What Generators take examples from: the seeds, and what closed rounds accepted."""
        return self._reader.pool()

    def verdicts(self) -> dict[str, PersonalVerdict]:
        """What people have said of samples in `gra view`, by the sample's id; datasets heed it."""
        return verdicts(self._reader.run)

    def report(self) -> Report:
        """Yields, reasons, calls and tokens of the whole run."""
        return report_on(self._reader)

    def reviewers(self, known: Mapping[str, bool] | None = None) -> Reviewers:
        """How far the reviewers agree, what they favour, how calibrated they are, and what each decides.

        Args:
            known: by a sample's id, whether it is good; for calibration.
        """
        return reviewers_of(self._reader, known)

    def export(
        self,
        format: str = "messages",
        path: str | Path | None = None,
        *,
        status: Status | str = Status.ACCEPTED,
        metadata: bool = False,
    ) -> Path:
        """Write a dataset and say where it is, by default in the run's folder `export`.

        Rows that the configuration's `export:` keeps back are not in it.

        Args:
            format: `messages`, `preference` or another form of one file (docs/export.md), or code of your own,
                `FILE.py:NAME` (docs/extending.md).
            path: the file; needed for a form of your own.
            status: write samples that ended so.
            metadata: with what is known of each sample.

        Raises:
            ConfigError: there is no such form.
            TargetMissed: there is no such sample; nothing is written.
            MissingExtra: Parquet needs an extra that is not installed.
        """
        out = None if path is None else Path(path)
        return write_dataset(self._reader, format, out, _status(status), metadata)[0]

    def export_folder(
        self,
        formats: Sequence[str],
        path: str | Path | None = None,
        *,
        filtering: Mapping[str, Any] | None = None,
        **wanted: Any,
    ) -> Path:
        """Write several forms at once, with a manifest, and say where, by default in `export/dataset` of the run.

        Args:
            formats: of them, by name.
            path: the folder; one that an export wrote is replaced.
            filtering: keys of the configuration's `export:` in place of the run's own, for example
                `{"contamination": ["gsm8k_test.jsonl"]}`, or `{"filters": []}`.
            **wanted: `test_share=0.1`, `recipes=["trl"]`, `rejected=True`, and the other fields of
                `gra.export.Wanted`.

        Raises:
            ConfigError: something is wanted that there is not, or no test can be set apart.
            TargetMissed: there is nothing to write.
            MissingExtra: Parquet needs an extra that is not installed.
            StoreError: the folder holds something else.
        """
        screening = filters_for([self._reader], filtering or {})
        out = None if path is None else Path(path)
        return write_folder([self._reader], Wanted(formats, **wanted), out, screening, card_of).path

    def write_report(self, folder: str | Path | None = None, known: Mapping[str, bool] | None = None) -> Path:
        """Write the report, `report.html` and `report.md`, and say where the page is.

        Args:
            folder: where; by default `export` of the run.
            known: by a sample's id, whether it is good; for calibration.
        """
        return write_report(self._reader, None if folder is None else Path(folder), known)[0]

    def close(self) -> None:
        """Let go of the database. What was read stays."""
        self._reader.close()
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._reader.funnel().by_status.get(Status.ACCEPTED, 0)

    def __bool__(self) -> bool:
        return True  # a run that has accepted nothing yet is a run

    def __iter__(self) -> Iterator[Sample]:
        return self.accepted

    def __getitem__(self, id: str) -> Sample:
        return find_sample(self._reader, id)

    def __repr__(self) -> str:
        stands = "closed" if self._closed else f"{len(self)} of {self.config.synthesis.target} accepted"
        return f"<gra.Run {self.folder}: {stands}>"

    def _repr_html_(self) -> str:
        """For notebooks. Everything in it is escaped: models wrote it."""
        if self._closed:
            return f"<p>{_escaped(repr(self))}</p>"
        counts = self._reader.funnel().by_status
        told = ", ".join(f"{n} {status.value.replace('_', ' ')}" for status, n in counts.items()) or "no sample yet"
        rows = "".join(
            f"<tr><td>{_escaped(s.id)}</td><td>{_escaped(s.domain)}</td><td>{s.score:.1f}</td>"
            f"<td>{_escaped(s.instruction)}</td><td>{_escaped(s.response)}</td></tr>"
            for s in islice(self.accepted, SHOWN)
        )
        head = "".join(f"<th>{name}</th>" for name in ("id", "domain", "score", "instruction", "response"))
        return f"<p><b>{_escaped(repr(self))}</b><br>{told}</p><table><tr>{head}</tr>{rows}</table>"


def _status(status: Status | str) -> Status:
    try:
        return Status(status)
    except ValueError:
        raise ConfigError(f"no sample ends as `{status}`; the statuses are: {', '.join(Status)}") from None


def _escaped(text: str) -> str:
    return html.escape(one_line(text, 200))
