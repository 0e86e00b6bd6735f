"""The job with no framework: asyncio, aiohttp, and every answer appended to a log that is read again on resume."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
from job import CRITERIA, INSTRUCTION, JSON, MODEL, RATING, RESPONSE, arguments, score_of, topics, write

TRIES = 8


class Log:
    """Answers by prompt, one a line."""

    def __init__(self, path: Path) -> None:
        self.known: dict[str, str] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    prompt, answer = json.loads(line)
                except ValueError:
                    continue  # half a line, written when the process died
                self.known[prompt] = answer
        self._file = path.open("a")

    def add(self, prompt: str, answer: str) -> None:
        self.known[prompt] = answer
        self._file.write(json.dumps([prompt, answer]) + "\n")
        self._file.flush()


async def ask(session: aiohttp.ClientSession, free: asyncio.Semaphore, url: str, log: Log, prompt: str) -> str:
    if prompt in log.known:
        return log.known[prompt]
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    for tried in range(TRIES):
        async with free, session.post(url + "/chat/completions", json=body) as got:
            if got.status == 200:
                answer = str((await got.json())["choices"][0]["message"]["content"])
                if JSON not in prompt or score_of(answer) is not None:
                    log.add(prompt, answer)
                    return answer
        await asyncio.sleep(0.1 * 2**tried)
    raise RuntimeError(f"no answer after {TRIES} tries")


async def main() -> None:
    told = arguments()
    log, free = Log(told.out / "log.jsonl"), asyncio.Semaphore(told.concurrency)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def record(topic: str) -> dict[str, Any]:
            instruction = await ask(session, free, told.url, log, INSTRUCTION.format(topic=topic))
            response = await ask(session, free, told.url, log, RESPONSE.format(instruction=instruction))
            filled = [RATING.format(criterion=c, instruction=instruction, response=response) for c in CRITERIA]
            ratings = await asyncio.gather(*(ask(session, free, told.url, log, prompt) for prompt in filled))
            scores = dict(zip(CRITERIA, map(score_of, ratings), strict=True))
            return {"instruction": instruction, "response": response, **scores}

        write(told.out, await asyncio.gather(*map(record, topics(told.records))))


asyncio.run(main())
