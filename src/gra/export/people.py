"""What people's verdicts change in a dataset: who is left out though accepted, and who is let in though not.

A verdict on a sample that has been made anew since, and one on a sample without a response, change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from typing import TYPE_CHECKING

from gra.export.rows import LeftOut, Row
from gra.records import Sample, Status

if TYPE_CHECKING:
    from gra.store.reader import Reader
    from gra.store.verdicts import PersonalVerdict


class People:
    """What people say of the samples of these runs, as it stands now. A filter of rows, too.

    Raises:
        StoreError: a run's verdicts cannot be read.
    """

    def __init__(self, runs: Sequence[tuple[str, Reader]]) -> None:
        from gra.store.verdicts import digest_of_all, verdicts  # pydantic: not for the help page

        self._said = {run: verdicts(reader.run) for run, reader in runs}
        self.digests = {run: digest_of_all(said) for run, said in self._said.items()}
        """By run, what names all that was said of its samples; empty where nobody has said anything."""

    def __call__(self, row: Row) -> LeftOut | None:
        """Left out if a person rejects it."""
        said = self._of(row)
        return LeftOut("person", _told("rejects", said)) if said and not said.accept else None

    def accept(self, row: Row) -> bool:
        """Whether a person accepts it."""
        said = self._of(row)
        return bool(said and said.accept)

    def says(self, row: Row) -> bool | None:
        """Whether a person accepts it; None if nobody has said."""
        said = self._of(row)
        return said.accept if said else None

    def samples(self, run: str, reader: Reader, status: Status) -> Iterator[Sample]:
        """The samples of a status, in order; with the accepted ones, those that a person lets in."""
        if status is not Status.ACCEPTED:
            return reader.iter_samples(status)
        named = (reader.sample(id) for id, said in self._said[run].items() if said.accept)
        added = [s for s in named if s and s.status is not status and s.response and self.accept(Row(s, run))]
        return merge(reader.iter_samples(status), sorted(added, key=_order), key=_order)

    def note(self, row: Row) -> str:
        """Why a row is there that the run did not accept."""
        return _told("accepts", self._of(row))

    def _of(self, row: Row) -> PersonalVerdict | None:
        said = self._said[row.run].get(row.sample.id)
        return said if said and said.is_about(row.sample) else None


def _told(what: str, said: PersonalVerdict | None) -> str:
    return f"a person {what} it" + (f": {said.note}" if said and said.note else "")


def _order(sample: Sample) -> tuple[int, int]:
    return sample.round, sample.index
