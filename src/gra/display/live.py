"""Shows a run at work: a live picture on a terminal, lines elsewhere, and the same lines in the run's log.

Everything goes to standard error. The engine knows nothing of displays; they listen to its events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gra.display.safe import one_line
from gra.display.tally import Tally, foretold, yields
from gra.events import Event, Forecast, Listener, Notice, PhaseAdvanced, PhaseStarted, RoundClosed, SampleEnded, ignore

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Clock = Callable[[], float]
SAMPLE_LINE_S = 1.0
"""Least time between two lines about samples; those in between are counted."""
STEP_LINE_S = 10.0
"""The same for the steps of a phase."""
FORECAST_LINE_S = 60.0
"""The same for what is still to come."""
FRAMES_PER_S = 4


@contextmanager
def watching(console: Console, target: int, closed: Mapping[int, int], logs: Path) -> Iterator[Listener]:
    """Show a run while the block lasts.

    Args:
        console: where to.
        target: accepted samples that the whole run is asked for.
        closed: accepted samples by round, of rounds that earlier attempts closed.
        logs: folder for the log; it is begun when the folder is there.
    """
    tally = Tally(target, time.monotonic, dict(closed))
    with log_of(logs) as log, picture_on(console, tally) as show:
        yield to_all(tally, log, show)


def to_all(*listeners: Listener) -> Listener:
    """One listener that tells several, in this order."""

    def listen(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return listen


@contextmanager
def log_of(logs: Path) -> Iterator[Listener]:
    """Write down what happens while the block lasts; the log is begun when its folder is there."""
    log = Log(logs)
    try:
        yield Lines(log.write, time.monotonic, all_of_them=True)
    finally:
        log.close()


@contextmanager
def picture_on(console: Console, tally: Tally) -> Iterator[Listener]:
    """Show what a tally counts while the block lasts: a live picture on a terminal, else lines by the listener."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(lambda text: console.print(text, soft_wrap=True), time.monotonic)
        return
    from rich.live import Live

    with Live(get_renderable=lambda: frame(tally), console=console, refresh_per_second=FRAMES_PER_S):
        yield ignore


def plain_console(stderr: bool) -> Console:
    """A console that knows no markup, no emoji names and no highlighting, so nothing inside a text means anything."""
    from rich.console import Console

    return Console(stderr=stderr, force_jupyter=False, markup=False, emoji=False, highlight=False)


def frame(tally: Tally) -> RenderableType:
    """The live picture: phase, bar, yields, speed, notices; no line longer than the terminal is wide."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    def row(text: str, style: str = "") -> Text:
        return Text(one_line(text, 400), style=style, no_wrap=True, overflow="crop")

    steps = f" {tally.done}/{tally.total}" if tally.total and tally.phase != "round" else ""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(1, tally.target), completed=tally.accepted, width=24),
        row(f"{tally.accepted} of {tally.target} accepted"),
    )
    speed = f"{tally.calls} calls ({tally.replayed} from the ledger), {tally.tokens_per_second:.0f} tokens/s"
    return Group(
        row(f"{tally.phase or 'starting'}{steps}  {tally.detail}", "bold"),
        bar,
        row(yields(dict(tally.ended))),
        row(f"{_clock(tally.seconds)} so far, {_left(tally)}; {speed}"),
        *([row(foretold(tally.forecast))] if tally.forecast else []),
        *(row(notice, "yellow") for notice in list(tally.notices)),
    )


def _left(tally: Tally) -> str:
    left = tally.seconds_left
    return "time left unknown" if left is None else f"about {_clock(left)} left"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class Lines:
    """One line for each phase, notice and round, and for samples and steps no more than can be read.

    Args:
        write: takes one line.
        clock: seconds.
        all_of_them: leave out no sample; for a log.
    """

    def __init__(self, write: Callable[[str], None], clock: Clock, all_of_them: bool = False) -> None:
        self._write = write
        self._clock = clock
        self._all = all_of_them
        self._last = {"sample": float("-inf"), "step": float("-inf"), "forecast": clock()}
        self._skipped = 0
        self._phase, self._total = "", 0

    def __call__(self, event: Event) -> None:
        """Write what there is to say of an event."""
        match event:
            case PhaseStarted(phase, detail, total):
                self._phase, self._total = phase, total
                asked = f" ({total} {'samples asked for' if phase == 'round' else 'steps'})" if total else ""
                self._write(one_line(f"{phase}: {detail}{asked}"))
            case PhaseAdvanced(done):
                if self._due("step", STEP_LINE_S) or done == self._total:
                    self._write(f"{self._phase}: {done} of {self._total}")
            case SampleEnded():
                self._sample(event)
            case RoundClosed(number, accepted, target, candidates):
                self._write(f"round {number} closed: {accepted} of {target} accepted, from {candidates} candidates")
            case Forecast():
                if self._due("forecast", FORECAST_LINE_S):
                    self._write(foretold(event))
            case Notice(text):
                self._write(one_line(f"note: {text}", 1000))

    def _sample(self, event: SampleEnded) -> None:
        if not self._due("sample", SAMPLE_LINE_S):
            self._skipped += 1
            return
        more = f" (and {self._skipped} more)" if self._skipped else ""
        self._skipped = 0
        self._write(one_line(f"{event.id} {event.status} {event.score:.2f}: {event.reason}", 300) + more)

    def _due(self, kind: str, pause: float) -> bool:
        now = self._clock()
        if kind == "sample" and self._all:
            return True
        if now - self._last[kind] < pause:
            return False
        self._last[kind] = now
        return True


class Log:
    """The log of one attempt. Lines wait until the run's folder is there, so that a start that fails leaves none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
        self._waiting: list[str] = []
        self._stream: TextIO | None = None

    def write(self, text: str) -> None:
        """Add a line with the time."""
        self._waiting.append(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n")
        with suppress(OSError):  # a log that cannot be written is no reason to stop a run
            if self._stream is None and self._folder.is_dir():
                self._stream = self.path.open("a", encoding="utf-8", errors="replace")
            if self._stream is not None:
                self._stream.writelines(self._waiting)
                self._stream.flush()
                self._waiting.clear()

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            if self._stream is not None:
                self._stream.close()
