"""An export of several forms at once: one folder, complete or not there, with a manifest of what is in it and why.

The rows are read once, or twice if they are divided, and written to all files as they come: memory does not grow with
them, but for what tells the two sides of a split apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gra.errors import ConfigError, TargetMissed
from gra.export.dataset import known_format, require_samples, why_nothing
from gra.export.files import DataFile, Files, place_for, put_lines
from gra.export.forms import PARTS, Format, Part
from gra.export.manifest import described, notices
from gra.export.papers import CARD, NEEDS, Recipe, configs, papers
from gra.export.rejected import left_out_rows, rejected_rows
from gra.export.source import LeftOuts, Screening, Source
from gra.export.whole_file import whole_folder
from gra.plugins import SYNTAX

if TYPE_CHECKING:
    from gra.export.splits import Split
    from gra.store.reader import Reader


Card = Callable[[Source, Screening, list[dict[str, Any]], Sequence[DataFile]], str]
"""From what was exported, through which filters, the card's `configs` and the data files, to the card's text."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an export is to hold."""

    formats: Sequence[str] = (Format.MESSAGES,)
    recipes: Sequence[str] = ()
    """Trainers to write a ready configuration for; brings the form that it trains on."""
    metadata: bool = False
    """What is known of a row stands in the row itself where its consumer takes that, not in a file beside it."""
    test_share: float = 0.0
    """Of the accepted rows, in [0, 1); 0 divides nothing."""
    alike: float = 0.8
    """Cosine of two instructions from which their rows go to the same side, in (0, 1]. Low ones take long."""
    least_margin: float = 0.0
    """Of a pair, 0-10."""
    rejected: bool = False
    """Also what was not accepted, with reasons, in a file of its own."""


class Exported(NamedTuple):
    """An export that was written."""

    path: Path
    manifest: dict[str, Any]
    left_out: LeftOuts
    notices: list[str]
    """What a person should know of it."""


def write_folder(
    readers: Sequence[Reader],
    wanted: Wanted,
    out: Path | None = None,
    screening: Screening | None = None,
    card: Card | None = None,
) -> Exported:
    """Write a folder, by default `export/dataset` in the first run's.

    Args:
        readers: of the runs.
        wanted: what it is to hold.
        out: the folder; one that is there is replaced if an export wrote all of it.
        screening: further reasons for leaving a row out.
        card: writes the dataset card of a `datasets` folder.

    Raises:
        ConfigError: something is wanted that there is not, or no test split can be made.
        TargetMissed: a run has no accepted sample, or nothing of what is wanted was found; nothing is written.
        MissingExtra: Parquet needs an extra that is not installed.
        StoreError: the folder holds something else, or cannot be written.
    """
    parts, recipes = _parts(wanted)
    screening = screening or Screening()
    source = Source(readers, screening=screening)
    require_samples(source)
    path = out or readers[0].run.export / "dataset"
    with whole_folder(path) as draft:
        kinds = {part.kind for _, part in parts}
        split = _split(source, wanted, "judged" in kinds) if wanted.test_share else None
        with Files(draft, parts, wanted.metadata) as files:
            for kind, item, row in source.items(kinds, wanted.least_margin):
                side = split.side(row) if split else ""
                if side is not None:  # a row that came after the rows were divided is left to the next export
                    files.add(kind, side, item)
        if not files.data:
            raise TargetMissed(f"nothing of what is asked for was found, so nothing was written; {why_nothing(source)}")
        for name, text in papers(files.data, recipes):
            place_for(draft, name).write_text(text, encoding="utf-8")
        if card and (front := configs(files.data)):
            place_for(draft, CARD).write_text(card(source, screening, front, files.data), encoding="utf-8")
        if wanted.rejected:
            put_lines(draft, "rejected.jsonl", rejected_rows(source))
        if source.left_out.rows:
            put_lines(draft, "left_out.jsonl", left_out_rows(source))
        manifest = described(draft, source, wanted, screening, split, files.data)
    return Exported(path, manifest, source.left_out, notices(manifest))


def _parts(wanted: Wanted) -> tuple[list[tuple[Format, Part]], list[Recipe]]:
    """The files to write, each form once."""
    for name in wanted.recipes:
        if name not in list(Recipe):
            raise ConfigError(f"there is no recipe `{name}`; there are: {', '.join(Recipe)}")
    for name in wanted.formats:
        if re.fullmatch(SYNTAX, name):
            raise ConfigError(f"`{name}` is a form of your own, which is written alone: name a file with --out")
    recipes = [Recipe(name) for name in wanted.recipes]
    formats = [*map(known_format, wanted.formats), *(NEEDS[recipe] for recipe in recipes)]
    return [(format, part) for format in dict.fromkeys(formats) for part in PARTS[format]], recipes


def _split(source: Source, wanted: Wanted, with_rejected: bool) -> Split:
    from gra.export.splits import Grouping  # NumPy: only where something is divided

    if not 0 < wanted.test_share < 1:
        raise ConfigError(f"a test share of {wanted.test_share:g} leaves nothing to train on, or to test: take 0.1")
    grouping = Grouping(wanted.alike)
    models = {name: reader.embedding_model() for name, reader in source.runs}
    readers = dict(source.runs)
    first = source.runs[0][0]
    for row in source.rows():
        # Vectors of two models say nothing together; rows without one are compared by their words.
        same = models[row.run] == models[first]
        grouping.add(row, readers[row.run].vectors([row.sample.instruction])[0] if same else None)
    for row in source.turned_down() if with_rejected else ():
        grouping.add(row, None, counts=False)
    return grouping.split(wanted.test_share, int(readers[first].run.config.get("random_seed", 0)))
