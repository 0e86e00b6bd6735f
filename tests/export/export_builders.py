"""Runs with known answers: revisions, rejected answers to the same instruction, near-duplicates, texts that do harm."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gra.ids import sample_id
from gra.records import Cast, Opinion, Sample, Status, Verdict, Version
from gra.store.ledger import embedded, text_digest
from gra.store.run_dir import create_run
from gra.store.writer import Writer

CAST = Cast("writer", ("one", "two"), "judge")
HOSTILE = (
    "\"];</script><script>alert(1)</script> =cmd|' /C calc'!A0 \x1b[2J\x07 \u202edesrever\u2066 \u2028 \ufeff "
    "\r\n---\nconfigs: []\n{{datasets}} <|im_end|> \U0001f600 ,\t'; DROP TABLE samples; --"
)
DIMENSIONS = 16
TASKS = (
    "Name a river", "Explain photosynthesis briefly", "Translate good morning into French", "Sort these three numbers",
    "Why do ships float?", "Write a haiku about autumn", "Convert ten miles to kilometres", "Summarise Hamlet",
    "List prime numbers below twenty", "Describe how bread rises", "Suggest a birthday present", "What causes thunder?",
    "Give an antonym of brave", "Outline the water cycle", "Correct this sentence", "Plan a picnic menu",
    "Define inflation simply", "Compare cats with dogs", "Reverse a string in Python", "Who painted Guernica?",
    "Estimate a piano's weight", "Invent a slogan for tea", "Recommend stretching exercises", "Solve for x",
)  # fmt: skip
"""Instructions that have nothing in common, one after another."""


def task(index: int) -> str:
    """An instruction that has little in common with any other."""
    return TASKS[index] if index < len(TASKS) else f"{index * 7919} {index * 104729} {index * 1299709}?"


def version(
    number: int = 0, response: str = "It is four.", score: float = 7.0, outcome: Any = "accept", **changes: Any
) -> Version:
    opinion = Opinion("one", "response", "probability", {"correctness": score / 10}, "Add a number.")
    return Version(number, response, CAST, (opinion,), Verdict(outcome, score, 0.5, f"score {score}"), **changes)


def sample(index: int = 0, **changes: Any) -> Sample:
    made = Sample(
        sample_id(1, index),
        1,
        index,
        "Math",
        CAST,
        examples=("seed-00000", "seed-00001"),
        keywords=("sum", f"number {index}"),
        instruction=task(index),
        versions=(version(response=f"It is {index + 2}, of course."),),
        status=Status.ACCEPTED,
        reason="score 7",
        score=7.0,
        summary=f"add two to {index}",
    )
    return replace(made, **changes)


def revised(index: int, was: float = 3.0, now: float = 8.0, **changes: Any) -> Sample:
    """An accepted sample whose first response was turned down."""
    first = version(0, "I would rather talk about the weather today.", was, "reject")
    second = version(1, f"It is {index + 2}: adding two to {index} gives that.", now)
    return sample(index, versions=(first, second), score=now, **changes)


def rejected(index: int, instruction: str, response: str = "No idea at all.", **changes: Any) -> Sample:
    changed = {"status": Status.REJECTED_RESPONSE, "reason": "below the bar", **changes}
    return sample(index, instruction=instruction, versions=(version(0, response, 2.0, "reject"),), **changed)


def vector(number: int, nearness: float = 0.0, to: int = 0) -> NDArray[np.float32]:
    """A unit vector of its own, or one whose cosine with that of `to` is `nearness`."""
    rng = np.random.default_rng(number + 1)
    own = rng.standard_normal(DIMENSIONS)
    if nearness:
        other = np.random.default_rng(to + 1).standard_normal(DIMENSIONS)
        other /= np.linalg.norm(other)
        own -= (own @ other) * other
        own /= np.linalg.norm(own)
        own = nearness * other + np.sqrt(1 - nearness**2) * own
    return (own / np.linalg.norm(own)).astype(np.float32)


def run_of(
    folder: Path, samples: list[Sample], vectors: dict[str, NDArray[np.float32]] | None = None, seed: int = 7
) -> Path:
    """A run folder that holds these samples, and these embeddings of instructions."""
    run = create_run(folder, {"fingerprint": f"v1:sha256:{folder.name}", "config": {"random_seed": seed}})

    async def fill() -> None:
        async with Writer(run) as writer:
            await writer.open_round(1, target=len(samples))
            for each in samples:
                await writer.put_sample(each)
            found = {text_digest(embedded(text)): v.tolist() for text, v in (vectors or {}).items()}
            await writer.put_vectors("minilm", found)

    asyncio.run(fill())
    return folder
