"""Texts embedded apart from any run, by a run's own embedding model: what an export compares its rows with."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from gra.config.load import RunConfig
from gra.engine.models import EMBEDDINGS, open_models
from gra.errors import ConfigError
from gra.postprocess.matrix import Vectors
from gra.store.ledger import embedded

BATCH = 64
"""Texts of one request."""


def embedded_apart(config: RunConfig, texts: list[str], identity: str, logs: Path) -> Vectors:
    """Unit vectors of texts, shape (len(texts), dimensions). The model is started, asked and stopped.

    Args:
        config: the run's.
        texts: what to embed, as much of each as a run embeds.
        identity: of the model that the run's own vectors are from; empty if it has none.
        logs: where an embedded server writes.

    Raises:
        ConfigError: the model is the user's own code, which an export does not run, or another than the run had.
        EndpointError: it does not answer.
        CatalogueError: it cannot be had.
    """
    if config.synthesis.embeddings.backend:
        raise ConfigError(
            "the run's embeddings are from code of your own, which an export does not run. Compare with benchmarks by "
            "words alone: without --contamination-cosine"
        )
    with ThreadPoolExecutor(1) as thread:  # a notebook's own loop is busy with the cell
        return thread.submit(lambda: asyncio.run(_embedded(config, texts, identity, logs))).result()


async def _embedded(config: RunConfig, texts: list[str], identity: str, logs: Path) -> Vectors:
    shortened = [embedded(text) for text in texts]
    async with open_models(config, lambda _: None, logs, only=(EMBEDDINGS,)) as models:
        served = models.identities[EMBEDDINGS]
        if identity and served != identity:
            raise ConfigError(
                f"the run's embeddings are from `{identity}`, and now there is `{served}`: their vectors cannot be "
                "compared. Compare with benchmarks by words alone: without --contamination-cosine"
            )
        found = [
            vector
            for begin in range(0, len(shortened), BATCH)
            for vector in await models.endpoints[EMBEDDINGS].embed(shortened[begin : begin + BATCH])
        ]
    vectors: Vectors = np.asarray(found, np.float32)
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
