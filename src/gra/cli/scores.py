"""Reads a person's benchmark scores of variants, to show them beside what `gra ablate` has counted.

JSON, `{"full": {"gsm8k": 70.3}, ...}`, or CSV with a head, `variant,gsm8k,...`, and a row for each variant. gra trains
nothing and measures no model; what is in the file is shown as it is.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from gra.errors import ConfigError

LARGEST = 1_000_000
"""Bytes of a file of scores."""
Scores = dict[str, dict[str, float]]


def read_scores(path: Path, variants: Sequence[str]) -> Scores:
    """Scores by variant and benchmark; a cell that is empty is left out.

    Raises:
        ConfigError: it cannot be read, is of neither form, or names another variant.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the scores in {path}: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise ConfigError(f"{path} is larger than {LARGEST:,} bytes; scores are a small table")
    try:
        text = raw.decode("utf-8-sig")
        table = _from_csv(text) if path.suffix.lower() == ".csv" else json.loads(text)
        found = {str(name): _numbers(row) for name, row in table.items()}
    except (ValueError, AttributeError, RecursionError, csv.Error) as error:
        raise ConfigError(
            f"{path} holds no scores ({str(error).splitlines()[0]}). Give JSON, "
            '{"full": {"gsm8k": 70.3}}, or CSV: variant,gsm8k in the first line, then full,70.3'
        ) from None
    if strangers := [name for name in found if name not in variants]:
        raise ConfigError(f"{path} has scores of `{strangers[0]}`; the variants are {', '.join(variants)}")
    return found


def _from_csv(text: str) -> dict[str, dict[str, str]]:
    rows = csv.reader(io.StringIO(text), strict=True)
    head = next(rows, [])
    if len(head) < 2 or len(set(head)) < len(head):
        raise ValueError("its first line must name `variant` and the benchmarks, each once")
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if not row:
            continue
        if len(row) != len(head) or row[0] in found:
            raise ValueError(
                f"line {rows.line_num} has {len(row)} cells of {len(head)}, or a variant for the second time"
            )
        found[row[0]] = {name: cell for name, cell in zip(head[1:], row[1:], strict=True) if cell.strip()}
    return found


def _numbers(row: Mapping[str, object]) -> dict[str, float]:
    found = {}
    for name, value in row.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not math.isfinite(float(value)):
            raise ValueError(f"the score of {name} is no number")
        found[name] = float(value)
    return found
