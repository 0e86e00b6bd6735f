"""Datasets out of a run, in the forms that trainers read.

`write_dataset` writes one file of one run, `write_datasets` one of several runs, `write_folder` several forms at once,
divided, with a manifest. All are written whole or not at all, with the samples in the order they are given. `forms`
has what a row looks like for whom, `source` which rows there are, and why one is left out.

Another form is an `Exporter` of the user's own; another reason for leaving a row out is a `Filter`.
"""

from gra.export.dataset import Exporter, Written, screening_of, write_dataset, write_datasets
from gra.export.folder import Exported, Wanted, write_folder
from gra.export.forms import PARTS, Format, Part
from gra.export.papers import Recipe
from gra.export.rows import Filter, Integration, LeftOut, Row, exportable
from gra.export.sinks import write_rows
from gra.export.source import Screening

__all__ = [
    "PARTS",
    "Exported",
    "Exporter",
    "Filter",
    "Format",
    "Integration",
    "LeftOut",
    "Part",
    "Recipe",
    "Row",
    "Screening",
    "Wanted",
    "Written",
    "exportable",
    "screening_of",
    "write_dataset",
    "write_datasets",
    "write_folder",
    "write_rows",
]
