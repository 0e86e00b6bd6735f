"""What a dataset may hold when it leaves a run. It changes no sample, so nothing here is in the fingerprint."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from gra.config.filter_names import FILTERS, FilterName
from gra.config.settings import Settings


class ExportConfig(Settings):
    """Which rows are left out of datasets, and what the dataset card says of licences ([filters.md](filters.md))."""

    filters: tuple[FilterName, ...] = FILTERS
    """Reasons for leaving a row out, beside the next two; `[]` for none."""
    contamination: tuple[Path, ...] = ()
    """Files of benchmarks: rows that have a run of 13 words of them are left out."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes: rows that are certainly in another language are left out. Needs the extra `language`."""
    licence: str = Field(default="", max_length=100)
    """The dataset's own licence for its card, as the hub names it, for example `cc-by-4.0`; nothing is said without."""
    seeds_licence: str = Field(default="", max_length=200)
    """The licence of the seeds, or documents, that the samples are made from; it goes into the card."""
