"""How far raters agree, from sums that grow with every text that several of them have judged. Pure; keeps no text.

Memory is that of a few numbers for each pair of raters, however many texts there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Pair:
    """Two raters and the things that both have voted on."""

    a: str
    b: str
    both_yes: int = 0
    only_a: int = 0
    """`a` said yes, `b` no."""
    only_b: int = 0
    both_no: int = 0

    @property
    def n(self) -> int:
        """Things that both have voted on."""
        return self.both_yes + self.only_a + self.only_b + self.both_no

    @property
    def agreement(self) -> float | None:
        """Share on which they say the same, in [0, 1]; None without any."""
        return (self.both_yes + self.both_no) / self.n if self.n else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond what their leniencies give by chance, at most 1.

        None where both always say the same one thing, or there is nothing.
        """
        if not self.n:
            return None
        a, b = (self.both_yes + self.only_a) / self.n, (self.both_yes + self.only_b) / self.n
        chance = a * b + (1 - a) * (1 - b)
        observed = (self.both_yes + self.both_no) / self.n
        return None if chance >= 1 else (observed - chance) / (1 - chance)


@dataclass(slots=True)
class Alpha:
    """Krippendorff's alpha for interval data, text by text.

    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", whose worked examples are the tests. The
    squared difference of two votes of 0 and 1 is 1 where they differ: given votes, this is the nominal alpha too.
    """

    texts: int = 0
    """Those that at least two have judged; others say nothing about agreement."""
    values: int = 0
    total: float = 0.0
    squares: float = 0.0
    apart: float = 0.0
    """Squared differences within texts: over ordered pairs, divided by one less than who judged."""

    def add(self, ratings: Sequence[float], texts: int = 1) -> None:
        """Count what was said of one text, or of so many texts of which the same was said."""
        n = len(ratings)
        if n < 2:
            return
        total, squares = math.fsum(ratings), math.fsum(r * r for r in ratings)
        self.texts += texts
        self.values += n * texts
        self.total += total * texts
        self.squares += squares * texts
        self.apart += texts * 2 * max(n * squares - total * total, 0.0) / (n - 1)

    def plus(self, other: Alpha) -> Alpha:
        """Both together, as if the texts had been added one by one."""
        return Alpha(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def value(self) -> float | None:
        """1 where all agree, 0 at chance, below 0 where they contradict each other.

        None where fewer than two texts were judged by two, or everybody always said the same.
        """
        n = self.values if self.texts > 1 else 0
        by_chance = 2 * (n * self.squares - self.total * self.total) / (n - 1) if n > 1 else 0.0
        # What is left of equal numbers is rounding: then nothing varies.
        return 1 - self.apart / by_chance if by_chance > 1e-9 * max(self.squares, 1e-9) else None


@dataclass(slots=True)
class Correlation:
    """Pearson's correlation of two numbers, pair by pair (the sums of Welford 1962, which lose no digits)."""

    n: int = 0
    x: float = 0.0
    """Mean."""
    y: float = 0.0
    xx: float = 0.0
    """Sum of squared deviations."""
    yy: float = 0.0
    xy: float = 0.0

    def add(self, x: float, y: float) -> None:
        """Count one pair."""
        self.n += 1
        dx, dy = x - self.x, y - self.y
        self.x += dx / self.n
        self.y += dy / self.n
        self.xx += dx * (x - self.x)
        self.yy += dy * (y - self.y)
        self.xy += dx * (y - self.y)

    @property
    def value(self) -> float | None:
        """In [-1, 1]; None of fewer than three pairs, or where one of the two does not vary."""
        if self.n < 3 or self.xx <= 1e-12 or self.yy <= 1e-12:
            return None
        return min(1.0, max(-1.0, self.xy / math.sqrt(self.xx * self.yy)))


@dataclass(slots=True)
class Moments:
    """Mean and deviation of numbers that come one by one."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared deviations."""

    def add(self, value: float) -> None:
        """Count one."""
        self.n += 1
        away = value - self.mean
        self.mean += away / self.n
        self.squares += away * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Population standard deviation; 0 of nothing."""
        return math.sqrt(max(self.squares, 0.0) / self.n) if self.n else 0.0


def alpha(units: Iterable[tuple[int, int, int]]) -> float | None:
    """Krippendorff's alpha of yes-or-no votes that were counted already.

    Args:
        units: how many voted yes and how many no on a thing, and of how many things that is true.

    Returns:
        1 where all agree, 0 at chance; None where fewer than two things were voted on twice, or everybody always
        said the same.
    """
    found = Alpha()
    for yes, no, things in units:
        found.add([1.0] * yes + [0.0] * no, things)
    return found.value
