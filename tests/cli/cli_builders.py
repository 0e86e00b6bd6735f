"""A run built by hand: every status, every stage, and text that wants to do harm."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from gra.calls import CallId, Message, Reply, Request, Sampling, Usage
from gra.config.fingerprint import resolved
from gra.config.load import RunConfig, load_config
from gra.errors import Refused
from gra.records import Cast, Entry, Opinion, Ruling, Sample, Status, Verdict, Version
from gra.store.run_dir import create_run
from gra.store.writer import Writer

NAMES = ("writer", "one", "two", "judge")
EASY: dict[str, Any] = {"gate": {"type": "paper", "tau": 1, "sigma_max": 9}, "generation": {"max_tokens": 40}}
"""A gate that lets most through, and short texts."""
CAST = Cast("writer", ("one", "two"), "judge")
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07[bold red]markup[/] :smile: \x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\ "
    "\x9b31m\u202edesrever\u2066 \ud800 tail\r\nsecond\ttab"
)
FORBIDDEN = ("\x1b", "\x07", "\x9b", "\x9c", "\u202e", "\u2066", "\ud800", "\r")


def config_in(folder: Path, **changes: Any) -> RunConfig:
    return load_config(config_file(folder, **changes))


def config_file(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **changes: Any) -> Path:
    """A configuration of four models behind one server, and its seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"instruction": f"Say number {n} in words.", "response": f"It is number {n}, in words."} for n in range(8)]
    (folder / "seeds.json").write_text(json.dumps(rows))
    plain: dict[str, Any] = {
        "seeds": "seeds.json",
        "target": 3,
        "models": [{"name": n, "base_url": base_url, "model": n} for n in NAMES],
        "embeddings": {"base_url": base_url, "model": "writer"},
        "engine": {"retries": 0},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps({**plain, **changes}))
    return path


def opinion(model: str, response: bool = True, **changes: Any) -> Opinion:
    if response:
        names = ("correctness", "clarity", "completeness", "relevance", "coherence", "ethicality")
        scores = dict.fromkeys(names, 0.75)
        return replace(Opinion(model, "response", "probability", scores, "Add a number.", 0.25), **changes)
    scores = dict.fromkeys(("reasonableness", "completeness", "clarity"), 1.0)
    return replace(Opinion(model, "instruction", "written", scores), **changes)


def verdict(outcome: Any = "accept", score: float = 7.0) -> Verdict:
    return Verdict(outcome, score, 0.5, "above 70% of the seeds, 25% asked for", {"one": 0.25, "two": 0.75})


def version(
    number: int = 0, outcome: Any = "accept", response: str = "Four. It is even.", ruled: bool = False
) -> Version:
    ruling = Ruling(opinion("judge"), verdict()) if ruled else None
    opinions = (opinion("one"), opinion("two", failure="it did not answer Yes or No", scores={}))
    return Version(number, response, CAST, opinions, verdict(outcome), ruling)


def sample(index: int, status: Status = Status.ACCEPTED, **changes: Any) -> Sample:
    blank = Sample(
        f"r01-{index:05d}",
        1,
        index,
        "Math",
        CAST,
        examples=("seed-00000",),
        keywords=("sum", "even"),
        instruction=f"What is {index} plus two?",
        opinions=(opinion("one", response=False), opinion("two", response=False)),
        verdict=verdict(),
        versions=(version(),),
        status=status,
        reason="above 70% of the seeds, 25% asked for",
        score=7.0,
    )
    return replace(blank, **changes)


def one_of_each() -> list[Sample]:
    """A sample for every way out of the funnel."""
    revised = (version(outcome="reject"), version(1, response="Five. It is even."))
    return [
        sample(0, summary="add two"),
        sample(1, versions=revised),
        sample(2, versions=(version(outcome="dispute", ruled=True),), keywords=(HOSTILE,), instruction=HOSTILE),
        sample(3, Status.REJECTED_INSTRUCTION, versions=(), verdict=verdict("reject"), reason="vetoed (one: clarity)"),
        sample(4, Status.REJECTED_RESPONSE, versions=(version(outcome="reject"),)),
        sample(5, Status.REJECTED_RULING, versions=(version(outcome="reject", ruled=True),)),
        sample(6, Status.DUPLICATE, duplicate_of="r01-00000", similarity=0.97, reason="too close to r01-00000"),
        sample(7, Status.UNUSABLE, instruction="", keywords=(), opinions=(), verdict=None, versions=(), reason=HOSTILE),
        sample(8, Status.UNUSABLE, verdict=None, versions=(), reason="too few reviewers"),
        sample(9, Status.FAILED, versions=(), reason="HTTP 500"),
        sample(10, Status.SURPLUS, reason="the round was full without it"),
        sample(11, Status.SURPLUS, instruction="", opinions=(), verdict=None, versions=()),
    ]


def build_run(folder: Path, samples: list[Sample], closed: bool = True, **changes: Any) -> Path:
    """A run folder that holds these samples."""
    config = config_in(folder, **changes)
    run = create_run(folder / "run", {"fingerprint": "v1:sha256:0", "config": resolved(config)})
    asyncio.run(_fill(run, samples, closed))
    return run.path


async def _fill(run: Any, samples: list[Sample], closed: bool) -> None:
    seeds = [Entry("seed-00000", 0, "Math", ("one",), "count", "Say number 0 in words.", "Zero.")]
    async with Writer(run) as writer:
        await writer.put_pool(seeds)
        await writer.open_round(1, target=3)
        for name, step in (("seed-00000", "domain.writer"), ("exam-000", "exam.response.good.one")):
            await _call(writer, name, step, step.split(".")[-1])
        for each in samples:
            await _call(writer, each.id, "keywords", "writer")
            await _call(writer, each.id, "v0.review.response.one.correctness", "one", labels=True)
        if samples:
            request = Request("two", (Message("user", HOSTILE),), Sampling(0.2, 0.9, 64, 7))
            await writer.commit_call(CallId(samples[0].id, "v0.response", 1), "sha256:9", request, Refused("too long"))
        await writer.put_fact("exam", exam())
        await writer.put_fact("readings", {"one": "probability", "two": "written", "judge": "probability"})
        await writer.put_fact("seeds", {"usable": 8, "domains": {"Math": 8}, "problems": [HOSTILE]})
        if closed:
            joining = [
                Entry(s.id, 1, s.domain, s.keywords, s.summary, s.instruction, s.response)
                for s in samples
                if s.status is Status.ACCEPTED
            ]
            await writer.close_round(1, samples, joining, {"statement": ""})
        else:
            for each in samples:
                await writer.put_sample(each)


async def _call(writer: Writer, owner: str, step: str, model: str, labels: bool = False) -> None:
    request = Request(
        model,
        (Message("user", HOSTILE),),
        Sampling(0.2, 0.9, 64, 7),
        labels=("yes", "no") if labels else (),
        prompt="p@1",
    )
    reply = Reply(HOSTILE, labels={"yes": 0.75, "no": 0.2} if labels else {}, usage=Usage(100, 40, 7), seconds=0.5)
    await writer.commit_call(CallId(owner, step), "sha256:1", request, reply)


def exam() -> list[dict[str, Any]]:
    row = {"n": 8, "separation": 1.0, "mean_good": 1.0, "mean_broken": 0.0, "stage": "response"}
    return [
        {**row, "model": "one", "auc": 0.95, "weight": 1.5, "no_vote_in": ["Coding", HOSTILE]},
        {**row, "model": "two", "auc": 0.5, "weight": 0.0},
        {**row, "model": "judge", "auc": 0.7, "weight": 0.0},
    ]


def dataset(run: Path) -> bytes:
    """What a run has exported at its end."""
    return (run / "export" / "messages.jsonl").read_bytes()
