"""What an export is made of: samples of one run or of several, in order, and what is left out of them, with reasons.

Knows runs, and no file format. A row is judged once, however often the rows are read.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gra.export.forms import Item, Kind
from gra.export.people import People
from gra.export.preferences import REJECTED, Judged, Pair, judged, pairs
from gra.export.quality import Quality
from gra.export.rows import Filter, Integration, LeftOut, Row, unfit
from gra.ids import sample_id
from gra.records import Status

if TYPE_CHECKING:
    from gra.store.reader import Reader

TOLD = 5
"""Rows left out that are named in a message; all are counted."""


@dataclass
class LeftOuts:
    """What was left out, by kind, and some of it by name."""

    counts: Counter[str] = field(default_factory=Counter)
    told: list[tuple[str, str]] = field(default_factory=list)
    """The first few: kind, and sample with its reason."""
    rows: dict[str, tuple[str, str, LeftOut]] = field(default_factory=dict)
    """By key: run, sample and reason of each."""

    let_in: dict[str, str] = field(default_factory=dict)
    """What is there though the run did not accept it, by key: why."""

    def add(self, row: Row, why: LeftOut) -> None:
        """One more."""
        self.counts[why.kind] += 1
        self.rows[row.key] = row.run, row.sample.id, why
        if len(self.told) < TOLD:
            self.told.append((why.kind, f"{row.sample.id}: {why.reason}"))


@dataclass(frozen=True, slots=True)
class Screening:
    """What may leave a row out, besides what no dataset can hold. The first reason counts."""

    screens: Sequence[Filter] = ()
    """By its texts alone. They also see rejected answers, where such are written: nothing leaves unseen by them."""
    filters: Sequence[Filter] = ()
    """After these; they see each accepted row once, in order, and none that was left out before."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """The same as plain data, for the manifest."""

    def also(self, screen: Filter, **told: Any) -> Screening:
        """With one more screen."""
        return replace(self, screens=(*self.screens, screen), told={**self.told, **told})


class Source:
    """Rows of these runs, one run after another, each in the order of its rounds.

    Args:
        readers: of the runs. Of several, an instruction is taken once, from the first that has it.
        status: samples that ended so.
        screening: what may leave a row out.
    """

    def __init__(
        self, readers: Sequence[Reader], status: Status = Status.ACCEPTED, screening: Screening | None = None
    ) -> None:
        screening = screening or Screening()
        self.runs = list(zip(run_names(readers), readers, strict=True))
        self.status = status
        self._screens: list[Filter] = [unfit, *screening.screens]
        # Within one run, de-duplication has been the run's own business.
        self._filters: list[Filter] = [Integration()] if len(readers) > 1 else []
        if status is Status.ACCEPTED:  # what was turned down may well be a refusal; nobody's key may leave all the same
            self._filters += screening.filters
        self.people = People(self.runs)
        self.left_out = LeftOuts()
        self.no_items: dict[Kind, Counter[str]] = {"pair": Counter(), "judged": Counter()}
        """Why there is no pair, or no judgement, where there might have been one."""
        self.quality = Quality(self.runs)
        self._read = False
        self._rivals: _Rivals | None = None

    def rows(self) -> Iterator[Row]:
        """Those that are kept. What is left out is known when all have been gone through."""
        first, self._read = not self._read, True
        for run, reader in self.runs:
            for sample in self.people.samples(run, reader, self.status):
                if self.status is not Status.ACCEPTED and not (sample.instruction and sample.response):
                    continue  # it was turned down before it had a response
                row = Row(sample, run)
                if first and sample.status is Status.ACCEPTED and (said := self.people.says(row)) is not None:
                    self.quality.judge(row, said)
                if first and (why := self.screened(row) or self._judged(row) or _first(self._filters, row)):
                    self.left_out.add(row, why)
                elif first and sample.status is not self.status:
                    self.left_out.let_in[row.key] = f"{sample.id}: {self.people.note(row)}"
                if row.key not in self.left_out.rows:
                    if first:
                        self.quality.add(row)
                    yield row

    def items(self, kinds: Collection[Kind], least_margin: float = 0.0) -> Iterator[tuple[Kind, Item, Row]]:
        """Everything of these kinds that the rows give, each with the row that it belongs to.

        Args:
            kinds: what is wanted; what belongs to one row comes together.
            least_margin: of a pair, see `preferences.pairs`.
        """
        for row in self.rows():
            if "sample" in kinds:
                yield "sample", row, row
            if "pair" in kinds:
                yield from (("pair", pair, row) for pair in self._pairs(row, least_margin))
            if "judged" in kinds:
                kept = (item for item in judged(row) if item.label or self._leaves(item.row, "judged"))
                yield from (("judged", item, row) for item in kept)
        if "judged" in kinds:
            for row in self.turned_down():
                if self._leaves(row, "judged"):
                    yield "judged", Judged(row, False), row

    def turned_down(self) -> Iterator[Row]:
        """Samples with a good instruction and a response that the reviewers turned down, as they are."""
        for run, reader in self.runs:
            for status in REJECTED:
                rows = (Row(sample, run) for sample in reader.iter_samples(status) if sample.response)
                yield from (row for row in rows if not self.people.accept(row))

    def _judged(self, row: Row) -> LeftOut | None:
        """What people say counts where accepted samples are asked for, and nowhere else."""
        return self.people(row) if self.status is Status.ACCEPTED else None

    def _pairs(self, row: Row, least_margin: float) -> Iterator[Pair]:
        if self._rivals is None:
            self._rivals = _Rivals(self.runs, self.people)
        rivals = self._rivals.of(row.sample.instruction)
        found = pairs(row, rivals, least_margin, self.no_items["pair"])
        return (pair for pair in found if self._leaves(pair.rejected, "pair"))

    def screened(self, row: Row) -> LeftOut | None:
        """Why nothing of this row's texts may leave; None if it may."""
        return _first(self._screens, row)

    def _leaves(self, row: Row, kind: Kind) -> bool:
        why = self.screened(row)
        if why:
            self.no_items[kind][why.kind] += 1
        return why is None


class _Rivals:
    """Samples of any run that were turned down, by their instruction: 18 bytes are kept for each."""

    def __init__(self, named: Sequence[tuple[str, Reader]], people: People) -> None:
        import numpy as np  # not for the plain export at the end of a run

        self._named, self._np = named, np
        digests, places, runs = array("Q"), array("Q"), array("H")
        for number, (run, reader) in enumerate(named):
            for status in REJECTED:
                for sample in reader.iter_samples(status):
                    if people.accept(Row(sample, run)):
                        continue
                    digests.append(_short_digest(sample.instruction))
                    places.append(sample.round << 40 | sample.index)
                    runs.append(number)
        found = np.array(digests, np.uint64)
        order = np.argsort(found, kind="stable")
        self._digests = found[order]
        self._places, self._runs = np.array(places, np.uint64)[order], np.array(runs, np.uint16)[order]

    def of(self, instruction: str) -> Iterator[Row]:
        digest = self._np.uint64(_short_digest(instruction))
        begin, end = (int(self._np.searchsorted(self._digests, digest, side)) for side in ("left", "right"))
        for place, number in zip(self._places[begin:end].tolist(), self._runs[begin:end].tolist(), strict=True):
            run, reader = self._named[number]
            sample = reader.sample(sample_id(place >> 40, place & 0xFF_FFFF_FFFF))
            if sample and sample.instruction == instruction and sample.response:
                yield Row(sample, run)


def _first(filters: Sequence[Filter], row: Row) -> LeftOut | None:
    return next((why for says in filters if (why := says(row))), None)


def _short_digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def run_names(readers: Sequence[Reader]) -> list[str]:
    """What rows say of the run they are from: its folder's name, or its whole path where names are alike."""
    names = [reader.run.path.resolve().name for reader in readers]
    if len(set(names)) < len(names):
        names = [str(reader.run.path) for reader in readers]
    # One and the same run may be given twice.
    return [f"{name} ({names[:n].count(name) + 1})" if name in names[:n] else name for n, name in enumerate(names)]
