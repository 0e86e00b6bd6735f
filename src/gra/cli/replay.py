"""`gra replay`: a run once more from its ledger alone, and whether the same dataset comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gra.cli.arguments import Json, RunFolder
from gra.cli.console import messages, print_json
from gra.errors import StoreError

if TYPE_CHECKING:
    from gra.engine.run import Ending
    from gra.store.run_dir import RunDir


def replay(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="New folder; by default the run's name-replayed, beside it.")] = None,
    as_json: Json = False,
) -> None:
    """Make a run's dataset again from its ledger alone.

    Without servers, network, model files or seed files. Says whether the dataset is the same, or which answer is
    missing.
    """
    from gra.export import write_dataset
    from gra.report.opening import being_worked_on, reading
    from gra.report.replayed import compare
    from gra.store.run_dir import open_run

    if being_worked_on(run):
        raise StoreError(f"{run} is at work, and would be another at the end. Replay it once it has ended")
    original, folder = open_run(run), out or run.resolve().with_name(f"{run.resolve().name}-replayed")
    ending = _replayed(original, folder)
    with reading(run) as first, reading(folder) as second:
        found = compare(first, second)
        path = write_dataset(second)[0] if found.samples else None
    if as_json:
        told = {"folder": folder, "dataset": path, "samples": found.samples, "target": ending.target}
        print_json({**told, "equal": found.equal, "parts_at": found.parts_at})
    elif found.equal:
        print(f"{folder} holds the same {found.samples} samples as {run}" + (f": {path}" if path else ""))
    if not found.equal:
        raise StoreError(
            f"{folder} is not what {run} is: {found.parts_at}. `gra verify {run}` names rows that were edited"
        )


def _replayed(original: RunDir, folder: Path) -> Ending:
    from gra.cli.signals import until_stopped
    from gra.display.live import watching
    from gra.display.tally import asked_for
    from gra.engine.replay import replay
    from gra.report.opening import config_of

    config = config_of(original)
    with watching(messages(), asked_for(config.synthesis), {}, folder / "logs") as listen:
        return until_stopped(replay(original, config, folder, listen), lambda: None)
