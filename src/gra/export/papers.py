"""What lies beside the data so that a trainer finds it: its own list of datasets, and recipes ready to run.

Knows which files there are, and none of the rows. The paths in it are those in the folder of the export, where the
trainers are started.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from gra.export.files import DataFile
from gra.export.forms import Format


class Recipe(StrEnum):
    """Trainers that a recipe can be had for."""

    LLAMA_FACTORY = "llama-factory"
    TRL = "trl"
    AXOLOTL = "axolotl"


NEEDS: dict[Recipe, Format] = {
    Recipe.LLAMA_FACTORY: Format.LLAMA_FACTORY,
    Recipe.TRL: Format.DATASETS,
    Recipe.AXOLOTL: Format.AXOLOTL,
}
"""The form that each recipe trains on."""
_DATA = {
    Recipe.LLAMA_FACTORY: ("llama-factory/sft", "llama-factory/dpo"),
    Recipe.TRL: ("data/prompt-completion/", "data/preference/"),
    Recipe.AXOLOTL: ("axolotl/sft", "axolotl/dpo"),
}
"""The part that the recipe of each of `_STAGES` trains on."""
_STAGES = ("sft", "dpo")
CARD = "README.md"
"""Where the hub looks for a dataset's card."""


def papers(files: Sequence[DataFile], recipes: Iterable[Recipe]) -> Iterator[tuple[str, str]]:
    """Path and text of each paper."""
    found = {(file.stem, file.side or "train"): file.path for file in files}
    formats = {file.format for file in files}
    if Format.LLAMA_FACTORY in formats:
        yield "llama-factory/dataset_info.json", json.dumps(dataset_info(found), indent=2) + "\n"
    if Format.AXOLOTL in formats:
        for stage in _STAGES:
            if stanza := axolotl_datasets(found, stage):
                yield f"axolotl/datasets.{stage}.yaml", stanza
    if Format.DATASETS in formats:
        yield CARD, readme(files)
    recipes = sorted(set(recipes))
    for recipe in recipes:
        for stage, stem in zip(_STAGES, _DATA[recipe], strict=True):
            if (stem, "train") in found:
                text = _recipe(f"{recipe}.{stage}.yaml", (stem, "test") in found)
                yield f"recipes/{recipe}.{stage}.yaml", text.replace("{{datasets}}\n", axolotl_datasets(found, stage))
    if recipes:
        yield "recipes/zero2.json", _file("zero2.json")


def dataset_info(found: dict[tuple[str, str], str]) -> dict[str, Any]:
    """LLaMA-Factory's description of its datasets: `gra_sft`, `gra_dpo`, `gra_kto`, and the same with `_test`."""
    forms: dict[str, dict[str, Any]] = {
        "sft": {"columns": {"prompt": "instruction", "query": "input", "response": "output"}},
        "dpo": {
            "ranking": True,
            "columns": {"prompt": "instruction", "query": "input", "chosen": "chosen", "rejected": "rejected"},
        },
        "kto": {"columns": {"prompt": "instruction", "query": "input", "response": "output", "kto_tag": "kto_tag"}},
    }
    info = {}
    for (stem, side), path in found.items():
        folder, _, stage = stem.partition("/")
        if folder == "llama-factory":
            name = f"gra_{stage}" if side == "train" else f"gra_{stage}_{side}"
            info[name] = {"file_name": path.partition("/")[2], "formatting": "alpaca", **forms[stage]}
    return info


def axolotl_datasets(found: dict[tuple[str, str], str], stage: str) -> str:
    """Axolotl's entry for the data of a stage, to be put into a configuration; empty if there is none."""
    kinds: dict[str, dict[str, Any]] = {
        "sft": {"type": "chat_template", "field_messages": "messages", "roles_to_train": ["assistant"]},
        "dpo": {
            "type": "chat_template.default",
            "field_messages": "messages",
            "field_chosen": "chosen",
            "field_rejected": "rejected",
        },
    }
    named = {"train": "datasets", "test": "test_datasets"}
    entries = {
        key: [{"path": path, "ds_type": "json", "split": "train", **kinds[stage]}]
        for side, key in named.items()
        if (path := found.get((f"axolotl/{stage}", side)))
    }
    return _yaml(entries) if entries else ""


def configs(files: Sequence[DataFile]) -> list[dict[str, Any]]:
    """The `configs` of a dataset card: a name for each form, and where its rows are."""
    found: dict[str, list[dict[str, str]]] = {}
    for file in files:
        if file.format is Format.DATASETS:
            name = file.stem.strip("/").rpartition("/")[2]
            found.setdefault(name, []).append({"split": file.side or "train", "path": file.path})
    return [
        {"config_name": name, "data_files": places, **({"default": True} if name == Format.MESSAGES else {})}
        for name, places in found.items()
    ]


def readme(files: Sequence[DataFile]) -> str:
    """A dataset card of the least that `datasets` needs to find every form by its name."""
    front = _yaml({"configs": configs(files)})
    names = "\n".join(f'load_dataset("path/of/this/folder", "{config["config_name"]}")' for config in configs(files))
    return f"---\n{front}---\n\nMade by gra. What is in here: `manifest.json`.\n\n```python\n{names}\n```\n"


def _recipe(name: str, with_test: bool) -> str:
    """A recipe; its lines for a test are there if there is one."""
    return re.sub(r"(?m)^#test (.*\n)", r"\1" if with_test else "", _file(name))


def _yaml(plain: dict[str, Any]) -> str:
    import yaml  # not for the help page

    text: str = yaml.safe_dump(plain, sort_keys=False)
    return text


def _file(name: str) -> str:
    from importlib import resources  # not for the help page

    return resources.files("gra.export").joinpath("recipes", name).read_text(encoding="utf-8")
