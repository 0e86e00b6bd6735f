"""Shows a model being fetched: a bar on a terminal, else a line whenever the stage or a tenth of the way changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gra.display.safe import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from gra.catalogue import PullProgress


@contextmanager
def show_pull(console: Console) -> Iterator[Callable[[PullProgress], None]]:
    """What `gra.catalogue.pull` is given to report to."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield plain_pull(console)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)

        def report(progress: PullProgress) -> None:
            if progress.note:
                console.print(one_line(progress.note))
            bar.update(task, description=progress.stage, completed=progress.done, total=progress.total or None)

        yield report


def plain_pull(console: Console) -> Callable[[PullProgress], None]:
    """A reporter that prints lines, few of them."""
    last: tuple[str, int, str] | None = None

    def report(progress: PullProgress) -> None:
        nonlocal last
        tenths = 10 * progress.done // progress.total if progress.total else 0
        now = (progress.stage, tenths, progress.note)
        if now == last:
            return
        last = now
        percent = f" {10 * tenths} %" if progress.stage == "downloading" else ""
        note = f" ({progress.note})" if progress.note else ""
        console.print(one_line(f"{progress.model}: {progress.stage}{percent}{note}"), soft_wrap=True)

    return report
