"""The filters that are asked for, in their order. Reads benchmarks; looks at no row.

Screens see rejected answers too, where such are written: nobody wants another's key, or a benchmark, even as a bad
example. The others are about what is worth learning, so a bad example may well be one: a refusal, or a text that goes
round in circles, is what the worse half of a pair should be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from gra.config.export import ExportConfig
from gra.errors import StoreError
from gra.export.filters.boilerplate import found_boilerplate, found_refusal
from gra.export.filters.contamination import Contamination, read_benchmark
from gra.export.filters.personal import found_personal
from gra.export.filters.repetition import found_repetition
from gra.export.filters.secrets import found_secret
from gra.export.rows import Filter, LeftOut, Row
from gra.export.source import Screening


def chosen(config: ExportConfig) -> Screening:
    """The filters of a configuration; they remember rows, so each export needs its own.

    Raises:
        ConfigError: a benchmark cannot be read, or a language is unknown.
        MissingExtra: languages need an extra that is not installed.
    """
    names = config.filters
    screens: list[Filter] = []
    if "secrets" in names:
        screens.append(partial(_anywhere, "secret", found_secret))
    if "personal" in names:
        screens.append(partial(_anywhere, "personal data", found_personal))
    if config.contamination:
        items = [item for path in config.contamination for item in read_benchmark(path)]
        screens.append(Contamination(items))
    filters: list[Filter] = []
    if "refusals" in names:
        filters.append(_refusal)
    if "boilerplate" in names:
        filters.append(_boilerplate)
    if "repetition" in names:
        filters.append(_repetition)
    if config.languages:
        filters.append(_in_language(config.languages))
    if "duplicates" in names:
        from gra.export.filters.duplicates import Duplicates  # NumPy

        filters.append(Duplicates())
    told = {
        "filters": list(names),
        "contamination": [path.name for path in config.contamination],
        "languages": list(config.languages),
    }
    return Screening(screens, filters, told)


def export_config(document: Mapping[str, Any], source: object) -> ExportConfig:
    """What a run's `run.json` says of exports; the defaults where it is from before there were any.

    Raises:
        StoreError: it was changed so that it is none any more.
    """
    config = document.get("config")
    block = config.get("export") if isinstance(config, Mapping) else None
    try:
        return ExportConfig.model_validate(block or {})
    except ValueError as error:
        raise StoreError(f"{source}: its `config.export` is damaged ({error}). Restore it from a copy") from None


def _texts(row: Row) -> Iterator[tuple[str, str]]:
    """Everything that models wrote and that leaves with the row, by what it is called."""
    sample = row.sample
    yield "instruction", sample.instruction
    yield "response", sample.response
    yield "summary", sample.summary
    yield "keywords", "\n".join(sample.keywords)


def _anywhere(kind: str, found: Any, row: Row) -> LeftOut | None:
    for name, text in _texts(row):
        if isinstance(text, str) and (what := found(text)):
            return LeftOut(kind, f"its {name} has {what} in {'them' if name == 'keywords' else 'it'}")
    return None


def _refusal(row: Row) -> LeftOut | None:
    said = found_refusal(row.sample.instruction, row.sample.response)
    return LeftOut("refusal", f"its response says `{said}`") if said else None


def _boilerplate(row: Row) -> LeftOut | None:
    said = found_boilerplate(row.sample.instruction, row.sample.response)
    return LeftOut("boilerplate", f"its response says `{said}`") if said else None


def _repetition(row: Row) -> LeftOut | None:
    found = found_repetition(row.sample.response)
    return LeftOut("repetition", f"its response repeats itself: {found}") if found else None


def _in_language(wanted: tuple[str, ...]) -> Filter:
    from gra.export.filters.language import Languages

    languages = Languages(wanted)

    def other(row: Row) -> LeftOut | None:
        for name in ("instruction", "response"):
            if what := languages.other(getattr(row.sample, name)):
                return LeftOut("language", f"its {name} {what}")
        return None

    return other
