"""`gra prompts`: what models are sent, what of it is the user's own, and what to look at before it is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gra.cli.arguments import Json
from gra.cli.console import print_json, results, say
from gra.cli.run import QUICKSTART

if TYPE_CHECKING:
    from gra.calls import Request
    from gra.cli.prompt_lint import Sent
    from gra.config.load import RunConfig
    from gra.config.synthesis import SynthesisConfig
    from gra.records import Seed

app = typer.Typer(help="Show, compare and check prompts.", no_args_is_help=True, rich_markup_mode=None)
Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; without it, the quickstart's.", show_default=False)
]


@app.command("show")
def show_prompts(
    name: Annotated[str | None, typer.Argument(help="Name of a prompt; without it, all are listed.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List prompts, or show one as it is sent.

    With the first seeds of the configuration in it.
    """
    from gra.cli.views.parts import print_parts
    from gra.cli.views.prompt_view import prompt_list, prompt_view
    from gra.prompts.declared import DECLARED
    from gra.prompts.prompt_set import problems_of

    synthesis = _loaded(config).synthesis
    own = synthesis.prompts
    if name is None:
        if as_json:
            print_json([{"name": n, "own": n in own, **asdict(d)} for n, d in DECLARED.items()])
            return
        print_parts(results(), prompt_list(synthesis.templates))
        return
    if name not in DECLARED:
        raise typer.BadParameter(problems_of(name, "")[0])
    request = _rehearsed(synthesis)[name]
    if as_json:
        messages = [asdict(m) for m in request.messages]
        print_json({"name": name, "own": name in own, **asdict(DECLARED[name]), "messages": messages})
        return
    print_parts(results(), prompt_view(DECLARED[name], request))


@app.command("diff")
def diff_prompts(config: Config = None, as_json: Json = False) -> None:
    """Compare the configuration's own prompts with the bundled ones."""
    import difflib

    from gra.display.safe import safe
    from gra.prompts.prompt_set import bundled

    own = _loaded(config).synthesis.prompts
    changes = {}
    for name, text in own.items():
        lines = difflib.unified_diff(
            bundled(name).splitlines(), text.splitlines(), f"bundled/{name}.txt", f"yours/{name}.txt", lineterm=""
        )
        changes[name] = "\n".join(lines)
    if as_json:
        print_json(changes)
        return
    for name, change in changes.items():
        print(safe(change or f"{name}: as it is bundled"))
    if not own:
        say("All prompts are the bundled ones; `prompts` in the configuration replaces them.")


@app.command("lint")
def lint_prompts(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILES]", help="Files NAME.txt to check instead of all prompts.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Check prompts for what small models trip over.

    Ends with 1 if there are errors. Warnings are reasons to look.
    """
    from gra.cli.prompt_lint import Finding, lint, lint_criteria
    from gra.cli.views.parts import print_parts
    from gra.cli.views.prompt_view import lint_view
    from gra.config.prompt_files import read_prompt
    from gra.prompts.prompt_set import problems_of

    loaded = _loaded(config)
    given = {file.stem: read_prompt(file) for file in files or ()}
    findings = [
        Finding(name, "error", problem, "a run would not start with it")
        for name, text in given.items()
        for problem in problems_of(name, text)
    ]
    bad = {finding.prompt for finding in findings}
    sound = {name: text for name, text in given.items() if name not in bad}
    synthesis = loaded.synthesis.model_copy(update={"prompts": {**loaded.synthesis.prompts, **sound}})
    context = _context(loaded)
    sent = {n: s for n, s in _sent(synthesis, context).items() if not given or n in sound}
    findings += [finding for each in sent.values() for finding in lint(each)]
    findings += [] if given else lint_criteria(synthesis)
    if as_json:
        sizes = {name: {"tokens_estimated": each.tokens} for name, each in sent.items()}
        print_json({"context": context, "prompts": sizes, "findings": [asdict(finding) for finding in findings]})
    else:
        print_parts(results(), lint_view(sent, findings, context))
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def _loaded(config: Path | None) -> RunConfig:
    from importlib.resources import files

    from gra.config.load import load_config

    return load_config(config or Path(str(files("gra").joinpath(*QUICKSTART))))


def _seeds(config: SynthesisConfig) -> tuple[Seed, ...]:
    """The configuration's seeds; the quickstart's where there are none (yet), as prompts are often written first."""
    from gra.errors import SeedError
    from gra.synthesis.seeds import read_seeds

    if config.seeds:
        try:
            return read_seeds(config.seeds, config.random_seed).seeds
        except SeedError as error:
            say(f"{error}\nShown with the quickstart's seeds instead.")
    bundled = _loaded(None).synthesis.seeds
    assert bundled
    return read_seeds(bundled).seeds


def _rehearsed(config: SynthesisConfig) -> dict[str, Request]:
    import asyncio

    from gra.synthesis.rehearsal import rehearse

    return asyncio.run(rehearse(config, _seeds(config)))


def _sent(config: SynthesisConfig, context: int | None) -> dict[str, Sent]:
    from gra.cli.prompt_lint import Sent

    heard = _rehearsed(config)
    return {name: Sent(config.templates[name], heard[name], config, context) for name in heard}


def _context(config: RunConfig) -> int | None:
    """Tokens of the smallest context among embedded models; None if there are none."""
    from gra.catalogue import find

    cards = [find(model.catalogue) for model in config.synthesis.models if model.catalogue]
    return min([config.engine.local.context, *(card.context for card in cards)]) if cards else None
