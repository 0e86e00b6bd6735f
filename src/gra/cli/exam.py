"""`gra exam`: which of the models can tell good from bad, in what, and who will have a vote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gra.cli.arguments import ConfigFile, Json, Set
from gra.cli.console import messages, print_json, results

QUESTIONS = 48


def exam(
    config: ConfigFile,
    models: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME", help="Examine this one only; may be repeated.")
    ] = None,
    questions: Annotated[
        int, typer.Option("-n", "--questions", min=4, max=4096, help="Questions about seeds at each stage, at most.")
    ] = QUESTIONS,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="JSON Lines of instruction, chosen and rejected.")
    ] = None,
    graded: Annotated[
        Path | None, typer.Option("--graded", help="JSON Lines of instruction, response and correct (true or false).")
    ] = None,
    people: Annotated[
        list[Path] | None,
        typer.Option("--people", metavar="RUN", help="Run whose samples people have judged; may be repeated."),
    ] = None,
    forms: Annotated[
        bool, typer.Option("--forms", help="Try every form of question on each model too: seven times the questions.")
    ] = False,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Examine who judges: models, and the verifiers beside them.

    They read your seeds, broken twins of them and your labelled answers, as blind as they read candidates. Nothing is
    made. Answers of models that gra serves are kept, and neither the next exam nor the next run asks them again.
    """
    import tempfile

    from gra.cli.overrides import parse_settings
    from gra.cli.signals import until_stopped
    from gra.config.load import load_config
    from gra.display.live import watching
    from gra.display.tally import asked_for
    from gra.engine.examining import examine

    labelled: dict[str, Any] = {
        f"exam.{key}": str(path.absolute()) for key, path in (("pairs", pairs), ("graded", graded)) if path
    }
    if people:
        labelled["exam.people"] = [str(run.absolute()) for run in people]
    loaded = load_config(config, {**parse_settings(settings or []), **labelled})
    with tempfile.TemporaryDirectory(prefix="gra-exam-") as folder:
        logs = Path(folder) / "logs"
        with watching(messages(), asked_for(loaded.synthesis), {}, logs) as listen:
            found = until_stopped(examine(loaded, logs, questions, models or (), listen, forms), lambda: None)
    if as_json:
        print_json(found.plain())
        return
    from gra.cli.views.exam_view import exam_view
    from gra.cli.views.parts import print_parts

    print_parts(results(), exam_view(found, loaded.synthesis.examines))
