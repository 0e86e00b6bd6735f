"""`gra models`: what the catalogue has, and fetching it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gra.cli.arguments import Json, catalogue_names
from gra.cli.console import messages, print_json, results, say

if TYPE_CHECKING:
    from gra.catalogue import ModelCard

app = typer.Typer(help="List and fetch models.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the models that gra knows by name."""
    from gra.catalogue import load_catalogue

    cards = list(load_catalogue().values())
    if as_json:
        print_json([_plain(card) for card in cards])
        return
    from gra.cli.views.model_list import model_list
    from gra.cli.views.parts import print_parts

    print_parts(results(), model_list(cards))


@app.command("pull")
def pull_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Names in the catalogue.", autocompletion=catalogue_names),
    ] = None,
    all_embedded: Annotated[bool, typer.Option("--all-embedded", help="Every model that gra serves itself.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch models and check them.

    Prints where each lies.
    """
    from gra.catalogue import find, load_catalogue, pull, verify
    from gra.cli.pulling import show_pull

    cards = [find(name) for name in names or ()]
    if all_embedded:
        cards += [card for card in load_catalogue().values() if card.file is not None and card not in cards]
    if not cards:
        raise typer.BadParameter("name at least one model, or give --all-embedded")
    for card in cards:
        say(f"{card.name}: {_size(card)}, {card.licence}, {card.licence_url}")
        with show_pull(messages()) as report:
            pull(card, on_progress=report)
        path = verify(card)
        if not as_json:
            print(path)
    if as_json:
        print_json([_plain(card) for card in cards])


def _size(card: ModelCard) -> str:
    from gra.cli.views.parts import size

    return size(card.bytes)


def _plain(card: ModelCard) -> dict[str, object]:
    from gra.catalogue import local_file

    file = local_file(card)
    return {
        "name": card.name,
        "kind": card.kind,
        "parameters": card.parameters,
        "bytes": card.bytes,
        "licence": card.licence,
        "licence_url": card.licence_url,
        "context": card.context,
        "served_by": "gra" if card.file else "vllm",
        "file": str(file) if file else None,
    }
