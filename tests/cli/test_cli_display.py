"""Displays: what they add up, what they print, and that none of it can harm a terminal."""

import io
from pathlib import Path

import pytest
from cli_builders import FORBIDDEN, HOSTILE
from rich.console import Console

from gra.catalogue import PullProgress
from gra.cli.pulling import show_pull
from gra.display.live import Lines, frame, watching
from gra.display.tally import Tally, yields
from gra.events import CallAnswered, Event, Notice, PhaseAdvanced, PhaseStarted, RoundClosed, SampleEnded


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ended(status: str, number: int = 1, reason: str = HOSTILE) -> SampleEnded:
    return SampleEnded("r01-00000", number, status, reason, 7.0)


STORY: tuple[Event, ...] = (
    PhaseStarted("models", HOSTILE, 4),
    PhaseAdvanced(4),
    PhaseStarted("round", "2 of 3", 4),
    CallAnswered("one", 100, 50, 0.5, replayed=False),
    CallAnswered("one", 100, 50, 0.5, replayed=True),
    ended("passed", 2),
    ended("rejected_instruction", 2),
    ended("unusable", 2),
    Notice(HOSTILE),
)


def console(width: int = 80, **options: object) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    given = {"width": width, "markup": False, "emoji": False, "highlight": False, **options}
    return Console(file=out, **given), out  # type: ignore[arg-type]


def test_events_add_up() -> None:
    clock = Clock()
    tally = Tally(12, clock, {1: 4})
    for event in STORY:
        tally(event)
    clock.now += 10
    assert (tally.accepted, tally.candidates, tally.calls, tally.replayed) == (5, 3, 2, 1)
    assert tally.tokens_per_second == pytest.approx(5.0)
    assert tally.seconds_left == pytest.approx(70.0)
    tally(RoundClosed(2, 4, 4, 9))
    assert tally.accepted == 8, "a closed round counts with what it accepted, not with what passed in it"
    tally(RoundClosed(1, 4, 4, 9))
    assert tally.accepted == 8, "a round of an earlier attempt is not counted twice"
    assert yields(tally.ended) == "3 candidates: 1 passed (33%); turned down: 1 instruction; 1 unusable"


def test_no_time_is_foretold_before_there_is_a_rate() -> None:
    tally = Tally(5, Clock())
    assert tally.seconds_left is None
    tally(PhaseStarted("round", "1 of 1", 5))
    assert tally.seconds_left is None
    assert yields({}) == "0 candidates: 0 passed"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_live_picture_fits_and_is_inert(width: int, encoding: str) -> None:
    tally = Tally(12, Clock(), {1: 4})
    for event in STORY:
        tally(event)
    raw = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    screen = Console(file=raw, width=width, markup=False, emoji=False, force_terminal=True, color_system=None)
    screen.print(frame(tally))
    raw.flush()
    text = raw.buffer.getvalue().decode(encoding)
    assert not any(c in text for c in FORBIDDEN)
    if encoding == "utf-8":
        assert all(len(row) <= width for row in text.splitlines())
    assert "round" in text and "5 of 12"[: width - 26] in text


def test_lines_are_few_and_count_what_they_leave_out() -> None:
    clock, written = Clock(), list[str]()
    lines = Lines(written.append, clock)
    for _ in range(500):
        lines(ended("passed", reason="fine"))
    clock.now += 5
    lines(ended("duplicate", reason="seen"))
    assert written == ["r01-00000 passed 7.00: fine", "r01-00000 duplicate 7.00: seen (and 499 more)"]
    lines(PhaseStarted("seeds", "", 100))
    for n in range(1, 101):
        lines(PhaseAdvanced(n))
    assert written[2:] == ["seeds: (100 steps)", "seeds: 1 of 100", "seeds: 100 of 100"]


def test_plain_lines_and_the_log_say_the_same_and_harm_nobody(tmp_path: Path) -> None:
    screen, out = console()
    logs = tmp_path / "logs"
    with watching(screen, 12, {}, logs) as listen:
        listen(STORY[0])
        logs.mkdir()
        for event in STORY[1:]:
            listen(event)
    (log,) = logs.iterdir()
    text = log.read_text()
    assert text.count("\n") == 7, "what came before the folder was there is in it, too"
    for found in (out.getvalue(), text):
        assert "round: 2 of 3 (4 samples asked for)" in found
        assert "[bold red]markup[/] :smile:" in found
        assert not any(c in found for c in FORBIDDEN)


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    screen, _ = console()
    (tmp_path / "logs").write_text("not a folder")
    with watching(screen, 1, {}, tmp_path / "logs") as listen:
        for event in STORY:
            listen(event)


def test_on_a_terminal_the_picture_is_live(tmp_path: Path) -> None:
    screen, out = console(force_terminal=True, color_system=None)
    with watching(screen, 12, {}, tmp_path / "none") as listen:
        for event in STORY:
            listen(event)
    assert "1 of 12 accepted" in out.getvalue()
    assert not any(c in out.getvalue() for c in ("\x07", "\x9b", "\u202e"))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_pull_is_shown(terminal: bool) -> None:
    screen, out = console(width=100, force_terminal=terminal, color_system=None)
    with show_pull(screen) as report:
        for done in range(0, 1001, 1):
            report(PullProgress("[tiny]", "downloading", done, 1000, "hub", HOSTILE if done == 500 else ""))
        report(PullProgress("[tiny]", "checking", 1000, 1000))
    text = out.getvalue()
    assert "[bold red]markup[/] :smile:" in text
    assert "\u202e" not in text and "\x07" not in text
    if not terminal:
        assert len(text.splitlines()) == 13, "a line for each tenth, not for each report"
