"""One attempt at a run: watched while it works, summed up and exported when it ends."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gra.catalogue import find
from gra.cli.console import messages, results
from gra.cli.display import watching
from gra.cli.export import write_dataset
from gra.cli.opening import reading
from gra.cli.report import report_on
from gra.cli.views.model_list import licences
from gra.cli.views.parts import print_parts
from gra.cli.views.run_report import summary
from gra.config.load import RunConfig
from gra.errors import GraError, TargetMissed

if TYPE_CHECKING:
    from rich.console import Console

    from gra.engine.run import Ending
    from gra.store.run_dir import RunDir


class Unexpected(GraError):
    """A fault of `gra` itself in the middle of a run; the traceback is in the run's logs."""

    exit_code = 70


def attempt(config: RunConfig, folder: Path) -> None:
    """Start or go on, and print what came of it.

    Raises:
        GraError: something that a person can mend.
        TargetMissed: the run ended in good order with fewer samples than asked for.
    """
    begun = time.monotonic()
    say_models(config)
    ending = watched(config, folder)
    summarise(ending.folder, time.monotonic() - begun, results())
    if not ending.complete:
        raise TargetMissed(
            f"{ending.accepted} of {ending.target} samples were accepted: {ending.statement or 'the run stopped'}. "
            f"Everything is stored: `gra status {folder}` shows where candidates were lost, "
            f"and `gra resume {folder} --set budget.KEY=VALUE` goes on with a larger budget"
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

    # How many seeds there are to refine is known when they have been read.
    target = 0 if config.synthesis.task == "refine" else config.synthesis.target
    try:
        with watching(messages(), target, closed_rounds(folder), folder / "logs") as listen:
            return asyncio.run(synthesise(config, folder, listen, others))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_stopped(folder)) from None
    except GraError:
        raise
    except Exception as error:  # a fault of ours: its traceback must not be lost
        raise _unexpected(error, folder) from error


def _stopped(folder: Path) -> str:
    if not (folder / "run.json").exists():
        return "stopped before the run began"
    return f"stopped. Every answer so far is stored; go on with: gra resume {folder}"


def closed_rounds(folder: Path) -> dict[int, int]:
    """Accepted samples by round, of the rounds that are closed."""
    if not (folder / "run.json").exists():
        return {}
    with reading(folder) as reader:
        return {round.number: round.accepted for round in reader.rounds() if round.state == "closed"}


def _unexpected(error: Exception, folder: Path) -> Unexpected:
    what = f"an error that should not happen: {type(error).__name__}: {error}"
    logs = folder / "logs"
    if not logs.is_dir():
        return Unexpected(f"{what}. For its traceback: gra --debug ...")
    path = logs / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.traceback"
    with path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
        traceback.print_exception(error, file=stream)
    return Unexpected(f"{what}. Its traceback is in {path}. What was answered is stored: gra resume {folder}")


def summarise(folder: Path, seconds: float | None, console: Console) -> None:
    """Export what was accepted, and print the end summary."""
    files: dict[str, Path] = {}
    with reading(folder) as reader:
        report = report_on(reader)
        if report.accepted:
            files["dataset"], _ = write_dataset(reader)
    files |= {"run.json": folder / "run.json", "data": folder / "run.sqlite", "logs": folder / "logs"}
    print_parts(console, summary(report, seconds, files))
