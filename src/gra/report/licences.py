"""What the licences of models ask of texts that the models wrote, as far as gra knows. No legal advice.

From the texts of the licences, as public repositories quoted them on 2026-11-26. What is not known is called so, and
never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gra.catalogue import load_catalogue
from gra.catalogue.cards import ModelCard

UNKNOWN = "not known to gra: read the terms under which the model was had before the data is given away"
_ASKS: tuple[tuple[str, str], ...] = (
    (r"Apache-2\.0|MIT|BSD-[23]-Clause|ISC|CC0-1\.0", "no condition on what the model writes"),
    (
        r"Llama (3\.[1-9]|[4-9]).*",
        "a model that is trained on the outputs, and given away, has a name that begins with `Llama`; uses within "
        "Meta's acceptable use policy; another licence above 700 million users a month",
    ),
    (
        r"(Meta )?Llama [23]\b(?!\.).*",
        "outputs may not be used to improve a language model other than Llama and its derivatives",
    ),
    (
        r"Gemma Terms of Use",
        "Google claims no rights in outputs; but a model that is trained on them to behave like Gemma is a derivative "
        "of Gemma, to be given away with Gemma's terms and its prohibited uses",
    ),
    (
        r"Qwen Research.*",
        "not for commercial use; a model that is trained on the outputs, and given away, says `Built with Qwen` or "
        "`Improved using Qwen`",
    ),
    (
        r"Qwen License.*",
        "a model that is trained on the outputs, and given away, says `Built with Qwen` or `Improved using Qwen`; "
        "another licence above 100 million users a month",
    ),
)


class Terms(NamedTuple):
    """A model of a run, and under what it was had."""

    name: str
    """In the run."""
    model: str
    """What it is: its name in the catalogue or on its server."""
    licence: str
    url: str
    asks: str
    """Of the data, in words."""


def terms_of(config: Mapping[str, Any]) -> Iterator[Terms]:
    """The terms of every model that writes or judges in a run, by its written configuration."""
    for model in config.get("models", ()):
        name, card = str(model.get("name", "")), _card(model)
        said = str(card.name if card else model.get("model") or (model.get("backend") or {}).get("use") or name)
        if card is None:
            yield Terms(name, said, "unknown", "", UNKNOWN)
        else:
            yield Terms(name, said, card.licence, card.licence_url, asked_by(card.licence))


def asked_by(licence: str) -> str:
    """What a licence asks of the data, in words."""
    return next((asks for pattern, asks in _ASKS if re.fullmatch(pattern, licence)), UNKNOWN)


def _card(model: Mapping[str, Any]) -> ModelCard | None:
    """What the catalogue knows: by the model's own entry, or by the repository that a server says it serves."""
    cards = load_catalogue()
    if catalogue := model.get("catalogue"):
        return cards.get(str(catalogue).strip().lower())
    served = str(model.get("model") or "")
    return next((card for card in cards.values() if served and card.hf_repo == served), None)
