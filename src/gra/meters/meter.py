"""What a meter is: it says how much energy parts of this machine have taken since it was asked before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Meter(Protocol):
    """Something that measures. It measures all that the part takes, whoever makes it work."""

    @property
    def parts(self) -> Sequence[str]:
        """What it measures, for example `package-0`; also what it can no longer read."""
        ...

    @property
    def alive(self) -> bool:
        """False if it can read nothing any more."""
        ...

    def read(self) -> dict[str, float]:
        """Joules by part since the last reading, or since it was opened. It may take some milliseconds."""
        ...

    def lost(self) -> list[str]:
        """Parts that could not be read any more, each told once."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What was found when a meter was looked for."""

    meter: Meter | None = None
    problem: str = ""
    """Why something that is there cannot be read, and what to do; empty where nothing is amiss, or nothing is there."""
