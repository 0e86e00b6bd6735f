"""Pairs of near instructions: what gra's sieve costs, and what indexes find of them and cost.

    python benchmarks/neighbours.py FILE... [--vectors 50000] [--below 0.9] [--ways sieve,usearch,hnswlib,faiss-ivf]
        [--every 1]

The files are JSON or JSON lines with `instruction`, `question` or `prompt`. These, and sentences of their answers until
there are `--texts`, are embedded with the bundled MiniLM (`--keep FILE.npy` keeps the vectors, and takes them from
there if it exists). More than there are texts are made of them on the sphere: nine in ten lie between three real ones,
a tenth are earlier ones moved to a cosine of 0.85 to 1, so that there are neighbours on both sides of the limit.

`sieve` is what de-duplication does, block by block; `plain` is one product of each block with all before it.
`usearch`, `hnswlib` and `faiss-ivf` (to be installed by themselves) are asked for the ten nearest of each vector, block
by block as they are put in; pairs below the limit are dropped by their true cosine. Recall is against the pairs of the
first way. With `--every 20` all are put in, and only every twentieth block is compared. CPU seconds, one thread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # BLAS reads it when NumPy is first imported

import numpy as np  # noqa: E402

from gra.postprocess.matrix import Matrix, Vectors  # noqa: E402
from gra.postprocess.sieve import Sieve  # noqa: E402

BLOCK = 256
NEAREST = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--texts", type=int, default=12_000)
    parser.add_argument("--vectors", type=int, default=50_000)
    parser.add_argument("--below", type=float, default=0.9)
    parser.add_argument("--ways", default="sieve,plain")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    if arguments.keep and arguments.keep.exists():
        real = np.load(arguments.keep)
    else:
        real = asyncio.run(embedded(texts_of(arguments.files, arguments.texts)))
        if arguments.keep:
            np.save(arguments.keep, real)
    vectors = grown(real, arguments.vectors)
    print(f"{len(vectors)} vectors of {vectors.shape[1]}, grown from {len(real)}; limit {arguments.below}", flush=True)
    every: set[tuple[int, int]] | None = None
    for way in arguments.ways.split(","):
        begun = time.process_time()
        found = set(WAYS[way](vectors, arguments.below, arguments.every))
        spent = time.process_time() - begun
        every = every or found
        recall = len(found & every) / max(1, len(every))
        print(f"{way:10} {spent:8.1f} CPU s  {len(found)} pairs  recall {recall:.4f}", flush=True)


def texts_of(files: list[Path], most: int) -> list[str]:
    """All instructions, and some of the sentences of what answers them."""
    instructions, sentences = dict[str, None](), dict[str, None]()
    for file in files:
        text = file.read_text("utf-8")
        for row in json.loads(text) if text.lstrip().startswith("[") else map(json.loads, text.splitlines()):
            instruction = row.get("instruction") or row.get("question") or row.get("prompt")
            instructions[f"{instruction}\n{row.get('input', '')}".strip()[:1000]] = None
            answer = row.get("output") or row.get("response") or row.get("answer") or row.get("chosen") or ""
            sentences |= dict.fromkeys(s for s in re.split(r"(?<=[.!?])\s+|\n+", answer) if 20 <= len(s) <= 300)
    left = max(0, most - len(instructions))
    return [*instructions][:most] + random.Random(0).sample([*sentences], min(left, len(sentences)))


async def embedded(texts: list[str]) -> Vectors:
    # Here, so that vectors that were kept can be measured where there is nothing but NumPy and the indexes.
    from gra.catalogue import find, pull
    from gra.llm import Endpoint, LocalServer, Server, open_session

    with tempfile.TemporaryDirectory(prefix="gra-neighbours-") as logs:
        model, log = pull(find("all-minilm-l6-v2")), Path(logs) / "server.log"
        async with (
            open_session() as session,
            LocalServer("minilm", model, log, context=512, slots=1, threads=1, embedding=True) as server,
        ):
            endpoint = Endpoint("minilm", server.base_url, session, Server(1), model="minilm", key=server.key)
            pages = [await endpoint.embed(texts[n : n + 64]) for n in range(0, len(texts), 64)]
    found = np.array([vector for page in pages for vector in page], np.float32)
    unit: Vectors = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def grown(real: Vectors, count: int) -> Vectors:
    """So many vectors, in an order drawn at random."""
    draw = np.random.default_rng(0)
    found = np.empty((max(count, len(real)), real.shape[1]), np.float32)
    found[: len(real)] = real
    for begin in range(len(real), count, 10_000):
        size = min(10_000, count - begin)
        one, two, three = (real[draw.integers(len(real), size=size)] for _ in range(3))
        rows = one + draw.uniform(0.5, 1, (size, 1)) * two + draw.uniform(0.3, 0.6, (size, 1)) * three
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        moved = draw.random(size) < 0.1
        source = found[draw.integers(begin, size=moved.sum())]
        aside = real[draw.integers(len(real), size=moved.sum())]
        aside = aside - (aside * source).sum(axis=1, keepdims=True) * source
        aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
        cosine = draw.uniform(0.85, 1, (moved.sum(), 1))
        rows[moved] = cosine * source + np.sqrt(1 - cosine**2) * aside
        found[begin : begin + size] = rows
    found = found[draw.permutation(len(found))[:count]]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def sieve(vectors: Vectors, below: float, every: int) -> Iterator[tuple[int, int]]:
    rows = Matrix()
    this = Sieve(rows, below)
    for begin in range(0, len(vectors), BLOCK):
        for vector in vectors[begin : begin + BLOCK]:
            rows.append(vector)
        if begin // BLOCK % every:
            continue
        for row, other, _ in this.near(np.arange(begin, len(rows)), len(rows)):
            if other < begin + row:
                yield begin + row, other


def plain(vectors: Vectors, below: float, every: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, len(vectors), BLOCK * every):
        block = vectors[begin : begin + BLOCK]
        for start in range(0, begin + len(block), 4096):
            near = np.argwhere(block @ vectors[start : min(start + 4096, begin + len(block))].T >= below)
            yield from ((begin + row, start + other) for row, other in near.tolist() if start + other < begin + row)


def usearch(vectors: Vectors, below: float, every: int) -> Iterator[tuple[int, int]]:
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=16, expansion_add=64)
    index.expansion_search = 64

    def nearest(block: Vectors) -> Any:
        return index.search(block, NEAREST, threads=1).keys

    return one_by_one(vectors, below, every, nearest, lambda places, block: index.add(places, block, threads=1))


def hnswlib(vectors: Vectors, below: float, every: int) -> Iterator[tuple[int, int]]:
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), M=16, ef_construction=64)
    index.set_ef(64)
    index.set_num_threads(1)
    return one_by_one(
        vectors,
        below,
        lambda block: index.knn_query(block, NEAREST)[0],
        lambda places, block: index.add_items(block, places),
    )


def faiss_ivf(vectors: Vectors, below: float, every: int) -> Iterator[tuple[int, int]]:
    """As many cells as the root of the count, trained on forty vectors each; a sixteenth of them is searched."""
    import faiss

    faiss.omp_set_num_threads(1)
    cells = int(len(vectors) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[: 40 * cells])
    index.nprobe = max(8, cells // 16)

    def nearest(block: Vectors) -> Any:
        return index.search(block, NEAREST)[1]

    return one_by_one(vectors, below, every, nearest, lambda _, block: index.add(block))


def one_by_one(
    vectors: Vectors, below: float, every: int, nearest: Callable[[Vectors], Any], add: Callable[[Any, Vectors], Any]
) -> Iterator[tuple[int, int]]:
    """What an index gives. The block itself is put in first, so that it is searched too."""
    for begin in range(0, len(vectors), BLOCK):
        block = vectors[begin : begin + BLOCK]
        places = np.arange(begin, begin + len(block))
        add(places, block)
        if begin // BLOCK % every:
            continue
        for place, others in zip(places.tolist(), np.asarray(nearest(block)).astype(np.int64).tolist(), strict=True):
            for other in others:
                if 0 <= other < len(vectors) and other != place and vectors[place] @ vectors[other] >= below:
                    yield max(place, other), min(place, other)


WAYS: dict[str, Callable[[Vectors, float, int], Iterator[tuple[int, int]]]] = {
    "sieve": sieve,
    "plain": plain,
    "usearch": usearch,
    "hnswlib": hnswlib,
    "faiss-ivf": faiss_ivf,
}


if __name__ == "__main__":
    main()
