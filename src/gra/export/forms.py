"""The forms of a dataset: what a row looks like for whom, and in which files the rows lie. Reads no run.

The forms are those that the trainers' own pages describe; docs/export.md links them, and tests/export hold each to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from gra.export.preferences import Judged, Pair
from gra.export.rows import Row, conversation, metadata, question, text, turn

Item = Row | Pair | Judged
Kind = Literal["sample", "pair", "judged"]
Container = Literal["lines", "list", "parquet"]


class Format(StrEnum):
    """What can be asked for, by name."""

    MESSAGES = "messages"
    ALPACA = "alpaca"
    PARQUET = "parquet"
    PROMPT_COMPLETION = "prompt-completion"
    PREFERENCE = "preference"
    UNPAIRED_PREFERENCE = "unpaired-preference"
    SHAREGPT = "sharegpt"
    OPENAI = "openai"
    LLAMA_FACTORY = "llama-factory"
    AXOLOTL = "axolotl"
    DATASETS = "datasets"


# --- rows -------------------------------------------------------------------------------------------------------------


def _messages(row: Row) -> dict[str, Any]:
    return {"messages": conversation(row.sample)}


def _alpaca(row: Row) -> dict[str, Any]:
    """`input` is always empty, as it is part of the instruction."""
    asked, answered = conversation(row.sample)
    return {"instruction": asked["content"], "input": "", "output": answered["content"]}


def _sharegpt(row: Row) -> dict[str, Any]:
    asked, answered = conversation(row.sample)
    return {
        "conversations": [
            {"from": "human", "value": asked["content"]},
            {"from": "gpt", "value": answered["content"]},
        ]
    }


def _prompt_completion(row: Row) -> dict[str, Any]:
    asked, answered = conversation(row.sample)
    return {"prompt": [asked], "completion": [answered]}


def _preference(pair: Pair) -> dict[str, Any]:
    asked, chosen, rejected = _turns(pair)
    return {"prompt": [asked], "chosen": [chosen], "rejected": [rejected], **_scores(pair)}


def _alpaca_preference(pair: Pair) -> dict[str, Any]:
    asked, chosen, rejected = (each["content"] for each in _turns(pair))
    return {"instruction": asked, "input": "", "chosen": chosen, "rejected": rejected, **_scores(pair)}


def _axolotl_preference(pair: Pair) -> dict[str, Any]:
    asked, chosen, rejected = _turns(pair)
    return {"messages": [asked], "chosen": chosen, "rejected": rejected, **_scores(pair)}


def _unpaired(item: Judged) -> dict[str, Any]:
    return {**_prompt_completion(item.row), "label": item.label}


def _alpaca_unpaired(item: Judged) -> dict[str, Any]:
    return {**_alpaca(item.row), "kto_tag": item.label}


def _turns(pair: Pair) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    chosen = text(pair.row.sample, "response", pair.row.sample.response)
    rejected = text(pair.rejected.sample, "rejected response", pair.rejected.sample.response)
    return question(pair.row.sample), turn("assistant", chosen), turn("assistant", rejected)


def _scores(pair: Pair) -> dict[str, float]:
    return {"score_chosen": pair.score_chosen, "score_rejected": pair.score_rejected, "margin": pair.margin}


def known(item: Item) -> dict[str, Any]:
    """What is known of a row beside its texts."""
    return metadata(item) if isinstance(item, Row) else item.known()


# --- columns, for files that have types -------------------------------------------------------------------------------

SCORES = {"score_chosen": "float", "score_rejected": "float", "margin": "float"}
KNOWN = {
    "id": "text",
    "domain": "text",
    "keywords": "texts",
    "summary": "text",
    "score": "float",
    "generator": "text",
    "reviewers": "texts",
    "round": "int",
    "status": "text",
    "source": "text",
    "seed": "text",
    "examples": "texts",
    "refined": "bool",
    "run": "text",
    "notes": "json",
}
KNOWN_OF_PAIR = {
    **KNOWN,
    "origin": "text",
    "rejected_id": "text",
    "rejected_run": "text",
    "rejected_generator": "text",
    "rejected_reviewers": "texts",
}


# --- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a form, or one for each side of a split."""

    stem: str
    """Its path, without an ending; a folder if that is `/`, with a file for each side in it."""
    kind: Kind
    record: Callable[[Any], dict[str, Any]]
    """From an item to the row."""
    container: Container = "lines"
    columns: dict[str, str] | None = None
    """Types of the row's columns, where the file has types."""
    extra: bool = True
    """Whether the consumer takes rows that say more than it asks for."""

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return {"lines": ".jsonl", "list": ".json", "parquet": ".parquet"}[self.container]

    def path(self, side: str = "") -> str:
        """Where the rows of one side lie: `train`, `test`, or empty where nothing is divided."""
        if self.stem.endswith("/"):
            return f"{self.stem}{side or 'train'}{self.suffix}"
        return f"{self.stem}{f'.{side}' if side else ''}{self.suffix}"


_TURNS = {"messages": "turns"}
_PAIR = {"prompt": "turns", "chosen": "turns", "rejected": "turns", **SCORES}

PARTS: dict[Format, tuple[Part, ...]] = {
    Format.MESSAGES: (Part("messages", "sample", _messages),),
    Format.ALPACA: (Part("alpaca", "sample", _alpaca, "list"),),
    Format.PARQUET: (Part("messages", "sample", _messages, "parquet", _TURNS),),
    Format.PROMPT_COMPLETION: (Part("prompt-completion", "sample", _prompt_completion),),
    Format.PREFERENCE: (Part("preference", "pair", _preference),),
    Format.UNPAIRED_PREFERENCE: (Part("unpaired-preference", "judged", _unpaired),),
    Format.SHAREGPT: (Part("sharegpt", "sample", _sharegpt),),
    Format.OPENAI: (Part("openai", "sample", _messages, extra=False),),
    Format.LLAMA_FACTORY: (
        Part("llama-factory/sft", "sample", _alpaca),
        Part("llama-factory/dpo", "pair", _alpaca_preference),
        Part("llama-factory/kto", "judged", _alpaca_unpaired),
    ),
    Format.AXOLOTL: (
        Part("axolotl/sft", "sample", _messages),
        Part("axolotl/dpo", "pair", _axolotl_preference),
    ),
    Format.DATASETS: (
        Part("data/messages/", "sample", _messages, "parquet", _TURNS),
        Part(
            "data/prompt-completion/",
            "sample",
            _prompt_completion,
            "parquet",
            {"prompt": "turns", "completion": "turns"},
        ),
        Part(
            "data/alpaca/",
            "sample",
            _alpaca,
            "parquet",
            {"instruction": "text", "input": "text", "output": "text"},
        ),
        Part("data/sharegpt/", "sample", _sharegpt, "parquet", {"conversations": "from turns"}),
        Part("data/preference/", "pair", _preference, "parquet", _PAIR),
        Part(
            "data/unpaired-preference/",
            "judged",
            _unpaired,
            "parquet",
            {"prompt": "turns", "completion": "turns", "label": "bool"},
        ),
    ),
}
"""The files of each form. A form of several lies in a folder."""
