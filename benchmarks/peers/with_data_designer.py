"""The job with NVIDIA NeMo Data Designer: a column for each call, which it orders by what their prompts mention.

It resumes whole row groups, by default of 1,000 records.
"""

from __future__ import annotations

import data_designer.config as dd
import pandas as pd
from data_designer.interface import DataDesigner
from job import CRITERIA, INSTRUCTION, MODEL, RATING, RESPONSE, arguments, topics, write
from pydantic import BaseModel, Field


class Score(BaseModel):
    """What a rating is."""

    score: int = Field(ge=1, le=10)


def main() -> None:
    told = arguments()
    model = dd.ModelConfig(
        alias="model",
        model=MODEL,
        provider="local",
        inference_parameters=dd.ChatCompletionInferenceParams(max_parallel_requests=told.concurrency),
    )
    columns = dd.DataDesignerConfigBuilder(model_configs=[model])
    columns.with_seed_dataset(dd.DataFrameSeedSource(df=pd.DataFrame({"topic": topics(told.records)})))
    instruction = INSTRUCTION.format(topic="{{ topic }}")
    columns.add_column(dd.LLMTextColumnConfig(name="instruction", model_alias="model", prompt=instruction))
    response = RESPONSE.format(instruction="{{ instruction }}")
    columns.add_column(dd.LLMTextColumnConfig(name="response", model_alias="model", prompt=response))
    for name in CRITERIA:
        rating = RATING.format(criterion=name, instruction="{{ instruction }}", response="{{ response }}")
        columns.add_column(
            dd.LLMStructuredColumnConfig(name=name, model_alias="model", prompt=rating, output_format=Score)
        )
    designer = DataDesigner(
        artifact_path=told.out,
        model_providers=[dd.ModelProvider(name="local", endpoint=told.url, api_key="none")],
    )
    made = designer.create(columns, num_records=told.records, resume=dd.ResumeMode.IF_POSSIBLE)
    rows = made.load_dataset().to_dict("records")
    write(told.out, ({**row, **{name: row[name]["score"] for name in CRITERIA}} for row in rows))


main()
