"""What a report costs: time and the most memory, for a run of many samples judged by three reviewers and an exam.

    python benchmarks/report.py FOLDER [--samples 100000] [--steps fill,status,reviewers,report]

Makes a run in FOLDER (which must not exist, unless `fill` is left out) with the gate `calibrated`, whose decisions take
longest to make again, and a vector of 384 numbers for each accepted sample. No model takes part. Each step is a process
of its own.

fill       write the run
status     what `gra status` reads
reviewers  what `gra reviewers` counts
report     `gra report`, both pages
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from gra.config.fingerprint import resolved
from gra.config.load import load_config
from gra.config.synthesis import CalibratedGate
from gra.ids import sample_id
from gra.records import Cast, Entry, Opinion, Sample, Stage, Status, Version
from gra.report.bench import reviewers_of
from gra.report.glance import glance_of
from gra.report.survey import LOOKED_AT, report_on
from gra.report.written import write_report
from gra.store import rows
from gra.store.ledger import embedded, text_digest
from gra.store.reader import Reader
from gra.store.run_dir import create_run, open_run
from gra.store.writer import Writer
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.decide import settled
from gra.synthesis.standing import Standing, feature
from steps import measure

NAMES = ("qwen-a", "qwen-b", "llama-a", "gemma-a")
CRITERIA = ("correctness", "clarity", "completeness", "relevance", "coherence", "ethicality")
WORDS = Path(__file__).read_text("utf-8").split()
GROUP = 500
"""Samples in one transaction of `fill`."""
EXAM = 24
"""Seeds, and broken twins, in the exam."""
STAGES: tuple[Stage, ...] = ("instruction", "response")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--steps", default=",".join(STEPS))
    arguments = parser.parse_args()
    measure({name: STEPS[name] for name in arguments.steps.split(",")}, arguments.folder, arguments.samples)


def opinion(name: str, stage: Stage, quality: float, draw: random.Random) -> Opinion:
    """A reviewer sees the quality through its own noise."""
    noise = 0.6 + 0.3 * NAMES.index(name)
    shares = (1 / (1 + np.exp(-(quality + draw.gauss(0, noise)))) for _ in CRITERIA)
    return Opinion(name, stage, "probability", dict(zip(CRITERIA, map(float, shares), strict=True)))


def exam() -> list[Standing]:
    """How each did on good texts (quality 1) and broken ones (-1)."""
    draw = random.Random(0)
    return [
        Standing(
            name,
            stage,
            tuple(feature(opinion(name, stage, 1.0, draw)) for _ in range(EXAM)),
            tuple(feature(opinion(name, stage, -1.0, draw)) for _ in range(EXAM)),
        )
        for name in NAMES
        for stage in STAGES
    ]


def is_good(draw: random.Random) -> bool:
    """The first thing that is drawn of a sample."""
    return draw.random() < 0.5


def sample(index: int, gate: CalibratedRule) -> Sample:
    """As large as those of a pool with three reviewers."""
    draw = random.Random(index)
    generator = NAMES[index % 4]
    cast = Cast(generator, tuple(name for name in NAMES if name != generator), "")
    quality = 1.0 if is_good(draw) else -1.0
    on_instruction = tuple(opinion(name, "instruction", 1.0, draw) for name in cast.reviewers)
    first = gate.judge("instruction", on_instruction)
    blank = Sample(
        sample_id(1, index),
        1,
        index,
        ("Math", "Coding", "History")[index % 3],
        cast,
        keywords=tuple(draw.choices(WORDS, k=3)),
        instruction=f"{index} " + " ".join(draw.choices(WORDS, k=25)),
        opinions=on_instruction,
        verdict=first,
    )
    if first.outcome == "reject":
        return replace(blank, status=Status.REJECTED_INSTRUCTION, reason=first.reason, score=first.score)
    on_response = tuple(opinion(name, "response", quality, draw) for name in cast.reviewers)
    verdict = gate.judge("response", on_response)
    settlement = settled(verdict, "majority") if verdict.outcome == "dispute" else None
    final = settlement or verdict
    return replace(
        blank,
        versions=(Version(0, " ".join(draw.choices(WORDS, k=80)), cast, on_response, verdict, settlement=settlement),),
        status=Status.ACCEPTED if final.outcome == "accept" else Status.REJECTED_RESPONSE,
        reason=final.reason,
        score=final.score,
        similarity=draw.random(),
    )


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    seeds = [{"instruction": f"Say number {n} in words.", "response": f"It is number {n}."} for n in range(200)]
    (folder / "seeds.json").write_text(json.dumps(seeds))
    here = "http://127.0.0.1:9/v1"
    plain = {
        "seeds": "seeds.json",
        "target": count,
        "models": [{"name": name, "base_url": here, "model": name} for name in NAMES],
        "embeddings": {"base_url": here, "model": "minilm"},
        "gate": {"type": "calibrated"},
        "adjudication": "majority",
    }
    (folder / "config.yaml").write_text(json.dumps(plain))
    config = load_config(folder / "config.yaml")
    run = create_run(folder / "run", {"fingerprint": "v1:sha256:report", "config": resolved(config)})
    standings = exam()
    gate = CalibratedRule(CalibratedGate(), {(s.model, s.stage): s for s in standings})
    draw = np.random.default_rng(0)

    async def vectors(writer: Writer, texts: list[str]) -> None:
        found = draw.standard_normal((len(texts), 384)).astype(np.float32)
        digests = [text_digest(embedded(text)) for text in texts]
        await writer.put_vectors("minilm", dict(zip(digests, found, strict=True)))

    async def write() -> None:
        async with Writer(run) as writer:
            await writer.put_pool(
                [Entry(f"seed-{n}", 0, "Math", (), "", s["instruction"], s["response"]) for n, s in enumerate(seeds)]
            )
            await vectors(writer, [seed["instruction"] for seed in seeds])
            await writer.put_fact("exam", [row(standing) for standing in standings])
            await writer.put_fact("readings", dict.fromkeys(NAMES, "probability"))
            await writer.open_round(1, count)
            for begin in range(0, count, GROUP):
                samples = [sample(n, gate) for n in range(begin, min(begin + GROUP, count))]

                def put(connection: sqlite3.Connection, samples: list[Sample] = samples) -> None:
                    for each in samples:
                        rows.put_sample(connection, each)

                await writer._working().commit(put)
                await vectors(writer, [each.instruction for each in samples if each.status is Status.ACCEPTED])

    asyncio.run(write())


def row(standing: Standing) -> dict[str, object]:
    shown = {"n": EXAM, "auc": standing.auc, "weight": standing.weight, "separation": standing.separation}
    means = {"mean_good": 1.0, "mean_broken": -1.0}
    texts = {"good": list(standing.good), "broken": list(standing.broken)}
    return {"model": standing.model, "stage": standing.stage, **shown, **means, **texts}


def status(folder: Path, count: int) -> None:
    with Reader(open_run(folder / "run")) as reader:
        report_on(reader)
        glance_of(reader, LOOKED_AT)


def reviewers(folder: Path, count: int) -> None:
    with Reader(open_run(folder / "run")) as reader:
        # What is good is known here: so the estimates can be held to it.
        known = {sample_id(1, n): is_good(random.Random(n)) for n in range(count)}
        found = reviewers_of(reader, known)
        accepted = [known[s.id] for s in reader.iter_samples(Status.ACCEPTED)]
    alpha = found.of("response")[0].scores
    told = ", ".join(f"{r.reviewer} {r.share:.1%}" for r in found.removal if r.share is not None)
    assert found.kept and found.kept.precision, "the gate is calibrated, and has accepted some"
    (curve,) = [curve for who, by, curve in found.calibration if (who, by) == ("the gate", "people")]
    print(f"alpha {alpha:.3f}; samples that hang on one reviewer: {told}")
    print(
        f"precision estimated {found.kept.precision:.3f}, true {sum(accepted) / len(accepted):.3f}; "
        f"the gate's calibration error {curve.ece:.3f}",
        flush=True,
    )


def report(folder: Path, count: int) -> None:
    with Reader(open_run(folder / "run")) as reader:
        pages = write_report(reader)
    print(", ".join(f"{page.name} {page.stat().st_size / 1000:.0f} kB" for page in pages), flush=True)


STEPS: dict[str, Callable[[Path, int], None]] = {
    "fill": fill,
    "status": status,
    "reviewers": reviewers,
    "report": report,
}

if __name__ == "__main__":
    main()
