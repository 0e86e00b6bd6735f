"""gra at a job of its own, of seven requests a record: that of `benchmarks/throughput.py`, which says what they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from job import arguments

import gra

sys.path.append(str(Path(__file__).parents[1]))
from throughput import write_config


def main() -> None:
    told = arguments()
    config = json.loads(write_config(told.out, told.url, told.records).read_text())
    config["engine"]["concurrency"] = told.concurrency
    with gra.run(config, told.out / "run") as run, (told.out / "rows.jsonl").open("w") as file:
        for sample in run.accepted:
            row = {"instruction": sample.instruction, "response": sample.response, "scores": [sample.score]}
            file.write(json.dumps(row) + "\n")


main()
