"""The catalogue as a table, and the models that a run is going to fetch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from gra.catalogue import ModelCard, local_file
from gra.cli.views.parts import Unbroken, size, table


def model_list(cards: Sequence[ModelCard]) -> Iterator[RenderableType]:
    """One line a model."""
    rows = [(c.name, c.kind, parameters(c), size(c.bytes) if c.file else "-", c.licence, _here(c)) for c in cards]
    yield table(("name", "kind", "params", "size", "licence", "here"), rows, numbers=(2, 3))


def licences(cards: Sequence[ModelCard]) -> Iterator[RenderableType]:
    """What is needed, with what each model's licence is and where it can be read."""
    for card in cards:
        here = "is here" if local_file(card) else f"is fetched ({size(card.bytes)})"
        yield Unbroken(f"  {card.name} {here}; licence {card.licence}: {card.licence_url}")


def parameters(card: ModelCard) -> str:
    """For example `1.5 B` or `135 M`."""
    return f"{card.parameters / 1e9:.1f} B" if card.parameters >= 1e9 else f"{card.parameters / 1e6:.0f} M"


def _here(card: ModelCard) -> str:
    if card.file is None:
        return "by vLLM"
    return "yes" if local_file(card) else "no"
