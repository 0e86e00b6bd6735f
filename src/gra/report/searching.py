"""Whether samples have something in common with benchmarks: the searches that a report counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gra.export.filters.contamination import Contamination, read_benchmark
from gra.export.rows import Row
from gra.records import Sample

Search = Callable[[Sample], bool]


def searches_in(paths: Sequence[Path]) -> Mapping[str, Search]:
    """By each benchmark's file, whether a sample has a run of 13 words of it, as the filter of `gra export` has it.

    Raises:
        ConfigError: a file cannot be read, or holds nothing to look for.
    """
    return {str(path): _search(Contamination(tuple(read_benchmark(path)))) for path in paths}


def _search(contamination: Contamination) -> Search:
    return lambda sample: contamination(Row(sample, "")) is not None
