"""Datasets out of a run, in the forms that trainers read.

One function a form. Each writes one file, whole or not at all, with the samples in the order they are given, and
returns how many it wrote.

    write_messages  JSON lines of conversations: TRL, OpenAI fine-tuning, Axolotl, most others
    write_alpaca    one JSON list of instruction, input, output: LLaMA-Factory, Axolotl
    write_parquet   conversations with what is known of each: `datasets`, DuckDB, pandas

Another form is an `Exporter` of the user's own. `write_dataset` writes a run's samples by any of them,
`write_datasets` those of several runs.
"""

from gra.export.alpaca import write_alpaca
from gra.export.dataset import Exporter, Format, write_dataset, write_datasets
from gra.export.messages import write_messages
from gra.export.parquet import write_parquet
from gra.export.rows import Integration, Row, exportable

__all__ = [
    "Exporter",
    "Format",
    "Integration",
    "Row",
    "exportable",
    "write_alpaca",
    "write_dataset",
    "write_datasets",
    "write_messages",
    "write_parquet",
]
