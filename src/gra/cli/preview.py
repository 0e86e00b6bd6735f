"""`gra preview`: a few samples as a run would make them, to be looked at, not kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gra.cli.arguments import ConfigFile, Json, Set
from gra.cli.console import messages, print_json, results
from gra.errors import TargetMissed

if TYPE_CHECKING:
    from gra.config.load import RunConfig

SEEDS = 8
"""Seeds that a preview annotates; a run annotates all that it is given."""


def preview(
    config: ConfigFile,
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=100, help="Candidates to make.")] = 3,
    settings: Set = None,
    calls: Annotated[bool, typer.Option("--calls", help="Print every prompt and reply in full.")] = False,
    as_json: Json = False,
) -> None:
    """Make a few samples and show their review.

    By the models and prompts of the configuration, and whatever becomes of them. Nothing is kept. What differs from a
    run is printed with them.
    """
    import tempfile

    from gra.cli.overrides import parse_settings
    from gra.cli.signals import until_stopped
    from gra.config.load import load_config
    from gra.display.live import watching
    from gra.display.tally import asked_for
    from gra.engine.run import synthesise

    short, differs = shortened(load_config(config, parse_settings(settings or [])), number)
    with tempfile.TemporaryDirectory(prefix="gra-preview-") as folder:
        run = Path(folder) / "run"
        with watching(messages(), asked_for(short.synthesis), {}, run / "logs") as listen:
            ending = until_stopped(synthesise(short, run, listen), lambda: None)
        _show(run, differs, number, ending.statement, calls, as_json)


def shortened(config: RunConfig, number: int) -> tuple[RunConfig, list[str]]:
    """The configuration of a preview, and in words what it leaves out of a run's."""
    from gra.cli.views.parts import count
    from gra.config.synthesis import PaperGate

    synthesis = config.synthesis
    budget = synthesis.budget.model_copy(update={"candidates_per_accepted": 1.0})
    changes: dict[str, object] = {"target": number, "rounds": 1, "budget": budget}
    differs = [f"{count(number, 'candidate')} in one round, whatever becomes of them; nothing of it is kept"]
    most = max(SEEDS, number) if synthesis.task == "refine" else SEEDS  # a refinement has a candidate in each
    if synthesis.seeds and (synthesis.seeds.limit is None or synthesis.seeds.limit > most):
        changes["seeds"] = synthesis.seeds.model_copy(update={"limit": most})
        differs.append(f"{most} seeds at most, drawn at random; a run may know more to take examples from")
    if synthesis.examines:
        changes["gate"] = PaperGate()
        differs.append(
            "no exam, so every reviewer's word counts alike and the verdicts are by the `paper` gate; a run asks first "
            "who can tell good from broken"
        )
    return config.model_copy(update={"synthesis": synthesis.model_copy(update=changes)}), differs


def _show(run: Path, differs: list[str], wanted: int, statement: str, full_calls: bool, as_json: bool) -> None:
    from gra.cli.views.parts import heading, line, print_parts
    from gra.cli.views.sample_view import sample_view
    from gra.report.dossier import dossier_of, plain_dossier
    from gra.report.opening import reading

    with reading(run) as reader:
        dossiers = [dossier_of(reader, sample) for sample in reader.iter_samples()]
    if not dossiers:
        raise TargetMissed(f"no candidate came to an end: {statement}")
    if len(dossiers) < wanted:
        differs = [*differs, f"this preview stopped early: {statement}"]
    if as_json:
        print_json({"differs": differs, "samples": [plain_dossier(dossier, full_calls) for dossier in dossiers]})
        return
    for dossier in dossiers:
        print_parts(results(), sample_view(dossier, full_calls))
    print_parts(results(), [heading("What a run does otherwise"), *(line(f"- {text}", indent=2) for text in differs)])
