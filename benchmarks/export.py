"""What an export costs: rows a second and the most memory, for a run of many accepted samples.

    python benchmarks/export.py FOLDER [--samples 100000] [--steps fill,file,...]

Makes a run in FOLDER (which must not exist, unless `fill` is left out) of so many accepted samples, half of them
revised, and half as many rejected ones, with a vector of 384 numbers for each that was accepted. No model takes part.
Each step is a process of its own; a row is one line of one file, whatever its form.

fill      write the run
file      one form, one file: messages
pairs     one form, one file: preference
folder    all forms at once, with manifest, provenance and rejected rows
split     one form, divided, near-duplicates together
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gra.export import Format, Recipe, Wanted, write_datasets, write_folder
from gra.ids import sample_id
from gra.records import Cast, Opinion, Sample, Status, Verdict, Version
from gra.store import rows
from gra.store.ledger import text_digest
from gra.store.reader import Reader
from gra.store.run_dir import create_run, open_run
from gra.store.writer import Writer
from steps import measure

GROUP = 500
"""Samples in one transaction of `fill`."""
CRITERIA = ("correctness", "clarity", "completeness", "relevance", "coherence", "ethicality")
CAST = Cast("writer", ("one", "two"), "judge")
WORDS = Path(__file__).read_text("utf-8").split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--steps", default=",".join(STEPS))
    arguments = parser.parse_args()
    measure({name: STEPS[name] for name in arguments.steps.split(",")}, arguments.folder, arguments.samples)


def sample(index: int, status: Status) -> Sample:
    """As large as those of a pool with two reviewers."""
    draw = random.Random(index)

    def version(number: int, outcome: Any, score: float) -> Version:
        scores = {criterion: draw.random() for criterion in CRITERIA}
        opinions = tuple(
            Opinion(name, "response", "probability", scores, " ".join(draw.choices(WORDS, k=15)))
            for name in ("one", "two")
        )
        verdict = Verdict(outcome, score, 0.3, f"score {score:.2f}", {"one": 0.5, "two": 0.5})
        return Version(number, " ".join(draw.choices(WORDS, k=80)), CAST, opinions, verdict)

    if status is Status.ACCEPTED:
        versions = (
            [version(0, "reject", 3.0), version(1, "accept", 8.0)] if index % 3 == 0 else [version(0, "accept", 7.0)]
        )
    else:
        versions = [version(0, "reject", 2.0)]
    made = Sample(sample_id(1, index), 1, index, "Math", CAST, ("seed-0", "seed-1"), tuple(draw.choices(WORDS, k=3)))
    return replace(
        made,
        instruction=" ".join(draw.choices(WORDS, k=25)),
        versions=tuple(versions),
        status=status,
        score=versions[-1].verdict.score,  # type: ignore[union-attr]
        reason="as it was made",
    )


def fill(folder: Path, count: int) -> None:
    run = create_run(folder, {"fingerprint": "sha256:export", "config": {"seed": 0, "target": count}})
    draw = np.random.default_rng(0)

    async def write() -> None:
        async with Writer(run) as writer:
            await writer.open_round(1, count)
            for begin in range(0, count * 3 // 2, GROUP):
                numbers = range(begin, min(begin + GROUP, count * 3 // 2))
                samples = [sample(n, Status.REJECTED_RESPONSE if n % 3 == 2 else Status.ACCEPTED) for n in numbers]

                def work(connection: Any, samples: list[Sample] = samples) -> None:
                    for each in samples:
                        rows.put_sample(connection, each)

                await writer._working().commit(work)
                texts = [each.instruction[:1000] for each in samples if each.status is Status.ACCEPTED]
                found = draw.standard_normal((len(texts), 384)).astype(np.float32)
                await writer.put_vectors("minilm", dict(zip(map(text_digest, texts), found, strict=True)))

    asyncio.run(write())


def file(folder: Path, count: int) -> None:
    one_file(folder, Format.MESSAGES)


def pairs(folder: Path, count: int) -> None:
    one_file(folder, Format.PREFERENCE)


def one_file(folder: Path, form: Format) -> None:
    with Reader(open_run(folder)) as reader:
        begun = time.monotonic()
        written = write_datasets([reader], form)
        told(written.rows, begun)


def folder_(folder: Path, count: int) -> None:
    in_folder(folder, Wanted(list(Format), list(Recipe), rejected=True))


def split(folder: Path, count: int) -> None:
    in_folder(folder, Wanted(test_share=0.1))


def in_folder(folder: Path, wanted: Wanted) -> None:
    with Reader(open_run(folder)) as reader:
        begun = time.monotonic()
        done = write_folder([reader], wanted)
        told(sum(each.get("rows", 0) for each in done.manifest["files"]), begun)


def told(count: int, begun: float) -> None:
    seconds = time.monotonic() - begun
    print(f"{'':8} {count:,} rows, {count / seconds:,.0f} a second", flush=True)


STEPS: dict[str, Callable[[Path, int], None]] = {
    "fill": fill,
    "file": file,
    "pairs": pairs,
    "folder": folder_,
    "split": split,
}


if __name__ == "__main__":
    main()
