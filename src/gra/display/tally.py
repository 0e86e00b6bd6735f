"""What the events of a run add up to, for displays. Knows no terminal; time is what it is told.

A display shows this attempt. What earlier attempts accepted is handed in, so that the bar is the whole run's.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gra.config.synthesis import SynthesisConfig
from gra.events import (
    CallAnswered,
    Event,
    Forecast,
    Notice,
    PhaseAdvanced,
    PhaseStarted,
    RoundClosed,
    SampleEnded,
    Span,
)

TOLD_LATER = 0
"""The target of a run that finds it out as it begins."""
WINDOW_S = 20.0
"""Time over which tokens per second are counted."""
KEPT_NOTICES = 3


@dataclass
class Tally:
    """Listens to a run and adds up."""

    target: int
    """`TOLD_LATER` until its round begins."""
    clock: Callable[[], float]
    closed: dict[int, int] = field(default_factory=dict)
    """Accepted samples by closed round, earlier attempts included."""
    phase: str = ""
    detail: str = ""
    total: int = 0
    done: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """Candidates of this attempt, by status."""
    passed: Counter[int] = field(default_factory=Counter)
    """Candidates that passed the review, by round, if it is not closed yet."""
    calls: int = 0
    replayed: int = 0
    forecast: Forecast | None = None
    """What is still to come, once a candidate has ended."""
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_NOTICES))
    _written: deque[tuple[float, int]] = field(default_factory=deque)
    _round_begun: tuple[float, int] = (0.0, 0)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case PhaseStarted(phase, detail, total):
                self.phase, self.detail, self.total, self.done = phase, detail, total, 0
                if phase == "round" and self.target == TOLD_LATER:
                    self.target = total
                self._round_begun = (self.clock(), self.accepted)
            case PhaseAdvanced(done):
                self.done = done
            case CallAnswered():
                self._count(event)
            case SampleEnded(round=number, status=status):
                self.ended[status] += 1
                self.passed[number] += status in ("passed", "accepted")
            case RoundClosed(number, accepted):
                self.closed[number] = accepted
                self.passed.pop(number, None)
            case Forecast():
                self.forecast = event
            case Notice(text):
                self.notices.append(text)

    def _count(self, call: CallAnswered) -> None:
        self.calls += 1
        self.replayed += call.replayed
        if not call.replayed:
            self._written.append((self.clock(), call.completion_tokens))

    @property
    def accepted(self) -> int:
        """Accepted, and what passed in the open round: it may still turn out to be a duplicate."""
        return min(self.target, sum(self.closed.values()) + sum(self.passed.values()))

    @property
    def candidates(self) -> int:
        """Candidates that ended in this attempt."""
        return sum(self.ended.values())

    @property
    def seconds(self) -> float:
        """Since the display began."""
        return self.clock() - self.begun

    @property
    def tokens_per_second(self) -> float:
        """Tokens written lately, the ledger's not counted."""
        now = self.clock()
        while self._written and self._written[0][0] < now - WINDOW_S:
            self._written.popleft()
        span = min(WINDOW_S, max(1.0, now - self.begun))
        return sum(tokens for _, tokens in list(self._written)) / span  # a copy: the picture is drawn in a thread

    @property
    def seconds_left(self) -> float | None:
        """At the rate of this round so far; None before there is one."""
        begun, before = self._round_begun
        gained = self.accepted - before
        if self.phase != "round" or gained <= 0:
            return None
        return (self.clock() - begun) / gained * (self.target - self.accepted)


def asked_for(config: SynthesisConfig) -> int:
    """Accepted samples that a run is asked for; of a refinement the seeds will tell."""
    return TOLD_LATER if config.task == "refine" else config.target


def foretold(forecast: Forecast) -> str:
    """For example `to come: 12-31 candidates, 21k-55k tokens, 0.12-0.31 USD, 2-4 min`."""
    spans = [(forecast.candidates, "candidates"), (forecast.tokens, "tokens")]
    if forecast.money is not None:
        spans.append((forecast.money, forecast.currency))
    if forecast.energy is not None:
        spans.append((forecast.energy, f"Wh ({forecast.energy_kind})"))
    return f"to come: {', '.join(f'{between(span)} {unit}' for span, unit in [*spans, (forecast.minutes, 'min')])}"


def between(span: Span) -> str:
    """The bounds of a number that is not known yet."""
    if math.isinf(span.high):
        return f"at least {short(span.low)}"
    return f"{short(span.low)}-{short(span.high)}"


def short(number: float) -> str:
    """A number to two or three figures."""
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g}{sign}"
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


GROUPS: Mapping[str, str] = {
    "passed": "passed",
    "accepted": "passed",
    "rejected_instruction": "instruction",
    "rejected_response": "response",
    "rejected_ruling": "ruling",
    "duplicate": "duplicate",
    "surplus": "surplus",
}
"""What a status is called in a line of yields; the others are called by their own names."""


def yields(ended: Mapping[str, int]) -> str:
    """For example `40 candidates: 20 passed, turned down: 12 instruction, 6 response; 2 unusable`."""
    total = sum(ended.values())
    groups: Counter[str] = Counter()
    for status, n in ended.items():
        groups[GROUPS.get(status, status)] += n
    passed = groups.pop("passed", 0)
    down = [f"{groups.pop(name)} {name}" for name in ("instruction", "response", "ruling") if groups[name]]
    rest = [f"{n} {name}" for name, n in groups.items() if n]
    share = f" ({passed / total:.0%})" if total else ""
    told = [f"{passed} passed{share}", *([f"turned down: {', '.join(down)}"] if down else []), *rest]
    return f"{total} candidates: {'; '.join(told)}"
