"""Reads a file of seeds in any of the common forms, and says what it could not use.

One bad record never spoils a file: it is counted and named. Knows no model and no run; what a seed is about is asked
of a model later, unless the file says it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gra.config.taxonomy import Leaf
from gra.errors import SeedError
from gra.ids import derived_seed
from gra.records import Seed
from gra.synthesis.seed_forms import FORMS, Draft, Unfit, read_record

MAX_FILE_BYTES = 256 * 2**20
SHOWN = 20
"""Problems told one by one; the rest are counted."""


@dataclass(frozen=True, slots=True)
class SeedReport:
    """The usable seeds of a file, and what became of the rest. The counts add up to `records`."""

    seeds: tuple[Seed, ...]
    digest: str
    """Hash of the usable seeds, the same for the same records in JSON and in JSONL."""
    form: str
    """The forms found, the commonest first, for example `alpaca`."""
    problems: tuple[str, ...]
    """What was skipped or changed and where, in words."""
    records: int
    empty: int
    """Without an instruction or without a response."""
    duplicates: int
    malformed: int
    """Not JSON, not UTF-8, of no known form, or with a field that is not text or too long."""


def read_seeds(path: Path | str) -> SeedReport:
    """Read the seeds of a JSON or JSONL file; which of the two is told from its content.

    Raises:
        SeedError: it cannot be read, or nothing in it is usable.
    """
    path = Path(path)
    reading = _Reading()
    for place, (where, record) in enumerate(_records(_text(path), path)):
        reading.take(place, where, record)
    if not reading.seeds:
        raise SeedError(_nothing_usable(path, reading))
    return reading.report()


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


def draw_seeds(seeds: Sequence[Seed], limit: int | None, random_seed: int) -> tuple[Seed, ...]:
    """At most `limit` seeds, in their order. A larger limit keeps what a smaller one drew."""
    if limit is None or limit >= len(seeds):
        return tuple(seeds)
    drawn = sorted(seeds, key=lambda seed: derived_seed(random_seed, "seeds", seed.id))[:limit]
    chosen = {seed.id for seed in drawn}
    return tuple(seed for seed in seeds if seed.id in chosen)


class _Reading:
    """Collects seeds, counts and problems over the records of one file."""

    def __init__(self) -> None:
        self.seeds: list[Seed] = []
        self.counts: Counter[str] = Counter()
        self.forms: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.problems: list[str] = []
        self.seen: dict[bytes, str] = {}

    def take(self, place: int, where: str, record: Any) -> None:
        self.counts["records"] += 1
        try:
            if isinstance(record, Unfit):
                raise record
            draft = read_record(record)
        except Unfit as unfit:
            self.counts[unfit.kind] += 1
            self.problems.append(f"{where}: {unfit}")
            return
        # A digest, so that a large file is not kept in memory twice.
        key = hashlib.sha256(f"{_plain(draft.instruction)}\0{_plain(draft.response)}".encode()).digest()
        if key in self.seen:
            self.counts["duplicate"] += 1
            self.problems.append(f"{where}: the same as {self.seen[key]}")
            return
        self.seen[key] = where
        self.keep(place, draft)

    def keep(self, place: int, draft: Draft) -> None:
        self.forms[draft.form] += 1
        self.notes.update(draft.notes)
        self.seeds.append(
            Seed(
                id=f"seed-{place:05d}",
                instruction=draft.instruction,
                response=draft.response,
                domain=draft.domain,
                keywords=draft.keywords,
                summary=draft.summary,
            )
        )

    def report(self) -> SeedReport:
        body = json.dumps([asdict(seed) for seed in self.seeds], ensure_ascii=False, separators=(",", ":"))
        return SeedReport(
            seeds=tuple(self.seeds),
            digest="sha256:" + hashlib.sha256(body.encode()).hexdigest(),
            form=" and ".join(form for form, _ in self.forms.most_common()),
            problems=self.told(),
            records=self.counts["records"],
            empty=self.counts["empty"],
            duplicates=self.counts["duplicate"],
            malformed=self.counts["malformed"],
        )

    def told(self) -> tuple[str, ...]:
        """The first problems, how many more there are, and what was done to usable records."""
        more = len(self.problems) - SHOWN
        rest = [f"and {more} more records were skipped"] if more > 0 else []
        notes = [f"{_count(number)}: {note}" for note, number in self.notes.items()]
        return (*self.problems[:SHOWN], *rest, *notes)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise SeedError(f"{path}: there is no such seed file. Set `seeds` to a JSON or JSONL file.") from None
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        raise SeedError(f"{path}: the seed file cannot be read ({error}).") from None
    if len(raw) > MAX_FILE_BYTES:
        raise SeedError(f"{path}: over {MAX_FILE_BYTES // 2**20} MB. Give a part of it; a few thousand seeds do well.")
    # Invalid bytes become lone surrogates, which mark the record they stand in and no other.
    return raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _records(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    """Each record with the place it stands at, in words; an `Unfit` in the place of a line that is no JSON."""
    if text.lstrip().startswith("["):
        for number, record in enumerate(_array(text, path), 1):
            yield f"record {number}", record
        return
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if lines and _parsed(lines[0][1]) is None:
        whole = _parsed(text)  # one record, spread over several lines
        if isinstance(whole, dict):
            yield "record 1", whole
            return
    for number, line in lines:
        record = _parsed(line)
        yield f"line {number}", Unfit("malformed", "not JSON") if record is None else record


def _array(text: str, path: Path) -> list[Any]:
    try:
        array = json.loads(text)
    except json.JSONDecodeError as error:
        raise SeedError(
            f"{path}, line {error.lineno}: the file begins as a JSON list but is not one ({error.msg}). "
            f"Mend it there, or write one record per line (JSONL)."
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of brackets
        raise SeedError(f"{path}: the JSON list holds something that cannot be read.\n{_understood()}") from None
    assert isinstance(array, list)
    return array


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _plain(text: str) -> str:
    """What two texts have in common that differ in nothing but letter case and white space."""
    return " ".join(text.split()).casefold()


def _nothing_usable(path: Path, reading: _Reading) -> str:
    if not reading.counts["records"]:
        return f"{path}: the seed file is empty.\n{_understood()}"
    counts = ", ".join(f"{reading.counts[kind]} {kind}" for kind in ("malformed", "empty") if reading.counts[kind])
    first = "\n".join(f"  {problem}" for problem in reading.problems[:3])
    return (
        f"{path}: none of its {_count(reading.counts['records'])} can be used as a seed ({counts}):\n"
        f"{first}\n{_understood()}"
    )


def _understood() -> str:
    return "\n".join(["These forms are understood, in a JSON list or one per line:", *(f"  {f}" for f in FORMS)])


def _count(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"
