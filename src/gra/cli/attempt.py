"""One attempt at a run: watched while it works, summed up and exported when it ends."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gra.catalogue import find
from gra.cli.console import messages, print_json, results, say
from gra.cli.signals import until_stopped
from gra.cli.views.cost_view import comparison
from gra.cli.views.model_list import licences
from gra.cli.views.parts import print_parts
from gra.cli.views.run_report import summary
from gra.config.load import RunConfig
from gra.display.live import watching
from gra.display.tally import asked_for
from gra.errors import EndpointError, GraError, TargetMissed
from gra.events import Notice
from gra.export import Format, screening_of, write_datasets
from gra.export.filters.chosen import chosen
from gra.report.opening import closed_rounds, reading
from gra.report.survey import report_on

if TYPE_CHECKING:
    from gra.engine.baseline import Cost
    from gra.engine.run import Ending
    from gra.store.reader import Reader
    from gra.store.run_dir import RunDir

STOPPING = "stopping in good order, when what is under way is answered; once more, and it ends at once"


class Unexpected(GraError):
    """A fault of `gra` itself in the middle of a run; the traceback is in the run's logs."""

    exit_code = 70


def attempt(config: RunConfig, folder: Path, as_json: bool = False) -> None:
    """Start or go on, and print what came of it.

    Raises:
        GraError: something that a person can mend.
        TargetMissed: the run ended in good order with fewer samples than asked for.
    """
    begun = time.monotonic()
    chosen(config.export)  # a benchmark that is not there should be known before a run, not after it
    say_models(config)
    ending = watched(config, folder)
    summarise(ending.folder, time.monotonic() - begun, as_json)
    if not ending.complete:
        raise missed(ending)


def missed(ending: Ending) -> TargetMissed:
    """What there is to say of a run that ended short of its target, in good order."""
    return TargetMissed(
        f"{ending.accepted} of {ending.target} samples were accepted: {ending.statement or 'the run stopped'}. "
        f"Everything is stored: `gra status {ending.folder}` shows where candidates were lost, "
        f"and `gra resume {ending.folder} --set budget.KEY=VALUE` goes on with a larger budget"
    )


def say_models(config: RunConfig) -> None:
    """Whose licences the embedded models are under."""
    wanted = [*config.synthesis.models, config.synthesis.embeddings]
    cards = list({m.catalogue: find(m.catalogue) for m in wanted if m.catalogue}.values())
    print_parts(messages(), licences(cards))


def watched(config: RunConfig, folder: Path, others: Sequence[RunDir] = ()) -> Ending:
    """Start or go on, shown while it works.

    Raises:
        GraError: something that a person can mend.
        KeyboardInterrupt: it was stopped; the message says how to go on.
    """
    from gra.engine.run import synthesise

    target = asked_for(config.synthesis)
    try:
        with watching(messages(), target, closed_rounds(folder), folder / "logs") as listen:
            return until_stopped(synthesise(config, folder, listen, others), lambda: listen(Notice(STOPPING)))
    except KeyboardInterrupt as stop:
        stop.args = (_stopped(folder),)
        raise
    except EndpointError as error:
        if (folder / "run.json").exists():
            error.args = (f"{error}\n     Every answer so far is stored; go on with: gra resume {folder}",)
        raise
    except GraError:
        raise
    except Exception as error:  # a fault of ours: its traceback must not be lost
        raise _unexpected(error, folder) from error


def _stopped(folder: Path) -> str:
    if not (folder / "run.json").exists():
        return "stopped before the run began"
    return f"stopped. Every answer so far is stored; go on with: gra resume {folder}"


def _unexpected(error: Exception, folder: Path) -> Unexpected:
    what = f"an error that should not happen: {type(error).__name__}: {error}"
    logs = folder / "logs"
    if not logs.is_dir():
        return Unexpected(f"{what}. For its traceback: gra --debug ...")
    path = logs / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.traceback"
    with path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
        traceback.print_exception(error, file=stream)
    return Unexpected(f"{what}. Its traceback is in {path}. What was answered is stored: gra resume {folder}")


def _exported(reader: Reader) -> Path | None:
    """What was accepted, as a dataset; None if nothing of it can be written. What is not in it is said."""
    try:
        path, _, left_out = write_datasets([reader], Format.MESSAGES, screening=screening_of(reader))
    except TargetMissed as nothing:
        say(str(nothing))
        return None
    for _, text in left_out.told:
        say(f"not in the dataset: {text}")
    if len(left_out.counts) > 1 or left_out.counts.total() > len(left_out.told):
        kinds = ", ".join(f"{count} ({kind})" for kind, count in sorted(left_out.counts.items()))
        say(f"not in the dataset: {kinds} in all; all of them: gra export {reader.run.path} --out FOLDER")
    return path


def summarise(folder: Path, seconds: float | None, as_json: bool = False, costs: Sequence[Cost] = ()) -> None:
    """Export what was accepted, and print the end summary; below it what runs cost that are to be compared."""
    files: dict[str, Path] = {}
    with reading(folder) as reader:
        report = report_on(reader)
        if report.accepted and (dataset := _exported(reader)):
            files["dataset"] = dataset
    files |= {"run.json": folder / "run.json", "data": folder / "run.sqlite", "logs": folder / "logs"}
    if as_json:
        compared = {"costs": [{**asdict(cost), "energy": cost.energy.plain()} for cost in costs]} if costs else {}
        print_json({**report.plain(), "seconds": seconds, "files": files, **compared})
        return
    print_parts(results(), summary(report, seconds, files))
    if costs:
        print_parts(results(), comparison(costs))
