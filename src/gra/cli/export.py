"""`gra export`: the samples of one run, or of several, as a dataset."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gra.cli.arguments import Json, run_folders
from gra.cli.console import print_json, say
from gra.config.filter_names import FILTERS
from gra.display.safe import one_line
from gra.errors import ConfigError
from gra.export import PARTS, Format, Recipe, Wanted, write_datasets, write_folder
from gra.records import Status
from gra.report.opening import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gra.export.source import LeftOuts, Screening
    from gra.store.reader import Reader

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="Folder of the run. Several make one dataset, in this order.",
        autocompletion=run_folders,
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FORM",
        help=f"Form of the dataset, by default messages: {', '.join(Format)}, or your own as FILE.py:NAME. May be "
        "given several times.",
        autocompletion=lambda: list(Format),
    ),
]
Recipes = Annotated[
    list[str] | None,
    typer.Option(
        metavar="|".join(Recipe),
        help="With training configurations for this trainer. May be given several times.",
        autocompletion=lambda: list(Recipe),
    ),
]

FilterNames = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="|".join((*FILTERS, "none")),
        help="Reasons for leaving a row out, in place of those of the run's configuration (by default all). May be "
        "given several times.",
        autocompletion=lambda: [*FILTERS, "none"],
    ),
]
Benchmarks = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Leave out rows that have something of this benchmark in them; beside those of the configuration. May be "
        "given several times.",
    ),
]
Languages = Annotated[
    list[str] | None,
    typer.Option(metavar="CODE", help="Leave out rows in other languages (en, de, ...). May be given several times."),
]


def export(
    runs: Runs,
    format: Formats = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write, or a folder if its name has no ending; by default in the first run's `export`."
        ),
    ] = None,
    status: Annotated[Status, typer.Option(help="Samples that ended so; other than accepted: in one file.")] = (
        Status.ACCEPTED
    ),
    metadata: Annotated[
        bool,
        typer.Option(
            "--metadata/--no-metadata",
            help="With what is known of each sample in its row, where the form allows it (tables always have it).",
        ),
    ] = False,
    test_share: Annotated[
        float, typer.Option(min=0, max=1, help="Set so much apart for a test; rows that are alike stay together.")
    ] = 0.0,
    alike: Annotated[
        float, typer.Option(min=0.5, max=1, help="Cosine of two instructions from which they are alike, for a test.")
    ] = 0.8,
    least_margin: Annotated[
        float, typer.Option(min=0, max=10, help="By how much the better answer of a pair must be better, of 10 points.")
    ] = 0.0,
    with_rejected: Annotated[
        bool, typer.Option("--with-rejected", help="Also what was not accepted, with reasons, in a file of its own.")
    ] = False,
    recipe: Recipes = None,
    filter: FilterNames = None,
    contamination: Benchmarks = None,
    contamination_cosine: Annotated[
        float | None,
        typer.Option(
            min=0.3,
            max=1,
            help="Also leave out rows whose instruction means what an item of a benchmark does: cosine of their "
            "embeddings, for example 0.85. Starts the run's embedding model.",
        ),
    ] = None,
    language: Languages = None,
    as_json: Json = False,
) -> None:
    """Write the accepted samples as a dataset.

    One form becomes one file. Several, those of several files (llama-factory, axolotl, datasets), a test, rejected
    samples and recipes become a folder with a manifest.

    Of several runs, for example refined seeds and what was synthesised from them, an instruction is taken once, from
    the first that has it.
    """
    from gra.report.card import card_of
    from gra.report.filtering import filters_for

    formats = tuple(format or ([] if recipe else [Format.MESSAGES.value]))
    wanted = Wanted(formats, tuple(recipe or ()), metadata, test_share, alike, least_margin, with_rejected)
    with ExitStack() as opened:
        readers = [opened.enter_context(reading(run)) for run in runs]
        filters = filters_for(readers, _asked(filter, contamination, language), contamination_cosine)
        if not _is_folder(wanted, out):
            _file(readers, wanted, out, status, filters, as_json)
            return
        if status is not Status.ACCEPTED:
            raise ConfigError(
                f"samples that ended as {status.value} are written in one form to one file; "
                "those that were rejected, beside accepted ones, with --with-rejected"
            )
        exported = write_folder(readers, wanted, out, filters, card_of)
    if as_json:
        print_json({"path": exported.path, **exported.manifest, "notices": exported.notices})
        return
    _print_folder(exported.path, exported.manifest)
    _say_left_out(exported.left_out)
    for notice in exported.notices:
        say(f"note: {notice}")


def _is_folder(wanted: Wanted, out: Path | None) -> bool:
    """Whether what is wanted is more than a file, or is to be in a folder."""
    if len(wanted.formats) != 1 or wanted.recipes or wanted.test_share or wanted.rejected:
        return True
    several = wanted.formats[0] in list(Format) and len(PARTS[Format(wanted.formats[0])]) > 1
    own = wanted.formats[0] not in list(Format)
    return several or (out is not None and not own and (out.is_dir() or not out.suffix))


def _asked(names: list[str] | None, benchmarks: list[Path] | None, languages: list[str] | None) -> dict[str, Any]:
    """The options as keys of `export:`."""
    asked: dict[str, Any] = {}
    if names is not None:
        asked["filters"] = [] if names == ["none"] else names
    if benchmarks:
        asked["contamination"] = benchmarks
    if languages:
        asked["languages"] = languages
    return asked


def _file(
    readers: Sequence[Reader], wanted: Wanted, out: Path | None, status: Status, filters: Screening, as_json: bool
) -> None:
    form = wanted.formats[0]
    path, rows, left_out = write_datasets(readers, form, out, status, wanted.metadata, wanted.least_margin, filters)
    count = left_out.counts.total()
    if as_json:
        told: dict[str, Any] = {"path": path, "format": form, "status": status.value, "samples": rows}
        told |= {"left_out": count, **({"reasons": left_out.counts} if count else {})}
        print_json({**told, **({"let_in": left_out.let_in} if left_out.let_in else {})})
        return
    kind = PARTS[Format(form)][0].kind if form in list(Format) else "sample"
    name = f"{status.value} sample" if kind == "sample" else "pair" if kind == "pair" else "judged answer"
    print(f"{rows} {name}{'' if rows == 1 else 's'} in {path}")
    if repeated := left_out.counts["repeated"]:
        print(f"{repeated} left out, whose instruction was there already")
    elif len(readers) > 1:
        print("0 left out, whose instruction was there already")
    for reason, number in sorted(left_out.counts.items()):
        if reason not in ("repeated", "unfit"):
            print(f"left out: {number:,} ({reason})")
    _say_left_out(left_out, but="repeated")


def _print_folder(path: Path, manifest: dict[str, Any]) -> None:
    print(f"{path}:")
    files = manifest["files"]
    for file in files:
        if "rows" in file:
            print(f"  {file['rows']:>8,} rows  {file['path']}")
    beside = dict.fromkeys(_shown(file["path"]) for file in files if "rows" not in file)
    for name in (*beside, "manifest.json"):
        print(f"  {' ' * 13}  {name}")
    for name, kind in (("left_out", "left out"), ("no_pair", "no pair"), ("no_judgement", "no judgement")):
        for reason, count in manifest[name].items():
            print(f"{kind}: {count:,} ({reason})")


def _shown(name: str) -> str:
    """A file by its name, but of provenance, which has a file for each other file, only the folder."""
    return "provenance/" if name.startswith("provenance/") else name


def _say_left_out(left_out: LeftOuts, but: str = "") -> None:
    for text in left_out.let_in.values():
        say(f"let in: {one_line(text, 300)}")
    told = [text for kind, text in left_out.told if kind != but]
    for text in told:
        say(f"left out: {one_line(text, 300)}")
    more = sum(count for kind, count in left_out.counts.items() if kind != but) - len(told)
    if more:
        say(f"and {more} more left out")
