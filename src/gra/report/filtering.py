"""The filters of an export of several runs: those of the first run's configuration, with what is asked for laid over.

By meaning, benchmarks are compared with the run's own embedding model, which is started for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gra.config.export import ExportConfig
from gra.errors import ConfigError
from gra.export.filters.chosen import chosen, export_config
from gra.export.rows import LeftOut, Row
from gra.records import Status

if TYPE_CHECKING:
    from gra.export.filters.contamination import Item
    from gra.export.source import Screening
    from gra.postprocess.matrix import Vectors
    from gra.store.reader import Reader


def filters_for(readers: Sequence[Reader], asked: Mapping[str, Any], cosine: float | None = None) -> Screening:
    """The filters to hold the rows of these runs to.

    Args:
        readers: of the runs; the first one's configuration counts, benchmarks are those of all.
        asked: keys of `export:`. Benchmarks are added to those of the configuration, other keys take its place.
        cosine: from which a row means what an item of a benchmark does, in (0, 1]; None to compare words alone.

    Raises:
        ConfigError: a filter is unknown, or a benchmark cannot be read or compared.
        MissingExtra: something needs an extra that is not installed.
        EndpointError: the embedding model does not answer.
    """
    configs = [export_config(reader.run.document, reader.run.path / "run.json") for reader in readers]
    known = [path for config in configs for path in config.contamination]
    benchmarks = dict.fromkeys([*known, *(Path(path).absolute() for path in asked.get("contamination", ()))])
    plain = {**configs[0].model_dump(), **asked, "contamination": list(benchmarks)}
    try:
        config = ExportConfig.model_validate(plain)
    except ValueError:
        names = ", ".join(ExportConfig().filters)
        raise ConfigError(f"there is no filter of one of these names; there are: {names}, or `none` alone") from None
    filters = chosen(config)
    if cosine is None:
        return filters
    if not config.contamination:
        raise ConfigError("to compare by meaning there must be a benchmark: name its file with --contamination")
    from gra.export.filters.contamination import read_benchmark

    items = [item for path in config.contamination for item in read_benchmark(path)]
    return filters.also(_ByMeaning(readers, items, cosine), contamination_cosine=cosine)


class _ByMeaning:
    """A filter: benchmarks by meaning, for each run with the vectors that its own model gives."""

    def __init__(self, readers: Sequence[Reader], items: Sequence[Item], cosine: float) -> None:
        from gra.engine.apart import embedded_apart
        from gra.export.filters.contamination import Paraphrases
        from gra.export.source import run_names
        from gra.report.opening import config_of

        self._by_run: dict[str, Paraphrases] = {}
        for name, reader in zip(run_names(readers), readers, strict=True):
            missing = _without_vector(reader)
            config = config_of(reader.run)
            texts = [*(item.texts[0] for item in items), *missing]
            vectors = embedded_apart(config, texts, reader.embedding_model(), reader.run.path / "logs")
            own = dict(zip(missing, vectors[len(items) :], strict=True))
            self._by_run[name] = Paraphrases(items, vectors[: len(items)], cosine, _lookup(reader, own))

    def __call__(self, row: Row) -> LeftOut | None:
        return self._by_run[row.run](row)


def _without_vector(reader: Reader) -> list[str]:
    """Instructions of accepted samples that the run has not embedded."""
    instructions = (sample.instruction for sample in reader.iter_samples(Status.ACCEPTED))
    return list(dict.fromkeys(text for text in instructions if text.strip() and reader.vectors([text])[0] is None))


def _lookup(reader: Reader, own: Mapping[str, Vectors]) -> Any:
    def vector_of(row: Row) -> Vectors | None:
        import numpy as np

        text = row.sample.instruction
        found = own.get(text)
        if found is None:
            found = reader.vectors([text])[0]
        if found is None:
            return None
        vector = np.asarray(found, np.float32)
        unit: Vectors = vector / max(float(np.linalg.norm(vector)), 1e-12)
        return unit

    return vector_of
