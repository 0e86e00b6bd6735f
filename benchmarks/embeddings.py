"""Which way to MiniLM's vectors: GGUF at three precisions on llama.cpp's server, or plain NumPy.

    python benchmarks/embeddings.py [TEXTS.json] [--count 20] [--threads 1]

TEXTS.json is a list of objects with `instruction`, `input` and `output` (Alpaca's form); without it the texts
are made up. Each is cut to 55 words. Speed is in texts per CPU second, which other work on the machine
disturbs less than wall time. Errors are against the NumPy reference of `tests/catalogue/test_minilm.py`:
`|1-cos|` between the two vectors of one text, and how far the cosine of any two texts moves, which is what
a near-duplicate threshold feels. Linux only (`/proc`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

WORDS_PER_TEXT = 55


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    # BLAS reads its number of threads when NumPy is first imported, hence the imports inside.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "catalogue"))
    compare(read_texts(arguments.texts, arguments.count), arguments.threads)


def compare(texts: list[str], threads: int) -> None:
    import numpy as np
    from test_minilm import Reference, default_cache, model_folder, serving

    from gra.catalogue.minilm import Precision, convert

    folder = model_folder(default_cache())
    reference = Reference(folder)
    reference.embed(texts[0])  # the first pass touches the weights' pages
    start = time.process_time()
    expected = np.stack([reference.embed(text) for text in texts])
    spent = time.process_time() - start
    size = (folder / "model.safetensors").stat().st_size
    print(f"{len(texts)} texts of {WORDS_PER_TEXT} words, {threads} thread(s)")
    print("way     MB     texts/CPU s   max |1-cos|   max change of a pair's cosine")
    print(f"numpy   {size / 1e6:5.1f}  {len(texts) / spent:11.1f}   reference")

    precisions: tuple[Precision, ...] = ("f32", "f16", "q8_0")
    with tempfile.TemporaryDirectory() as scratch:
        for precision in precisions:
            target = Path(scratch) / f"{precision}.gguf"
            convert(folder, target, precision)
            with serving(target, threads=threads) as server:
                server.embed(texts[:1])
                start = cpu_seconds(server.pid)
                vectors = server.embed(texts)
                spent = cpu_seconds(server.pid) - start
            apart = np.abs(1 - (vectors * expected).sum(axis=1)).max()
            moved = np.abs(vectors @ vectors.T - expected @ expected.T).max()
            speed = f"{len(texts) / spent:11.1f}"
            print(f"{precision:6}  {target.stat().st_size / 1e6:5.1f}  {speed}   {apart:.1e}       {moved:.1e}")


def read_texts(path: Path | None, count: int) -> list[str]:
    if path is None:
        vocabulary = (Path(__file__).read_text("utf-8")).split()
        choose = random.Random(0)
        return [" ".join(choose.choices(vocabulary, k=WORDS_PER_TEXT)) for _ in range(count)]
    samples = json.loads(path.read_text("utf-8"))
    joined = [" ".join(f"{s['instruction']} {s['input']} {s['output']}".split()) for s in samples]
    cut = [" ".join(text.split()[:WORDS_PER_TEXT]) for text in joined if len(text.split()) >= WORDS_PER_TEXT]
    return cut[:count]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
