"""How fast `gra view` is on a large run: the server's time for every page, and what its index takes.

    python benchmarks/inspector.py FOLDER [--samples 100000] [--again 5] [--budget 200]

Makes a run in FOLDER of so many samples that have ended (or takes the one that is there), written by the store's own
functions: rounds of 20,000, four models, eight domains, reviews, rulings, revisions, near-duplicates and vectors of 384
numbers. Then it indexes the run as `gra view` does, serves it, and asks for every page `--again` times over HTTP from
the same process. Printed are the medians of what that takes in CPU time (the asking is in it) and by the clock, which
other work on the machine makes longer, the longest by the clock, and the size of the page. Ends with 1 if the CPU time
of a page is above the budget. No model takes part.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp.test_utils import TestClient, TestServer

from gra.calls import CallId, Message, Reply, Request, Sampling, Usage
from gra.ids import sample_id
from gra.inspector.app import Inspector
from gra.inspector.guard import Guard
from gra.inspector.index import reading_index
from gra.inspector.indexing import Indexer
from gra.records import RESPONSE_CRITERIA, Cast, Entry, Opinion, Ruling, Sample, Status, Verdict, Version
from gra.store import rows
from gra.store.ledger import text_digest
from gra.store.run_dir import RunDir, create_run, open_run
from gra.store.writer import Writer

ROUND = 20_000
"""Candidates of a round."""
GROUP = 500
"""Candidates in one transaction."""
CALLED = 40
"""Calls of every hundredth sample; the others have two."""
MODELS = ("qwen-1.5b", "qwen-0.5b", "gemma-270m", "smollm2-135m")
LENIENCY = {"qwen-1.5b": 0.45, "qwen-0.5b": 0.55, "gemma-270m": 0.6, "smollm2-135m": 0.7}
TOPICS = {
    "Coding": ("a binary search", "a linked list", "a cache", "a regular expression", "a SQL join", "a unit test"),
    "Math": ("a prime number", "a right triangle", "compound interest", "a matrix", "a fraction", "the mean"),
    "Reasoning": ("a paradox", "an analogy", "a syllogism", "cause and effect", "an estimate", "a fair division"),
    "Language": ("a metaphor", "the past perfect", "a formal letter", "a synonym", "an idiom", "punctuation"),
    "Science": ("photosynthesis", "a chemical bond", "the water cycle", "gravity", "a cell", "an ecosystem"),
    "History": ("the printing press", "a trade route", "a constitution", "the plague", "a treaty", "migration"),
    "Planning": ("a weekly budget", "a bicycle tour", "a school timetable", "a small garden", "a meeting", "a menu"),
    "Role Play": ("a museum guide", "a doctor", "a librarian", "a sports coach", "a mediator", "a shopkeeper"),
}
ASKED = (
    "Explain {0} to {1}.",
    "Write three questions about {0} that {1} could answer.",
    "What would {1} most often get wrong about {0}, and why?",
    "Compare {0} with {2}, for {1}.",
    "Give {1} a short example of {0}, step by step.",
    "Summarise what matters about {0} in two sentences for {1}.",
)
READERS = ("a ten-year-old", "a new colleague", "an expert", "somebody in a hurry", "a sceptic", "a beginner", "a team")
SAID = (
    "The answer is right but leaves out why.", "It does not say what follows from it.", "Add an example.",
    "The second sentence repeats the first.", "It answers another question.", "Clear and complete.",
)  # fmt: skip
SENTENCES = (
    "The main idea of {0} is simple: it takes something large and makes it small enough to think about.",
    "Begin with what {1} knows already, and go on from there.", "For example, think of {2}, which works alike.",
    "A common mistake is to take the name for the thing.", "In practice one checks the result by another way.",
    "It helps to write down each step and to say why it is allowed.", "This holds in most cases, not in all of them.",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--again", type=int, default=5)
    parser.add_argument("--budget", type=float, default=200.0, help="Milliseconds of CPU that a page may take.")
    arguments = parser.parse_args()
    if not (arguments.folder / "run.json").exists():
        began = time.process_time()
        asyncio.run(fill(arguments.folder, arguments.samples))
        print(f"made {arguments.samples:,} samples in {time.process_time() - began:.0f} CPU s")
    run = open_run(arguments.folder)
    with tempfile.TemporaryDirectory() as place:
        slow = measure(run, Path(place) / "index.sqlite", arguments.again, arguments.budget)
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    sys.exit(1 if slow else 0)


def measure(run: RunDir, file: Path, again: int, budget: float) -> list[str]:
    began, cpu = time.perf_counter(), time.process_time()
    with Indexer(run, file) as indexer:
        while not ready(file):
            time.sleep(0.2)
            if indexer.problem:
                raise SystemExit(indexer.problem)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        size = sum(path.stat().st_size for path in file.parent.iterdir()) / 1e6
        print(f"indexed in {wall:.1f} s, {cpu:.1f} CPU s; the index has {size:.0f} MB")
        return asyncio.run(ask(indexer, again, budget))


def ready(file: Path) -> bool:
    with reading_index(file) as index:
        return index.digest("report") is not None


async def ask(indexer: Indexer, again: int, budget: float) -> list[str]:
    guard = Guard(0)
    server = TestServer(Inspector([indexer, indexer], guard).app)
    slow = []
    async with TestClient(server) as client:
        object.__setattr__(guard, "port", server.port)
        client.session.cookie_jar.update_cookies({guard.cookie: guard.token})
        print(f"{'page':78} {'CPU ms':>7} {'wall ms':>8} {'most ms':>8} {'kB':>6}")
        for page in pages(indexer.run):
            walls, cpus, size = [], [], 0
            for _ in range(again):
                began, cpu = time.perf_counter(), time.process_time()
                async with client.get(page) as answer:
                    size = len(await answer.read())
                    assert answer.status == 200, (page, answer.status)
                walls.append(1000 * (time.perf_counter() - began))
                cpus.append(1000 * (time.process_time() - cpu))
            cpu, wall = statistics.median(cpus), statistics.median(walls)
            slow += [page] if cpu > budget else []
            print(f"{page:78} {cpu:7.1f} {wall:8.1f} {max(walls):8.1f} {size / 1000:6.0f}", flush=True)
    return slow


def pages(run: RunDir) -> Iterator[str]:
    """Every page, and lists that are as hard as they come."""
    yield from ("/1/overview", "/1/reviewers", "/1/data", "/1/data?colour=score", "/compare", "/1/state.json")
    yield "/1/samples"
    for sort in ("newest", "best", "worst", "disagreement", "longest", "shortest"):
        yield f"/1/samples?sort={sort}"
    for chosen in ("status=accepted", "domain=Math", "round=3", "generator=qwen-0.5b", "stance=split", "stance=ruled"):
        yield f"/1/samples?{chosen}"
        yield f"/1/samples?{chosen}&sort=best"
    yield "/1/samples?least=5&most=6&sort=disagreement"
    yield "/1/samples?yes=smollm2-135m&no=qwen-1.5b&stage=response&sort=disagreement"
    yield "/1/samples?status=unusable&domain=Math&stance=revised"
    for words in ("photosynthesis", "the", "th*", "%22step+by+step%22", "the+-step", "nothinglikethis"):
        yield f"/1/samples?q={words}"
        yield f"/1/samples?q={words}&sort=best&status=accepted"
    yield "/1/samples?sort=best&after=5.0:4294967296"
    yield "/1/samples?sort=order&after=12884911888:12884911888"
    for number in (0, 100, 150):
        yield f"/1/samples/{sample_id(1, number)}"
        yield f"/1/samples/{sample_id(1, number)}?q=the&sort=best"
    yield f"/1/samples/{sample_id(1, 100)}/calls/1"
    yield f"/1/samples/{sample_id(1, 100)}.json"


async def fill(folder: Path, samples: int) -> None:
    """Make the run."""
    config = {"target": samples // 4, "models": [{"name": name} for name in MODELS]}
    run = create_run(folder, {"fingerprint": "v1:sha256:benchmark", "config": config})
    async with Writer(run) as writer:
        await writer.put_pool([Entry("seed-00000", 0, "Math", ("one",), "count", "Count to three.", "1, 2, 3.")])
        await writer.put_fact("exam", exam())
        await writer.put_fact("readings", dict.fromkeys(MODELS, "probability"))
        for number in range(1, -(-samples // ROUND) + 1):
            await fill_round(writer, number, min(ROUND, samples - (number - 1) * ROUND))


async def fill_round(writer: Writer, number: int, candidates: int) -> None:
    await writer.open_round(number, candidates // 5)
    joining: list[Entry] = []
    for begin in range(0, candidates, GROUP):
        made = [sample(number, index) for index in range(begin, min(begin + GROUP, candidates))]
        accepted = [one for one in made if one.status is Status.ACCEPTED]

        def work(connection: Any, made: list[Sample] = made) -> None:
            for one in made:
                rows.put_sample(connection, one)
                for call, request, reply in calls(one):
                    rows.insert_call(connection, call, request.digest(one.id), request, reply, rows.now())

        await writer._working().commit(work)
        vectors = {text_digest(one.instruction[:1000]): vector(one) for one in accepted}
        await writer.put_vectors("file:minilm", vectors)
        joining += (
            Entry(one.id, number, one.domain, one.keywords, one.summary, one.instruction, one.response)
            for one in accepted
        )
    await writer.close_round(number, [], joining, {"statement": "", "decided": candidates})


def sample(number: int, index: int) -> Sample:
    """One that has ended in one of the ways in which samples end."""
    draw = random.Random(number * 1_000_003 + index)
    domain = draw.choice(list(TOPICS))
    topic, other = draw.sample(TOPICS[domain], 2)
    said = (topic, draw.choice(READERS), other)
    generator, *others = draw.sample(MODELS, 4)
    cast = Cast(generator, tuple(others[:2]), others[2])
    worth = draw.betavariate(2, 2)
    instruction = f"{draw.choice(ASKED).format(*said)} Take {draw.randint(1, 999)} words at most."
    blank = Sample(sample_id(number, index), number, index, domain, cast, ("seed-00000",), (topic, domain.lower()))
    blank = replace(blank, instruction=instruction)
    fate = draw.random()
    if fate < 0.03:
        return replace(blank, instruction="", status=Status.UNUSABLE, reason="what it wrote cannot be used")
    opinions = tuple(opinion(draw, model, "instruction", worth) for model in cast.reviewers)
    if fate < 0.33:
        verdict = judge(opinions, "reject", 10 * worth / 2)
        return replace(
            blank, opinions=opinions, verdict=verdict, status=Status.REJECTED_INSTRUCTION, reason=verdict.reason
        )
    blank = replace(blank, opinions=opinions, verdict=judge(opinions, "accept", 10 * worth))
    versions = [version(draw, 0, cast, said, worth, "accept")]
    if fate < 0.45:
        versions = [version(draw, 0, cast, said, worth / 2, "reject"), version(draw, 1, cast, said, worth, "accept")]
    elif fate < 0.6:
        versions = [version(draw, 0, cast, said, worth, "dispute", draw.random() < 0.5)]
    final = versions[-1].final
    assert final
    kept = final.outcome == "accept" and draw.random() < 0.4
    duplicate = final.outcome == "accept" and not kept and draw.random() < 0.3 and index
    status = Status.ACCEPTED if kept else Status.DUPLICATE if duplicate else Status.REJECTED_RESPONSE
    status = Status.REJECTED_RULING if final.outcome == "reject" else status
    return replace(
        blank,
        versions=tuple(versions),
        status=status,
        score=final.score,
        reason=f"cosine {0.9 + draw.random() / 10:.3f}, 0.9 or more" if duplicate else final.reason,
        duplicate_of=sample_id(number, draw.randrange(index) % 400) if duplicate else "",
        similarity=0.9 + draw.random() / 10 if duplicate else draw.random() * 0.9,
        summary=instruction[:60] if kept else "",
    )


def version(
    draw: random.Random, number: int, cast: Cast, said: tuple[str, ...], worth: float, outcome: Any, ruled: bool = False
) -> Version:
    response = " ".join(draw.choice(SENTENCES).format(*said) for _ in range(draw.randint(1, 9)))
    opinions = tuple(opinion(draw, model, "response", worth) for model in cast.reviewers)
    verdict = judge(opinions, outcome, 10 * worth)
    if outcome != "dispute":
        return Version(number, response, cast, opinions, verdict)
    ruling = Ruling(
        opinion(draw, cast.adjudicator, "response", worth), judge((), "accept" if ruled else "reject", 10 * worth)
    )
    return Version(number, response, cast, opinions, verdict, ruling)


def opinion(draw: random.Random, model: str, stage: Any, worth: float) -> Opinion:
    criteria = RESPONSE_CRITERIA if stage == "response" else ("reasonableness", "completeness", "clarity")
    middle = 0.5 * worth + 0.5 * LENIENCY[model]
    scores = {criterion: min(1.0, max(0.0, draw.gauss(middle, 0.15))) for criterion in criteria}
    return Opinion(model, stage, "probability", scores, draw.choice(SAID) if stage == "response" else "", 0.01)


def judge(opinions: tuple[Opinion, ...], outcome: Any, score: float) -> Verdict:
    votes = {o.model: o.mean(o.scores) > 0.5 for o in opinions}
    reason = f"rated above {score * 10:.0f}% of the seeds; the bar is 25%"
    return Verdict(outcome, score, 0.4, reason, {o.model: 1 / len(opinions) for o in opinions}, votes)


def calls(one: Sample) -> Iterator[tuple[CallId, Request, Reply]]:
    """Two calls, or as many as a sample with two versions has."""
    for place in range(CALLED if one.index % 100 == 0 else 2):
        step = ("keywords", "instruction")[place] if place < 2 else f"v0.review.response.{MODELS[place % 4]}.{place}"
        messages = (Message("system", "Be brief."), Message("user", " ".join(SENTENCES) + one.instruction))
        request = Request(MODELS[place % 4], messages, Sampling(0.8, 0.9, 300, place), prompt="response@1")
        yield (
            CallId(one.id, step),
            request,
            Reply(one.instruction, usage=Usage(200 + place, 100, 40), seconds=0.5 + place / 10),
        )


def vector(one: Sample) -> Any:
    """A unit vector of 384 numbers: near to those of the same domain and topic."""

    def drawn(name: str) -> Any:
        seed = int.from_bytes(text_digest(name).encode()[-8:], "big")
        return np.random.default_rng(seed).standard_normal(384).astype(np.float32)

    found = 1.2 * drawn(one.domain) + 0.8 * drawn(one.keywords[0]) + drawn(one.instruction)
    return found / np.linalg.norm(found)


def exam() -> list[dict[str, Any]]:
    aucs = dict(zip(MODELS, (0.96, 0.83, 0.66, 0.52), strict=True))
    return [
        {
            "model": model,
            "stage": stage,
            "n": 24,
            "auc": auc,
            "separation": 4 * (auc - 0.5),
            "weight": max(0.0, auc - 0.6),
        }
        for stage in ("instruction", "response")
        for model, auc in aucs.items()
    ]


if __name__ == "__main__":
    main()
