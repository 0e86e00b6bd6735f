"""What keeping a slot for each matter is worth on an embedded server.

    python benchmarks/slots.py [--model smollm2-135m-instruct] [--matters 12] [--slots 4] [--threads 1]

Reads the same matters (made-up answers to made-up exercises, six questions each) with one model of the catalogue,
while texts are written beside them, in three ways: one matter at a time; as many at once as half the slots, each
question wherever llama.cpp puts it; and the same with a slot kept for each matter. Prints what share of the questions'
prompt tokens was in the cache, and the server's CPU seconds, its start among them.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from gra.calls import CallId, Message, Reply, Request, Sampling, Usage
from gra.catalogue import find, pull
from gra.llm import Endpoint, LocalServer, Server, Slots, open_session
from gra.synthesis.reading import EqualLanes, Lanes, Matter, ProbabilityReading
from gra.together import together

SUBJECTS = ("rivers", "bread", "winter", "bees", "maps", "letters", "bridges", "tea", "clocks", "stairs")


@dataclass
class Count:
    """An `Ask` that counts."""

    endpoint: Endpoint
    questions: Usage = field(default_factory=Usage)

    async def __call__(self, call: CallId, request: Request) -> Reply:
        reply = await self.endpoint.complete(request)
        if request.labels:
            more, so_far = reply.usage, self.questions
            self.questions = Usage(so_far.prompt_tokens + more.prompt_tokens, so_far.cached_tokens + more.cached_tokens)
        return reply


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--matters", type=int, default=12)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{'':34} prompt tokens   in the cache   computed   seconds   CPU")
    for name, many, kept in (
        ("one matter at a time", 1, False),
        ("several, wherever they come", max(1, arguments.slots // 2), False),
        ("several, each in a slot of its own", 0, True),
    ):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        used, seconds = asyncio.run(read_all(arguments, many, kept))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        computed = used.prompt_tokens - used.cached_tokens
        share = used.cached_tokens / used.prompt_tokens
        cpu = after.ru_utime - before.ru_utime
        numbers = f"{used.prompt_tokens:13,} {share:13.1%} {computed:10,} {seconds:9.1f} {cpu:5.1f}"
        print(f"{name:34} {numbers}", flush=True)


async def read_all(arguments: argparse.Namespace, many: int, kept: bool) -> tuple[Usage, float]:
    """One way, on a server of its own."""
    file = pull(find(arguments.model))
    with tempfile.TemporaryDirectory(prefix="gra-slots-") as logs:
        log = Path(logs) / "server.log"
        name, threads, slots = arguments.model, arguments.threads, Slots(arguments.slots)
        async with (
            open_session() as session,
            LocalServer(name, file, log, context=2048, slots=arguments.slots, threads=threads) as server,
        ):
            place = Server(arguments.slots)
            endpoint = Endpoint(
                name, server.base_url, session, place, model=name, key=server.key, slots=slots if kept else None
            )
            lanes: Lanes = slots if kept else EqualLanes(many)
            ask, reading = Count(endpoint), ProbabilityReading(lanes)
            started = time.monotonic()
            await together(life(ask, reading, name, number) for number in range(arguments.matters))
            return ask.questions, time.monotonic() - started


async def life(ask: Count, reading: ProbabilityReading, model: str, number: int) -> None:
    """Something is written, and what is judged is another matter each time, as in a run."""
    one, other = SUBJECTS[number % len(SUBJECTS)], SUBJECTS[(3 * number + 1) % len(SUBJECTS)]
    wish = f"Write three sentences about {one} and number {number}."
    sampling = Sampling(temperature=0.8, top_p=0.95, max_tokens=40, seed=number)
    request = Request(model, (Message("user", wish),), sampling, prompt="response")
    written = await ask(CallId(f"m{number}", "response"), request)
    text = f"People who like {other} often know little about {one}. " * 3 + written.text
    await reading.read(ask, model, Matter("response", wish, text), CallId(f"m{number}", "review"))
    await ask(CallId(f"m{number}", "again"), replace(request, sampling=replace(sampling, seed=number + 1000)))


if __name__ == "__main__":
    main()
