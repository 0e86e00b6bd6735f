"""The filters as a post-processor of a run: what they find is `filtered`, and the run goes on until it has enough.

    postprocess:
      - {use: "gra.export.filters.processor:Filtered", options: {filters: [secrets, refusals]}}

An export leaves the same rows out, but then there are fewer than the target.
"""

from __future__ import annotations

from pathlib import Path

from gra.config.export import ExportConfig
from gra.config.synthesis import SynthesisConfig
from gra.errors import ConfigError
from gra.export.filters.chosen import chosen
from gra.export.rows import Row
from gra.records import Sample
from gra.synthesis.plugged import dropped


class Filtered:
    """Drops what the filters find in a sample.

    Args:
        config: the run's; not used.
        filters: names of filters, all that look at one sample alone by default; `duplicates` is not among them.
        contamination: files of benchmarks.
        languages: codes of the languages to keep.

    Raises:
        ConfigError: a filter is unknown, or a benchmark cannot be read.
    """

    def __init__(
        self,
        config: SynthesisConfig,
        filters: tuple[str, ...] = ("secrets", "personal", "refusals", "boilerplate", "repetition"),
        contamination: tuple[str, ...] = (),
        languages: tuple[str, ...] = (),
    ) -> None:
        plain = {"filters": filters, "contamination": [Path(path) for path in contamination], "languages": languages}
        try:
            asked = ExportConfig.model_validate(plain)
        except ValueError as error:
            raise ConfigError(f"`postprocess`: {error}") from None
        if "duplicates" in asked.filters:
            raise ConfigError("`postprocess`: `duplicates` compares rows, so it is a filter of exports alone")
        screening = chosen(asked)
        self._filters = (*screening.screens, *screening.filters)

    def __call__(self, sample: Sample) -> Sample:
        """The sample as it is, or dropped for the first reason."""
        why = next((why for says in self._filters if (why := says(Row(sample, "")))), None)
        return dropped(sample, f"{why.kind}: {why.reason}") if why else sample
