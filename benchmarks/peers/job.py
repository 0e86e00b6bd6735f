"""The job that every tool is given, the same for all: for each topic an instruction, a response, and three ratings.

Knows no tool, and needs none: each `with_NAME.py` beside it imports it from an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

MODEL = "ada"
CRITERIA = ("helpfulness", "correctness", "clarity")
ROW = ("instruction", "response")
INSTRUCTION = "Write one instruction that a user might give to an assistant, about this topic: {topic}"
RESPONSE = "Follow this instruction.\n\n{instruction}"
JSON = "Reply with JSON and nothing else"
RATING = (
    "Rate the {criterion} of a response to an instruction.\n\nInstruction: {instruction}\n\nResponse: {response}\n\n"
    f'{JSON}: {{{{"score": a whole number from 1 to 10}}}}'
)
_WORDS = ("rivers", "bread", "clocks", "music", "maps", "gardens", "bridges", "letters", "stars", "trains", "glass")


def arguments() -> argparse.Namespace:
    """What every script takes: the server, how many records, requests at once, and a folder, kept if it is resumed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url", help="of the API, with /v1")
    parser.add_argument("records", type=int)
    parser.add_argument("concurrency", type=int)
    parser.add_argument("out", type=Path)
    return parser.parse_args()


def topics(records: int) -> list[str]:
    """As many different topics."""
    size = len(_WORDS)
    return [f"{_WORDS[n % size]} and {_WORDS[n // size % size]}, number {n}" for n in range(records)]


def score_of(text: str | None) -> int | None:
    """The score in a reply, if it holds one."""
    found = re.search(r"\{.*\}", text or "", re.DOTALL)
    try:
        score = json.loads(found[0])["score"] if found else None
    except (ValueError, KeyError, TypeError):
        return None
    return score if isinstance(score, int) and 1 <= score <= 10 else None


def write(out: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """The dataset, as `rows.jsonl`. What is missing in a row is None there."""
    kept = [{**{key: row[key] for key in ROW}, "scores": [row[name] for name in CRITERIA]} for row in rows]
    (out / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))


def count(out: Path) -> tuple[int, int]:
    """Rows of that file, and how many of them are complete; none if the job never came to write it."""
    path = out / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return len(rows), sum(all(row[key] for key in (*ROW, "scores")) and None not in row["scores"] for row in rows)
