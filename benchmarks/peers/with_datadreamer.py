"""The job with DataDreamer: a prompting step for each call, one step after another, each a batch at a time.

Its OpenAI class uses the chat API for models by the names of OpenAI's only, so this one goes by such a name.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# The tokenizer's table, which is else fetched from the network, and litellm ships.
os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(find_spec("litellm").origin).parent / "litellm_core_utils" / "tokenizers")

from datadreamer import DataDreamer
from datadreamer.llms import OpenAI
from datadreamer.steps import DataSource, Prompt, zipped
from job import CRITERIA, INSTRUCTION, RATING, RESPONSE, arguments, score_of, topics, write

CHAT_MODEL = "gpt-4"


def main() -> None:
    told = arguments()
    with DataDreamer(str(told.out / "output")):
        llm = OpenAI(CHAT_MODEL, base_url=told.url, api_key="none")

        def call(name: str, prompts: Any) -> Any:
            return Prompt(
                f"Write {name}",
                inputs={"prompts": prompts.output["prompt"]},
                args={"llm": llm, "batch_size": told.concurrency},
                outputs={"prompts": f"{name} prompt", "generations": name},
            )

        source = DataSource("Topics", data={"topic": topics(told.records)})
        instruction = call("instruction", source.map(instruct, lazy=False))
        response = call("response", instruction.map(respond, lazy=False))
        made = zipped(instruction, response)
        ratings = [call(name, made.map(rate(name), lazy=False)) for name in CRITERIA]
        write(told.out, map(row, zipped(made, *ratings).output))


def instruct(row: dict[str, Any]) -> dict[str, str]:
    return {"prompt": INSTRUCTION.format(topic=row["topic"])}


def respond(row: dict[str, Any]) -> dict[str, str]:
    return {"prompt": RESPONSE.format(instruction=row["instruction"])}


def rate(criterion: str) -> Any:
    def rated(row: dict[str, Any]) -> dict[str, str]:
        filled = RATING.format(criterion=criterion, instruction=row["instruction"], response=row["response"])
        return {"prompt": filled}

    return rated


def row(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, **{name: score_of(made[name]) for name in CRITERIA}}


main()
