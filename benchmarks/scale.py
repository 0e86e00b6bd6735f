"""What a large run costs: its memory, and the queries behind status, resume and export.

    taskset -c 0 python benchmarks/scale.py FOLDER [--candidates 100000] [--passing 0.2] [--steps fill,round,...]

Makes a run in FOLDER (which must not exist, unless `fill` is left out) of so many candidates that have ended, of which
the given share has passed the review, with one call and, for those that passed, one vector of 384 numbers each. All of
it is written by the store's own functions. Each step then is a process of its own; printed are its CPU seconds and the
most memory it had. No model and no server takes part.

hold      the engine's own Round over candidates that are made up as they are asked for: its memory, without a disk
fill      write candidates, calls and vectors (not a part of any run)
resume    read what has ended, as a run does that goes on
round     the same, with the engine's own Round, which de-duplicates and decides, and close it, with summaries
funnel    count samples by round and status
totals    add up calls and tokens
report    everything that `gra status` shows
show      one sample with its calls and examples
pool      begin the next round: the pool's domains, its vectors, and 1,000 draws of examples
export    the accepted samples as a dataset
queries   each query behind status, list, show, resume and export by itself: milliseconds by the clock, the least of 5
          that are asked after it has been asked once; fails if SQLite goes through a whole table for one
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from gra.calls import CallId, Message, Reply, Request, Sampling, Usage
from gra.engine.closing import Closing
from gra.engine.rounds import Limits, Round
from gra.engine.vectors import Embedder
from gra.events import ignore
from gra.export import write_dataset
from gra.ids import sample_id
from gra.postprocess.dedup import Known
from gra.records import Cast, Opinion, Sample, Status, Verdict, Version
from gra.report.runs import list_runs
from gra.report.survey import report_on
from gra.store import rows
from gra.store.ledger import Ledger, text_digest
from gra.store.reader import Ended, Reader
from gra.store.run_dir import create_run, open_run
from gra.store.writer import Writer
from gra.synthesis.pool import Pool
from gra.synthesis.topics import Agenda

GROUP = 500
"""Candidates in one transaction of `fill`."""
MODEL = "file:minilm"
CRITERIA = ("correctness", "clarity", "completeness", "relevance", "coherence", "ethicality")
DOMAINS = ("Coding", "Math", "Reasoning", "Language")
WORDS = Path(__file__).read_text("utf-8").split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--passing", type=float, default=0.2)
    parser.add_argument("--steps", default=",".join(STEPS))
    arguments = parser.parse_args()
    for step in arguments.steps.split(","):
        child = os.fork()
        if not child:
            asyncio.run(STEPS[step](arguments.folder, arguments.candidates, arguments.passing))
            sys.stdout.flush()
            os._exit(0)
        _, status, used = os.wait4(child, 0)
        if status:
            raise SystemExit(f"{step} failed")
        print(f"{step:8} {used.ru_utime + used.ru_stime:8.2f} CPU s {used.ru_maxrss / 1024:7.0f} MB", flush=True)


def candidate(index: int, passing: float) -> Sample:
    """One that has ended, as large as those of a pool with two reviewers."""
    draw = random.Random(index)
    cast_ = Cast("writer", ("one", "two"), "judge")
    first = Sample(sample_id(1, index), 1, index, DOMAINS[index % len(DOMAINS)], cast_)
    passed = draw.random() < passing

    def opinion(model: str) -> Opinion:
        scores = {criterion: draw.random() for criterion in CRITERIA}
        return Opinion(model, "response", "probability", scores, " ".join(draw.choices(WORDS, k=15)), 0.01)

    score = draw.random() * 10
    verdict = Verdict("accept" if passed else "reject", score, 0.3, f"score {score:.2f}", {"one": 0.5, "two": 0.5})
    opinions = (opinion("one"), opinion("two"))
    version = Version(0, " ".join(draw.choices(WORDS, k=80)), cast_, opinions, verdict)
    return replace(
        first,
        examples=("seed-0", "seed-1"),
        keywords=("a", "b", "c"),
        instruction=" ".join(draw.choices(WORDS, k=25)),
        opinions=opinions,
        verdict=verdict,
        versions=(version,),
        status=Status.PASSED if passed else Status.REJECTED_RESPONSE,
        reason=verdict.reason,
        score=score,
    )


async def hold(folder: Path, candidates: int, passing: float) -> None:
    draw = np.random.default_rng(0)
    blank = candidate(0, passing)

    async def vectors(texts: list[str]) -> Any:
        found = draw.standard_normal((len(texts), 384)).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def ended() -> Iterator[Ended]:
        lucky = random.Random(0)
        for index in range(candidates):
            passed = lucky.random() < passing
            sample = replace(blank, index=index, score=10 * lucky.random())
            yield Ended(index, Status.PASSED if passed else Status.REJECTED_RESPONSE, sample if passed else None)

    study = cast(Any, SimpleNamespace(agenda=Agenda(), config=SimpleNamespace(task="synthesise", dedup_below=0.9)))
    limits = Limits(candidates, candidates, 64)
    embedder = cast(Any, SimpleNamespace(vectors=vectors))
    this = Round(study, 1, limits, Known(), embedder, cast(Any, None), ignore)
    outcome = await this.run(ended())
    print(f"{len(outcome.fates)} passed, {len(outcome.accepted)} accepted")


async def fill(folder: Path, candidates: int, passing: float) -> None:
    run = create_run(folder, {"fingerprint": "sha256:scale", "config": {"target": int(candidates * passing)}})
    draw = np.random.default_rng(0)
    request = Request("one", (Message("user", " ".join(WORDS[:100])),), Sampling(0.8, 0.9, 300, 7), prompt="response@1")
    reply = Reply(" ".join(WORDS[:80]), usage=Usage(200, 100, 100), seconds=1.0)
    async with Writer(run) as writer:
        await writer.open_round(1, candidates)
        for begin in range(0, candidates, GROUP):
            samples = [candidate(n, passing) for n in range(begin, min(begin + GROUP, candidates))]
            passed = [s for s in samples if s.status is Status.PASSED]
            found = draw.standard_normal((len(passed), 384)).astype(np.float32)
            found /= np.linalg.norm(found, axis=1, keepdims=True)

            def work(connection: Any, samples: list[Sample] = samples) -> None:
                for sample in samples:
                    rows.put_sample(connection, sample)
                    call = CallId(sample.id, "v0.response")
                    rows.insert_call(connection, call, request.digest(sample.id), request, reply, rows.now())

            await writer._working().commit(work)
            digests = (text_digest(s.instruction[:1000]) for s in passed)
            await writer.put_vectors(MODEL, dict(zip(digests, found, strict=True)))


async def resume(folder: Path, candidates: int, passing: float) -> None:
    with Reader(open_run(folder)) as reader:
        assert sum(1 for _ in reader.iter_ended(1)) == candidates


async def round_(folder: Path, candidates: int, passing: float) -> None:
    class Quick:
        async def summary(self, owner: str, instruction: str) -> str:
            return instruction[:100]

    run = open_run(folder)
    async with Writer(run) as writer:
        with Reader(run) as reader, Ledger(writer) as ledger:
            embedder = Embedder(ledger, cast(Any, SimpleNamespace(embed=nothing_new, url="")), MODEL)
            config = SimpleNamespace(task="synthesise", dedup_below=0.9)
            study = cast(Any, SimpleNamespace(agenda=Agenda(), config=config))
            limits = Limits(candidates, candidates, 64)
            this = Round(study, 1, limits, await embedder.known([]), embedder, writer, ignore)
            outcome = await this.run(reader.iter_ended(1))
            assert outcome.decided == candidates
            await Closing(1, outcome, reader, writer).close(cast(Any, Quick()), 64)


async def nothing_new(texts: list[str]) -> list[list[float]]:
    assert not texts
    return []


async def funnel(folder: Path, candidates: int, passing: float) -> None:
    with Reader(open_run(folder)) as reader:
        assert sum(reader.funnel().by_status.values()) == candidates


async def totals(folder: Path, candidates: int, passing: float) -> None:
    with Reader(open_run(folder)) as reader:
        assert reader.totals().all.calls == candidates


async def report(folder: Path, candidates: int, passing: float) -> None:
    with Reader(open_run(folder)) as reader:
        assert report_on(reader).accepted > 0


async def show(folder: Path, candidates: int, passing: float) -> None:
    with Reader(open_run(folder)) as reader:
        name = sample_id(1, candidates // 2)
        sample = reader.sample(name)
        assert sample and len(reader.calls_of(name)) == 1
        assert [reader.entry(id) for id in sample.examples] == [None, None]


async def pool(folder: Path, candidates: int, passing: float) -> None:
    run = open_run(folder)
    async with Writer(run) as writer:
        with Reader(run) as reader, Ledger(writer) as ledger:
            embedder = Embedder(ledger, cast(Any, SimpleNamespace(embed=nothing_new, url="")), MODEL)
            entries = reader.entries()
            drawn = Pool(entries, 2)
            assert len((await embedder.known(entries)).ids) == len(entries)
            for n in range(1000):
                assert len(drawn.draw_examples(DOMAINS[n % len(DOMAINS)], random.Random(n), 4)) >= 2


async def export(folder: Path, candidates: int, passing: float) -> None:
    with Reader(open_run(folder)) as reader:
        write_dataset(reader)


async def queries(folder: Path, candidates: int, passing: float) -> None:
    run = open_run(folder)
    middle = sample_id(1, candidates // 2)
    with Reader(run) as reader:
        statements: dict[str, None] = {}
        reader._connection.set_trace_callback(lambda statement: statements.setdefault(statement))
        asked: dict[str, Callable[[], object]] = {
            "samples by round and status": reader.funnel,
            "samples by all they are counted by": reader.tallies,
            "commonest reasons of a status": lambda: reader.reasons(Status.REJECTED_RESPONSE, 3),
            "mass beyond yes and no, by model": reader.outside,
            "totals of calls and tokens": reader.totals,
            "rounds": reader.rounds,
            "gra status, all of it": lambda: report_on(reader),
            "gra list, one run": lambda: list_runs(folder),
            "gra show, the first 50": lambda: list(islice(reader.iter_samples(page=50), 50)),
            "gra show, one sample by its id": lambda: (reader.sample(middle), reader.calls_of(middle)),
            "gra show, by the beginning of an id": lambda: reader.ids(middle[:6], 6),
            "resume: the next 200 that have ended": lambda: list(islice(reader.iter_ended(1), 200)),
            "resume: how long the pool is": lambda: len(reader.entries()),
            "export: the first 200": lambda: list(islice(reader.iter_samples(Status.ACCEPTED, page=200), 200)),
        }
        for name, ask in asked.items():
            tell(name, ask)
        async with Writer(run) as writer:
            with Ledger(writer) as ledger:
                ledger._connection.set_trace_callback(lambda statement: statements.setdefault(statement))
                call = reader.calls_of(middle)[0]
                tell("resume: a call in the ledger", lambda: ledger.find(call.call, call.digest))
        for statement in filter(lambda s: s.lstrip().startswith("SELECT"), list(statements)):
            plan = [row[3] for row in reader._connection.execute("EXPLAIN QUERY PLAN " + statement)]
            if any(re.search(r"SCAN (samples|calls|vectors|pool)\b", step) for step in plan):
                raise SystemExit(f"{statement}: {plan}")


def tell(name: str, ask: Callable[[], object]) -> None:
    ask()
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        ask()
        times.append(time.perf_counter() - begun)
    print(f"  {name:40} {1000 * min(times):8.2f} ms")


STEPS: dict[str, Any] = {
    "hold": hold,
    "fill": fill,
    "resume": resume,
    "round": round_,
    "funnel": funnel,
    "totals": totals,
    "report": report,
    "show": show,
    "pool": pool,
    "export": export,
    "queries": queries,
}


if __name__ == "__main__":
    main()
