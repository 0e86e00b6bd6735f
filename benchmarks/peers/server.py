"""The server of the comparison: gra's own fake server, whose models give a score as JSON to whoever asks for one.

    python benchmarks/peers/server.py --latency 0.05 [--spread 0.5] [--errors 0.05] [--bad-json 0.05]

Prints its URL. `--errors` is the share of all requests that meet HTTP 500, `--bad-json` the share of the replies that
should be JSON and are cut off in the middle. Both are drawn from the request and from how often it came, so the same
requests meet the same faults in whatever order they come, and one that is sent again has new luck.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections import Counter
from typing import Any

from job import JSON

from gra.testing.fake_answers import FakeModel, digest, prompt_of, reply
from gra.testing.fake_server import FakeServer

NAMES = ("ada", "bob", "cyd", "gpt-4")
LENIENCY = 10.0
"""Full marks for everything, as far as marks are asked for by a schema."""


class Replies:
    """What one model says. Counts how often a question came to its answer."""

    def __init__(self, bad_json: float) -> None:
        self._plain = FakeModel("", LENIENCY)
        self._bad_json = bad_json
        self._came: Counter[str] = Counter()

    def __call__(self, body: dict[str, Any]) -> str | None:
        structured = body.get("response_format", {}).get("type") == "json_schema"
        if not structured and JSON not in prompt_of(body):
            return None
        name = digest(body)
        self._came[name] += 1
        luck = random.Random(f"{name} {self._came[name]}")
        text = reply(self._plain, body)[0] if structured else f'{{"score": {random.Random(name).randint(1, 10)}}}'
        return text[: len(text) // 2] if luck.random() < self._bad_json else text


async def serve(told: argparse.Namespace) -> None:
    server = FakeServer(
        [FakeModel(name, LENIENCY, context=None, respond=Replies(told.bad_json)) for name in NAMES],
        latency_s=told.latency,
        spread=told.spread,
        slots=told.slots,
        faults={"500": told.errors},
    )
    async with server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds; the median, where there is a spread")
    parser.add_argument("--spread", type=float, default=0.0, help="sigma of a lognormal latency")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--errors", type=float, default=0.0)
    parser.add_argument("--bad-json", type=float, default=0.0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
