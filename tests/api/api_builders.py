"""Configurations of runs by fake models, as plain values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gra.testing.fake_answers import FakeModel

NAMES = ("writer", "one", "two", "judge")
KIND = tuple(FakeModel(name, judge=lambda body: 0.9) for name in NAMES)
"""Models that find everything good."""


def plain_config(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **changes: Any) -> dict[str, Any]:
    """The content of a configuration; its seeds are written into the folder."""
    rows = [{"instruction": f"Say number {n} in words.", "response": f"It is number {n}, in words."} for n in range(8)]
    (folder / "seeds.json").write_text(json.dumps(rows))
    plain: dict[str, Any] = {
        "seeds": str(folder / "seeds.json"),
        "target": 3,
        "models": [{"name": n, "base_url": base_url, "model": n} for n in NAMES],
        "embeddings": {"base_url": base_url, "model": "writer"},
        "gate": {"type": "paper", "tau": 1, "sigma_max": 9},
        "generation": {"max_tokens": 40},
        "engine": {"retries": 0},
    }
    return {**plain, **changes}
