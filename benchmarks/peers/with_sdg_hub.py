"""The job as a flow of sdg-hub: a prompt, a call and an extraction for each step, blocks after one another.

Its checkpoints are of whole chunks of records, of a size that it leaves to the user: here 100, a tenth of the job.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from job import CRITERIA, INSTRUCTION, MODEL, RATING, RESPONSE, arguments, topics, write
from sdg_hub import Flow
from sdg_hub.core.blocks import JSONParserBlock, LLMChatBlock, LLMResponseExtractorBlock, PromptBuilderBlock
from sdg_hub.core.flow import FlowMetadata

SAVE_EVERY = 100


def main() -> None:
    told = arguments()
    blocks = [
        *call(told.out, "instruction", INSTRUCTION.format(topic="{{ topic }}"), {"topic": "topic"}),
        *call(
            told.out,
            "response",
            RESPONSE.format(instruction="{{ instruction }}"),
            {"instruction_content": "instruction"},
        ),
    ]
    for name in CRITERIA:
        prompt = RATING.format(criterion=name, instruction="{{ instruction }}", response="{{ response }}")
        columns = {"instruction_content": "instruction", "response_content": "response"}
        blocks += call(told.out, name, prompt, columns)
        blocks.append(
            JSONParserBlock(
                block_name=f"{name}_score",
                input_cols=f"{name}_content",
                output_cols=["score"],
                field_prefix=f"{name}_",
            )
        )
    flow = Flow(blocks=blocks, metadata=FlowMetadata(name="job", id="the-job"))
    flow.set_model_config(model=f"openai/{MODEL}", api_base=told.url, api_key="none")
    made = flow.generate(
        pd.DataFrame({"topic": topics(told.records)}),
        checkpoint_dir=str(told.out / "checkpoints"),
        save_freq=SAVE_EVERY,
        max_concurrency=told.concurrency,
    )
    write(told.out, map(row, made.to_dict("records")))


def call(out: Path, name: str, prompt: str, columns: dict[str, str]) -> list[Any]:
    """The blocks of one call; its answer is in the column `NAME_content`."""
    path = out / f"{name}.yaml"
    path.write_text(json.dumps([{"role": "user", "content": prompt}]))  # JSON is YAML
    return [
        PromptBuilderBlock(
            block_name=f"{name}_prompt",
            input_cols=columns,
            output_cols=f"{name}_messages",
            prompt_config_path=str(path),
        ),
        LLMChatBlock(
            block_name=f"{name}_call", input_cols=f"{name}_messages", output_cols=f"{name}_reply", async_mode=True
        ),
        LLMResponseExtractorBlock(
            block_name=f"{name}_text", input_cols=f"{name}_reply", field_prefix=f"{name}_", extract_content=True
        ),
    ]


def row(made: dict[str, Any]) -> dict[str, Any]:
    scores = {name: made.get(f"{name}_score") for name in CRITERIA}
    return {
        "instruction": made["instruction_content"],
        "response": made["response_content"],
        **{name: None if pd.isna(score) else int(score) for name, score in scores.items()},
    }


main()
