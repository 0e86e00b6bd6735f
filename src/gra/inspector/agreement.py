"""How far raters agree, from counts of their votes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


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


def alpha(units: Iterable[tuple[int, int, int]]) -> float | None:
    """Krippendorff's alpha of yes-or-no votes (Krippendorff 2011, nominal data).

    Args:
        units: how many voted yes and how many no on a thing, and of how many things that is true.

    Returns:
        1 where all agree, 0 at chance; None where nothing was voted on twice, or everybody always said the same.
    """
    yes = no = pairs_apart = 0.0
    for for_it, against, things in units:
        voters = for_it + against
        if voters > 1:
            yes += for_it * things
            no += against * things
            pairs_apart += things * 2 * for_it * against / (voters - 1)
    n = yes + no
    apart_by_chance = 2 * yes * no / (n - 1) if n > 1 else 0.0
    return 1 - pairs_apart / apart_by_chance if apart_by_chance else None
