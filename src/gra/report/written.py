"""Writes the report of a run: one HTML file, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gra.export.whole_file import whole_file
from gra.report.chapters import document_of
from gra.report.findings import findings_of
from gra.report.html_page import to_html
from gra.report.markdown_page import to_markdown
from gra.report.searching import Search

if TYPE_CHECKING:
    from gra.store.reader import Reader

NAME = "report"


def write_report(
    reader: Reader,
    folder: Path | None = None,
    known: Mapping[str, bool] | None = None,
    searches: Mapping[str, Search] | None = None,
) -> tuple[Path, Path]:
    """Write `report.html` and `report.md`, and say where they are.

    Args:
        reader: of the run.
        folder: where; by default `export` of the run.
        known: by a sample's id, whether it is good; for calibration.
        searches: by a benchmark's name, whether a sample has something in common with it.

    Raises:
        StoreError: the run cannot be read, or the files cannot be written.
    """
    document = document_of(findings_of(reader, known, searches))
    place = folder or reader.run.export
    pages = (place / f"{NAME}.html", to_html(document)), (place / f"{NAME}.md", to_markdown(document))
    for path, page in pages:
        with whole_file(path) as file:
            file.write(page.encode("utf-8", "replace"))
    return pages[0][0], pages[1][0]
