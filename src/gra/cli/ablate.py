"""`gra ablate`: the paper's ablations of a configuration, run one after another and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gra.cli.arguments import Json, Set
from gra.cli.console import print_json, results, say
from gra.errors import ConfigError

if TYPE_CHECKING:
    from gra.config.load import RunConfig
    from gra.engine.comparison import Outcome


def ablate(
    config: Annotated[Path, typer.Argument(help="Configuration file, YAML or JSON: the variant `full`.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the runs; by default runs/ and the configuration's name-ablation.")
    ] = None,
    variants: Annotated[str, typer.Option(metavar="A,B", help="Only these; by default all.")] = "",
    model: Annotated[
        str | None, typer.Option(help="Plays all parts in `single_model`; by default the first that may generate.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="Your benchmark scores of each variant, JSON or CSV, to show beside.")
    ] = None,
    as_json: Json = False,
    settings: Set = None,
) -> None:
    """Compare a configuration with its ablations.

    What does each part of the method add? Everything is run once in full, and once more without each part; and once
    more with casting by merit, where `full` has another.

    The variants: full, single_model, fixed_roles, adaptive, no_review, one_reviewer, majority, no_adjudication,
    no_revision. Each is a run in a folder of its own. Calls that they have in common are asked once. What is finished
    is not run again, so the same command goes on where it was stopped.
    """
    from dataclasses import asdict

    from gra.cli.overrides import parse_settings
    from gra.cli.scores import read_scores
    from gra.config.load import load_config
    from gra.engine import ablation

    names = [name.strip() for name in variants.split(",") if name.strip()]
    wanted = ablation.variants(load_config(config, parse_settings(settings or [])), names, model)
    # Read before hours are spent; a mistake in it is told at once.
    found = read_scores(scores, tuple(ablation.VARIANTS)) if scores else {}
    folder = out or Path("runs") / f"{config.stem}-ablation"
    problems: dict[str, str] = {}
    for number, (name, variant) in enumerate(wanted.items(), 1):
        say(f"variant {number} of {len(wanted)}: {name} ({ablation.VARIANTS[name]})")
        try:
            _run(name, variant, folder)
        except ConfigError as error:  # found out by asking: those whom this variant casts cannot judge
            problems[name] = str(error)
            if len(problems) == len(wanted):
                raise
            say(f"variant {name} cannot be run: {error}")
    outcomes = [_outcome(name, folder, problems.get(name)) for name in wanted]
    if as_json:
        rows = [{**asdict(o), "yield": o.share, "scores": found.get(o.variant, {})} for o in outcomes]
        print_json({"folder": str(folder), "variants": rows})
    else:
        from gra.cli.views.comparison_view import comparison
        from gra.cli.views.parts import print_parts

        print_parts(results(), comparison(outcomes, found, str(folder)))


def _run(name: str, config: RunConfig, folder: Path) -> None:
    """Bring one variant as far as it will go, and write its dataset."""
    from gra.cli.attempt import say_models, watched
    from gra.engine.ablation import gave_up, others
    from gra.export import write_dataset
    from gra.report.opening import reading

    place = folder / name
    if gave_up(config, place):
        return
    say_models(config)
    try:
        ending = watched(config, place, others(folder, name))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped. Every answer so far is stored; the same command goes on") from None
    if ending.accepted:
        with reading(place) as reader:
            write_dataset(reader)


def _outcome(name: str, folder: Path, problem: str | None) -> Outcome:
    from dataclasses import replace

    from gra.engine.ablation import others
    from gra.engine.comparison import compare
    from gra.report.opening import reading

    with reading(folder / name) as reader:
        # The run's own target: a refinement finds out from its seeds how many there are.
        target = int(reader.run.config["target"])
        found = compare(name, target, reader, others(folder, name))
    return replace(found, statement=problem) if problem else found
