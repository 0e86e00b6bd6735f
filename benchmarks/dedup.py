"""What de-duplication costs: time and memory for so many vectors of 384 numbers, exact.

    taskset -c 0 python benchmarks/dedup.py [--vectors 50000] [--dimensions 384] [--again] [--late 20]

The vectors lie in 200 clusters, with cosines of about 0.5 within one, and one in twenty is a near copy of another. They
are added in blocks, as in a round whose target is far, then `--late` more are each added and counted, as near the end
of a round; then all is decided. `--again` also does it the plain way, one product of a matrix and a vector for each
sample, and compares. CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import os
import resource
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=50_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--late", type=int, default=20)
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    # BLAS reads its number of threads when NumPy is first imported, hence the imports inside.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    measure(arguments.vectors, arguments.dimensions, arguments.late, arguments.again)


def measure(count: int, dimensions: int, late: int, again: bool) -> None:
    import numpy as np

    from gra.postprocess.dedup import Known, Selection

    draw = np.random.default_rng(0)
    centres = draw.standard_normal((200, dimensions)).astype(np.float32)
    scores = draw.random(count)

    def vector(n: int, copied: bool = True) -> np.ndarray:
        own = np.random.default_rng(n)
        if (own.random() < 0.05) and copied and n:
            found = vector(int(own.integers(n)), copied=False) + 0.3 * own.standard_normal(dimensions) / dimensions**0.5
        else:
            found = centres[own.integers(200)] + own.standard_normal(dimensions)
        unit: np.ndarray = (found / np.linalg.norm(found)).astype(np.float32)
        return unit

    spent = {"begin": time.process_time()}
    selection = Selection(Known(), 0.9)
    before = peak_mb()
    making = 0.0
    for n in range(count):
        if n == count - late:
            selection.accepted()
            spent["added"] = time.process_time() - making
        begun = time.process_time()
        made = vector(n)
        making += time.process_time() - begun
        selection.add(n, scores[n], made)
        if n >= count - late:
            selection.accepted()
    spent["late"] = time.process_time() - making
    accepted = {d.index: d.similarity for d in selection.decisions() if d.accepted}
    spent["decided"] = time.process_time() - making
    print(f"{count} vectors of {dimensions}, {len(accepted)} accepted")
    print(f"added   {spent['added'] - spent['begin']:8.1f} CPU s")
    print(f"late    {1000 * (spent['late'] - spent['added']) / max(1, late):8.1f} CPU ms for each of {late}")
    print(f"decided {spent['decided'] - spent['late']:8.1f} CPU s")
    print(f"memory  {peak_mb() - before:8.0f} MB more than before, {peak_mb():.0f} MB in all")
    if again:
        begun = time.process_time()
        rows = np.stack([vector(n) for n in range(count)])
        making, begun = time.process_time() - begun, time.process_time()
        known, kept = np.empty_like(rows), 0
        plain = {}
        for n in np.lexsort((np.arange(count), -scores)):
            cosines = known[:kept] @ rows[n]
            if kept and cosines.max() >= 0.9:
                continue
            plain[int(n)] = float(cosines.max()) if kept else None
            known[kept] = rows[n]
            kept += 1
        print(f"plain   {time.process_time() - begun:8.1f} CPU s; the same accepted: {plain.keys() == accepted.keys()}")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
