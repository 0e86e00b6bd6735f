"""A run whose reviewers have known habits, decided by the gate that the run says it has."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from gra.config.fingerprint import resolved
from gra.config.load import load_config
from gra.config.synthesis import PaperGate
from gra.ids import sample_id
from gra.records import Cast, Entry, Opinion, Sample, Status, Version
from gra.store import rows
from gra.store.ledger import embedded, text_digest
from gra.store.run_dir import RunDir, create_run
from gra.store.writer import Writer
from gra.synthesis.decide import PaperRule, settled

NAMES = ("alpha-1", "alpha-2", "beta-1", "gamma-1")
"""The first two are of one family."""
CRITERIA = ("correctness", "clarity")
GATE = PaperGate(tau=6.0, sigma_max=1.5)
WORDS = (
    "river", "stone", "cloud", "lamp", "paper", "train", "green", "slow", "window", "bread", "number", "answer",
    "simple", "clear", "because", "water",
)  # fmt: skip


def judged(index: int, **changes: Any) -> Sample:
    """A sample as the paper's gate decides it: `beta-1` is lenient, `alpha-2` favours `alpha-1`, `gamma-1` is harsh."""
    draw = random.Random(index)
    generator = NAMES[index % 2 * 2]
    cast = Cast(generator, tuple(name for name in NAMES if name != generator), "")
    quality = draw.uniform(2, 9)
    habits = {"alpha-1": 0.0, "alpha-2": 2.0 if generator == "alpha-1" else 0.0, "beta-1": 1.0, "gamma-1": -1.0}

    def says(name: str) -> Opinion:
        score = min(10.0, max(1.0, quality + habits[name] + draw.gauss(0, 0.7)))
        return Opinion(name, "response", "written", dict.fromkeys(CRITERIA, score))

    opinions = tuple(says(name) for name in cast.reviewers)
    verdict = PaperRule(GATE).judge("response", opinions)
    settlement = settled(verdict, "none") if verdict.outcome == "dispute" else None
    response = " ".join(draw.choices(WORDS, k=draw.randint(5, 40))).capitalize() + "."
    instructions = tuple(
        Opinion(name, "instruction", "written", {"clarity": 1.0, "reasonableness": 1.0}) for name in cast.reviewers
    )
    made = Sample(
        sample_id(1 + index % 2, index),
        1 + index % 2,
        index,
        ("Math", "History")[index % 3 == 0],
        cast,
        keywords=(draw.choice(WORDS),),
        instruction=f"Explain {' '.join(draw.choices(WORDS, k=4))} to a friend, number {index}.",
        opinions=instructions,
        verdict=PaperRule(GATE).judge("instruction", instructions),
        versions=(Version(0, response, cast, opinions, verdict, settlement=settlement),),
        status=Status.ACCEPTED if verdict.outcome == "accept" else Status.REJECTED_RESPONSE,
        reason=verdict.reason,
        score=verdict.score,
    )
    return replace(made, **changes)


def make_run(folder: Path, samples: Iterator[Sample] | list[Sample], **changes: Any) -> RunDir:
    """A run folder that holds these samples; embeddings are drawn, from the text."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [{"instruction": f"Say number {n} in words.", "response": f"It is number {n}."} for n in range(6)]
    (folder / "seeds.json").write_text(json.dumps(seeds))
    plain: dict[str, Any] = {
        "seeds": "seeds.json",
        "target": 50,
        "models": [{"name": n, "base_url": "http://127.0.0.1:9/v1", "model": n} for n in NAMES],
        "embeddings": {"base_url": "http://127.0.0.1:9/v1", "model": "m"},
        "gate": {"type": "paper", "tau": GATE.tau, "sigma_max": GATE.sigma_max},
        "adjudication": "none",
    }
    (folder / "config.yaml").write_text(json.dumps({**plain, **changes}))
    config = resolved(load_config(folder / "config.yaml"))
    run = create_run(folder / "run", {"fingerprint": "v1:sha256:0", "config": config})
    entries = [
        Entry(f"seed-{n:05d}", 0, "Math", ("number",), "count", s["instruction"], s["response"])
        for n, s in enumerate(seeds)
    ]
    asyncio.run(_fill(run, entries, list(samples)))
    return run


async def _fill(run: RunDir, seeds: list[Entry], samples: list[Sample]) -> None:
    async with Writer(run) as writer:
        await writer.put_pool(seeds)
        await writer.open_round(1, 50)

        def put(connection: sqlite3.Connection) -> None:
            for sample in samples:
                rows.put_sample(connection, sample)

        await writer._working().commit(put)
        texts = [entry.instruction for entry in seeds] + [s.instruction for s in samples if s.instruction]
        await writer.put_vectors("m", {text_digest(embedded(text)): vector(text) for text in texts})
        await writer.put_fact("readings", dict.fromkeys(NAMES, "written"))


def vector(text: str) -> list[float]:
    """Counts of words by their length and first letter: texts with words in common are near."""
    found = [0.0] * 24
    for word in text.split():
        found[(len(word) * 7 + ord(word[0])) % 24] += 1.0
    return found
