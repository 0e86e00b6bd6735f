"""What it would save to compress what a run stores, and what that would cost.

    python benchmarks/bodies.py RUN

Requests, replies and samples of a run, each by itself as it lies in its column: deflated as `store.codec` does it with
long ones, deflated with a dictionary of 32 kB made of 40 others of the same kind, and the same by zstd at level 1 if
the package `zstandard` is installed (gra does not use it). Printed are the mean size before and after, and
microseconds of CPU to write and to read one, the least of three times over all. A run of models that answer is needed:
what the fake server says compresses otherwise.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from gra.store.codec import _deflate, text_of

Code = Callable[[bytes], bytes]
QUERIES = {
    "requests": "SELECT request FROM calls",
    "replies": "SELECT reply FROM calls",
    "samples": "SELECT body FROM samples",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    database = parser.parse_args().run / "run.sqlite"
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        for name, query in QUERIES.items():
            bodies = [text_of(body).encode("utf-8", "surrogatepass") for (body,) in connection.execute(query)]
            if bodies:
                measured(name, bodies)


def measured(name: str, bodies: list[bytes]) -> None:
    some = random.Random(1).sample(bodies, min(40, len(bodies)))
    for way, write, read in ways(b"".join(some)[-32_768:]):
        costs = [9e9, 9e9]
        for _ in range(3):
            begun = time.process_time()
            written = [write(body) for body in bodies]
            half = time.process_time()
            back = [read(body) for body in written]
            costs = [min(costs[0], half - begun), min(costs[1], time.process_time() - half)]
        assert back == bodies
        before, after = (sum(map(len, these)) / len(bodies) for these in (bodies, written))
        each = [1e6 * cost / len(bodies) for cost in costs]
        print(
            f"{name:9} {way:22} {before:6.0f} to {after:5.0f} bytes {each[0]:6.1f} us to write {each[1]:5.1f} to read"
        )


def ways(words: bytes) -> Iterator[tuple[str, Code, Code]]:
    yield "deflated", lambda body: _deflate(body.decode("utf-8", "surrogatepass")), zlib.decompress

    def write(body: bytes) -> bytes:
        stream = zlib.compressobj(1, zdict=words)
        return stream.compress(body) + stream.flush()

    yield "deflated, dictionary", write, lambda body: zlib.decompressobj(zdict=words).decompress(body)
    with suppress(ImportError):
        import zstandard

        yield "zstd", zstandard.ZstdCompressor(1).compress, zstandard.ZstdDecompressor().decompress
        known = zstandard.ZstdCompressionDict(words)
        known.precompute_compress(level=1)
        pair = zstandard.ZstdCompressor(1, dict_data=known), zstandard.ZstdDecompressor(dict_data=known)
        yield "zstd, dictionary", pair[0].compress, pair[1].decompress


if __name__ == "__main__":
    main()
