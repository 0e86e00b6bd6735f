"""The job with distilabel: a step for each call, the three ratings as branches that are joined again.

Every step is a process of its own, and sends one batch at a time, here as large as the server has slots.
"""

from __future__ import annotations

from typing import Any

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import CombineOutputs, LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from job import CRITERIA, INSTRUCTION, MODEL, RATING, RESPONSE, arguments, score_of, topics, write


def main() -> None:
    told = arguments()

    def call(name: str, template: str, *columns: str) -> TextGeneration:
        return TextGeneration(
            name=f"{name}_call",
            llm=OpenAILLM(model=MODEL, base_url=told.url, api_key="none"),
            template=template,
            columns=list(columns),
            output_mappings={"generation": name, "model_name": f"{name}_model"},
            input_batch_size=told.concurrency,
        )

    with Pipeline(name="job", cache_dir=told.out / "cache") as pipeline:
        topic = LoadDataFromDicts(
            data=[{"topic": topic} for topic in topics(told.records)], batch_size=told.concurrency
        )
        instruction = call("instruction", INSTRUCTION.format(topic="{{ topic }}"), "topic")
        response = call("response", RESPONSE.format(instruction="{{ instruction }}"), "instruction")
        ratings = []
        for name in CRITERIA:
            template = RATING.format(criterion=name, instruction="{{ instruction }}", response="{{ response }}")
            ratings.append(call(name, template, "instruction", "response"))
        topic >> instruction >> response >> ratings >> CombineOutputs()
    made = pipeline.run(use_cache=True)
    write(told.out, map(row, made["default"]["train"]))


def row(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, **{name: score_of(made[name]) for name in CRITERIA}}


if __name__ == "__main__":  # its steps are processes that import this
    main()
