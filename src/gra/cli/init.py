"""`gra init`: a first configuration, from what is there to work with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import Json
from gra.cli.console import print_json, results, say

Urls = Annotated[
    list[str] | None,
    typer.Option("--server", metavar="URL", help="An OpenAI-compatible API, e.g. http://gpu:8000/v1; may be repeated."),
]


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("gra.yaml"),
    seeds: Annotated[Path | None, typer.Option(help="File of seeds; by default the best in the file's folder.")] = None,
    server: Urls = None,
    api_key_env: Annotated[str | None, typer.Option(help="Variable that holds the key of these servers.")] = None,
    target: Annotated[int, typer.Option(min=1, help="Samples to accept.")] = 100,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a first configuration.

    Finds seeds in the folder, model servers that run on this machine, and else the models that it can serve itself. It
    asks nothing.
    """
    from gra.cli.draft import draft, pool_of
    from gra.cli.surroundings import find_seeds, find_servers, look_at_machine, look_at_seeds
    from gra.errors import ConfigError

    if path.exists() and not force:
        raise ConfigError(f"{path} is there already. --force replaces it, or name another file")
    known = look_at_seeds(seeds) if seeds else find_seeds(path.parent)
    servers, machine = find_servers(server or [], api_key_env), look_at_machine()
    members = pool_of(servers, machine)
    text = draft(path, known, members, servers, machine, target)
    _write(path, text)
    if as_json:
        found = [{"base_url": s.base_url, "models": s.models} for s in servers]
        about = {"path": known.path, "usable": known.usable, "form": known.form}
        models = [member.name for member in members]
        print_json({"path": path, "seeds": about, "servers": found, "models": models, "next": f"gra check {path}"})
        return
    for found_server in servers:
        say(f"Found {found_server.kind or 'a server'} at {found_server.base_url}: {len(found_server.models)} models.")
    _show(path, text)


def _write(path: Path, text: str) -> None:
    """Write the file, after seeing that it can be used."""
    from gra.config.load import config_from
    from gra.config.yaml_source import parse_source
    from gra.errors import StoreError
    from gra.store.atomic import write_atomically

    config_from(parse_source(text, str(path)).data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode("utf-8"))
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}. Name another file") from None


def _show(path: Path, text: str) -> None:
    from gra.cli.views.parts import Unbroken, heading, path_line, print_parts

    yaml = Unbroken(text.rstrip("\n"))
    following = [heading("Next"), path_line("gra check", str(path)), path_line("gra run", str(path))]
    print_parts(results(), [path_line("wrote", str(path)), Unbroken(""), yaml, *following])
