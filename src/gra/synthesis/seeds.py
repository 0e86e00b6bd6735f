"""Reads seeds in any of the common files and forms, and says what it could not use.

One bad record never spoils a file: it is counted and named. Knows no model and no run; what a seed is about is asked
of a model later, unless the file says it.
"""

from __future__ import annotations

import difflib
import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gra.config.material import SeedsConfig
from gra.config.taxonomy import Leaf
from gra.errors import SeedError
from gra.ids import derived_seed
from gra.records import Seed
from gra.synthesis.seed_files import find_files, open_file
from gra.synthesis.seed_forms import FORMS, Draft, Unfit, in_short, known_form, read_record

SHOWN = 20
"""Problems told one by one; the rest are counted."""
MAX_NAMES = 1000
"""Names of columns that are kept for a message."""


@dataclass(frozen=True, slots=True)
class SeedReport:
    """The seeds of a run, and what became of the other records. The counts add up to `records`."""

    seeds: tuple[Seed, ...]
    """Those to use: all usable ones, or those drawn."""
    usable: int
    digest: str
    """Hash of all usable seeds, the same for the same records in any kind of file."""
    kind: str
    """What the records were kept in, for example `JSONL, gzip`."""
    form: str
    """The forms found, the commonest first, for example `alpaca`."""
    problems: tuple[str, ...]
    """What was skipped or changed and where, in words."""
    records: int
    empty: int
    """Without an instruction or without a response."""
    duplicates: int
    malformed: int
    """Unreadable, not UTF-8, of no known form, or with a field that is not text or too long."""


def read_seeds(config: SeedsConfig, random_seed: int = 0) -> SeedReport:
    """Read the seeds of a file or folder, and draw from them if there is a limit.

    Records stream through: what is held is the seeds to use, and a short hash of every other.

    Raises:
        SeedError: they cannot be read, nothing is usable, or a column that the configuration names is not there.
        MissingExtra: they are in a format that needs a library which is not installed.
    """
    reading = _Reading(config.path, config.columns.model_dump(exclude_none=True))
    found = find_files(config.path)
    if found.remark:
        reading.remarks.append(found.remark)
    seeds = draw_seeds(reading.usable(found.paths), config.limit, random_seed)
    reading.check()
    return reading.report(seeds)


def check_domains(seeds: Sequence[Seed], taxonomy: Sequence[Leaf]) -> None:
    """A seed's own domain has to be one of the taxonomy's.

    Raises:
        SeedError: some are not; says which.
    """
    names = {leaf.name for leaf in taxonomy}
    strange = sorted({s.domain for s in seeds if s.domain} - names)
    if strange:
        raise SeedError(
            f"The seeds name domains that the taxonomy does not have: {', '.join(strange[:5])}. "
            f"Add them to `domains`, or drop the `domain` column. The taxonomy has: {', '.join(sorted(names))}."
        )


def draw_seeds(seeds: Iterable[Seed], limit: int | None, random_seed: int) -> tuple[Seed, ...]:
    """At most `limit` seeds, in their order. A larger limit keeps what a smaller one drew."""
    if limit is None:
        return tuple(seeds)
    # Of a stream, never more than `limit` are held.
    drawn = heapq.nsmallest(limit, enumerate(seeds), key=lambda item: derived_seed(random_seed, "seeds", item[1].id))
    return tuple(seed for _, seed in sorted(drawn, key=lambda item: item[0]))


class _Reading:
    """Lets seeds through, and keeps counts and problems of the records they came from."""

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        self.path = path
        self.columns = columns
        self.kinds: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.forms: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.remarks: list[str] = []
        self.problems: list[str] = []
        self.seen: dict[bytes, str] = {}
        self.unseen = set(columns.values())
        """Columns that the configuration names and no record has had."""
        self.names: dict[str, None] = {}
        self.hash = hashlib.sha256(b"[")

    def usable(self, paths: Sequence[Path]) -> Iterator[Seed]:
        """Every usable seed of the files, once."""
        for path in paths:
            try:
                file = open_file(path, lambda record: known_form(record, self.columns))
            except SeedError as error:
                if len(paths) == 1:
                    raise
                self.remarks.append(str(error))  # of several files, one may be spoilt
                continue
            self.kinds[file.kind] += 1
            for where, record in file.records:
                place = self.counts["records"]
                self.counts["records"] += 1
                seed = self.take(place, f"{path.name}, {where}" if len(paths) > 1 else where, record)
                if seed:
                    yield seed

    def take(self, place: int, where: str, record: Any) -> Seed | None:
        """The seed that a record is, if it is one and the first of its kind."""
        if self.columns and isinstance(record, Mapping):
            self.unseen -= record.keys()
            if len(self.names) < MAX_NAMES:
                self.names.update(dict.fromkeys(map(str, record)))
        try:
            if isinstance(record, Unfit):
                raise record
            draft = read_record(record, self.columns)
        except Unfit as unfit:
            self.counts[unfit.kind] += 1
            self.tell(f"{where}: {unfit}", always=unfit.kind == "torn")
            return None
        # A digest, so that a large file is not kept in memory twice.
        key = hashlib.sha256(f"{_plain(draft.instruction)}\0{_plain(draft.response)}".encode()).digest()[:16]
        if key in self.seen:
            self.counts["duplicate"] += 1
            self.tell(f"{where}: the same as {self.seen[key]}")
            return None
        self.seen[key] = where
        return self.kept(place, draft)

    def tell(self, problem: str, always: bool = False) -> None:
        """Note a problem; beyond those that are shown, the counts are enough."""
        if always:
            self.remarks.append(problem)
        elif len(self.problems) < SHOWN:
            self.problems.append(problem)

    def kept(self, place: int, draft: Draft) -> Seed:
        self.forms[draft.form] += 1
        self.notes.update(draft.notes)
        seed = Seed(
            id=f"seed-{place:05d}",
            instruction=draft.instruction,
            response=draft.response,
            domain=draft.domain,
            keywords=draft.keywords,
            summary=draft.summary,
        )
        self.hash.update(("," * (self.forms.total() > 1) + _line(seed)).encode())
        return seed

    def check(self) -> None:
        """Whether a run can be made of what was found.

        Raises:
            SeedError: it cannot; says why and what to do.
        """
        if self.names and self.unseen:
            raise SeedError(_no_column(self))
        if not self.forms:
            raise SeedError(_nothing_usable(self))

    def report(self, seeds: tuple[Seed, ...]) -> SeedReport:
        self.hash.update(b"]")
        return SeedReport(
            seeds=seeds,
            usable=self.forms.total(),
            digest=f"sha256:{self.hash.hexdigest()}",
            kind=" and ".join(f"{n} files of {kind}" if n > 1 else kind for kind, n in self.kinds.most_common()),
            form=" and ".join(form for form, _ in self.forms.most_common()),
            problems=self.told(),
            records=self.counts["records"],
            empty=self.counts["empty"],
            duplicates=self.counts["duplicate"],
            malformed=self.counts["malformed"] + self.counts["torn"],
        )

    def told(self) -> tuple[str, ...]:
        """What was left out, the first problems, how many more there are, and what was done to usable records."""
        more = self.counts["empty"] + self.counts["duplicate"] + self.counts["malformed"] - len(self.problems)
        rest = [f"and {_count(more)} more, skipped"] if more > 0 else []
        notes = [f"{_count(number)}: {note}" for note, number in self.notes.items()]
        return (*self.remarks, *self.problems, *rest, *notes)


def _line(seed: Seed) -> str:
    """A seed as the digest of all takes it. Not by `asdict`, which takes a quarter of all the time."""
    named = {field.name: getattr(seed, field.name) for field in fields(seed)}
    return json.dumps(named, ensure_ascii=False, separators=(",", ":"))


def _plain(text: str) -> str:
    """What two texts have in common that differ in nothing but letter case and white space."""
    return " ".join(text.split()).casefold()


def _no_column(reading: _Reading) -> str:
    """Each column that is missing, and what it may have been meant to be."""
    lines = []
    there = {name.casefold(): name for name in reading.names}
    for name, column in reading.columns.items():
        if column in reading.unseen:
            near = difflib.get_close_matches(column.casefold(), there, n=1, cutoff=0.5)
            hint = f"; did you mean {in_short([there[near[0]]])}?" if near else ""
            lines.append(f"  `seeds.columns.{name}`: there is no column {in_short([column])}{hint}")
    return "\n".join([f"{reading.path}: its columns are {in_short(reading.names)}.", *lines])


def _nothing_usable(reading: _Reading) -> str:
    records = reading.counts["records"]
    if not records:
        return f"{reading.path}: there is no record in it.\n{_understood()}"
    kinds = ("malformed", "empty", "torn")
    counts = ", ".join(f"{reading.counts[kind]} {kind}" for kind in kinds if reading.counts[kind])
    first = "\n".join(f"  {problem}" for problem in (*reading.remarks, *reading.problems)[:3])
    return f"{reading.path}: none of its {_count(records)} can be used as a seed ({counts}):\n{first}\n{_understood()}"


def _understood() -> str:
    forms = "\n".join(f"  {form}" for form in FORMS)
    return f"""\
These forms are understood, in JSON, JSONL or as the columns of a table:
{forms}
Other names can be given: seeds: {{path: ..., columns: {{instruction: NAME, response: NAME}}}}"""


def _count(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"
