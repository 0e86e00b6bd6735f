"""The job with Bespoke Curator: three `curator.LLM` one after another, the last over each response and criterion."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# The tokenizer's table, which Curator fetches from the network when it has none, and litellm ships.
os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(find_spec("litellm").origin).parent / "litellm_core_utils" / "tokenizers")

from bespokelabs import curator
from job import CRITERIA, INSTRUCTION, MODEL, RATING, RESPONSE, arguments, topics, write
from pydantic import BaseModel, Field

NO_LIMIT = 1_000_000_000
"""Requests and tokens a minute, which it limits itself to, by default to few."""


class Score(BaseModel):
    """What a rating is."""

    score: int = Field(ge=1, le=10)


class Instructor(curator.LLM):
    """Writes instructions."""

    def prompt(self, row: dict[str, Any]) -> str:
        return INSTRUCTION.format(topic=row["topic"])

    def parse(self, row: dict[str, Any], response: str) -> dict[str, Any]:
        return {"instruction": response}


class Responder(curator.LLM):
    """Follows them."""

    def prompt(self, row: dict[str, Any]) -> str:
        return RESPONSE.format(instruction=row["instruction"])

    def parse(self, row: dict[str, Any], response: str) -> list[dict[str, Any]]:
        return [{**row, "response": response, "criterion": criterion} for criterion in CRITERIA]


class Rater(curator.LLM):
    """Rates one response by one criterion."""

    response_format = Score

    def prompt(self, row: dict[str, Any]) -> str:
        return RATING.format(**row)

    def parse(self, row: dict[str, Any], response: Score) -> dict[str, Any]:
        return {**row, "score": response.score}


def main() -> None:
    told = arguments()
    params = {
        "base_url": told.url,
        "api_key": "none",
        "max_concurrent_requests": told.concurrency,
        "max_requests_per_minute": NO_LIMIT,
        "max_tokens_per_minute": NO_LIMIT,
    }
    rows: Any = [{"topic": topic} for topic in topics(told.records)]
    for stage in (Instructor, Responder, Rater):
        model = stage(model_name=MODEL, backend="openai", backend_params=params)
        rows = model(rows, working_dir=str(told.out)).dataset
    write(told.out, records(rows))


def records(rated: Any) -> Iterator[dict[str, Any]]:
    """Rows of one criterion each, brought together."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rated:
        record = found.setdefault((row["instruction"], row["response"]), dict.fromkeys(CRITERIA))
        record[row["criterion"]] = row["score"]
    for (instruction, response), scores in found.items():
        yield {"instruction": instruction, "response": response, **scores}


main()
