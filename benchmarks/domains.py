"""When a vote in a domain is lost, and what that does to a committee: raters whose truth is known, no models.

    python benchmarks/domains.py [--draws 400]

The first table has the share of exams by which a rater that is equally able everywhere loses any domain, and by which
one that is at chance in the first of five loses that one. The second has the AUC of the gates' committees on samples of
all domains, and of the first, with votes by domain and without.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from gra.synthesis.calibration import committee_of
from gra.synthesis.standing import Standing, panel_of

Array = NDArray[np.float64]
Noise = Callable[[np.random.Generator, int], Array]
PAIRS = (8, 15, 30)
"""Of each domain."""
SAMPLES = 1000
NOISES: Mapping[str, Noise] = {
    "normal": lambda draw, n: draw.normal(size=(n, 2)),
    "twins alike (0.5)": lambda draw, n: (draw.normal(size=(n, 2)) + draw.normal(size=(n, 1))) / math.sqrt(2),
    "far outliers (t, 3)": lambda draw, n: draw.standard_t(3, size=(n, 2)) / math.sqrt(3),
    "skewed": lambda draw, n: draw.exponential(size=(n, 2)) - 1,
}
COMMITTEES: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "the best at chance in one": ((0, 2, 2, 2, 2), (1.2,) * 5, (0.8,) * 5),
    "two, each in one": ((0, 2, 2, 2, 2), (1.5, 1.5, 1.5, 0, 1.5), (0.8,) * 5),
    "all alike everywhere": ((2,) * 5, (1.2,) * 5, (0.8,) * 5),
    "all weak in one": ((0.6, 2, 2, 2, 2), (0.4, 1.2, 1.2, 1.2, 1.2), (0.3, 0.8, 0.8, 0.8, 0.8)),
}
"""By member and domain, how far good and broken lie apart, in deviations."""


def examined(
    name: str, apart: Sequence[float], pairs: int, draw: np.random.Generator, noise: Noise = NOISES["normal"]
) -> Standing:
    """A rater after an exam of so many pairs of each domain, in turn."""
    domains = tuple(str(n) for n in range(len(apart))) * pairs
    away = np.array([apart[int(domain)] / 2 for domain in domains])
    good, broken = (noise(draw, len(domains)) + np.stack([away, -away], axis=1)).T.tolist()
    standing = Standing(name, "response", tuple(good), tuple(broken), (), domains)
    return replace(standing, no_vote_in=standing.cannot_tell_in())


def losses(apart: Sequence[float], pairs: int, draws: int, seed: int, noise: Noise = NOISES["normal"]) -> list[float]:
    """Share of exams that cost any domain, and the first of them."""
    draw = np.random.default_rng(seed)
    lost = [examined("a", apart, pairs, draw, noise).no_vote_in for _ in range(draws)]
    return [fmean(bool(domains) for domains in lost), fmean("0" in domains for domains in lost)]


def committees(raters: Sequence[Sequence[float]], pairs: int, draws: int, seed: int) -> dict[tuple[str, bool], Array]:
    """By gate, and whether votes go by domain: mean AUC over all samples, and over those of the first domain."""
    draw = np.random.default_rng(seed)
    found: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    for _ in range(draws):
        members = [examined(str(n), apart, pairs, draw) for n, apart in enumerate(raters)]
        good, domain = draw.random(SAMPLES) < 0.5, draw.integers(0, len(raters[0]), SAMPLES)
        said = np.stack([draw.normal(size=SAMPLES) + np.where(good, 0.5, -0.5) * np.array(r)[domain] for r in raters])
        for gate in ("seeds", "calibrated"):
            for by_domain in (False, True):
                scores = np.zeros(SAMPLES)
                for number in range(len(raters[0])):
                    lost = {m.model for m in members if by_domain and str(number) in m.no_vote_in}
                    seated = tuple(m.of_domain(str(number)) if m.model in lost else m for m in members)
                    here = domain == number
                    scores[here] = scored(gate, seated, said[:, here])
                aucs = auc(scores, good), auc(scores[domain == 0], good[domain == 0])
                found.setdefault((gate, by_domain), []).append(aucs)
    return {key: np.array(aucs).mean(axis=0) for key, aucs in found.items()}


def scored(gate: str, members: tuple[Standing, ...], said: Array) -> Array:
    """(N,) What the gate ranks by, of what (M, N) the members said; 0 for all where nobody can tell."""
    middles = [fmean((*m.good, *m.broken)) for m in members]
    own = np.stack([(words - middle) / m.spread for m, middle, words in zip(members, middles, said, strict=True)])
    if not any(m.weight for m in members):
        return np.zeros(said.shape[1])
    if gate == "seeds":
        panel = panel_of(members)
        mean, spread = panel.fit
        return np.asarray((np.array(panel.weights) @ own - mean) / spread)
    says, intercept = committee_of(members).fit
    return np.asarray(intercept + np.array(says) @ own)


def auc(scores: Array, good: NDArray[np.bool_]) -> float:
    """Probability that a good one scores above a bad one, ties counting half."""
    above, below = np.sort(scores[good]), scores[~good]
    wins = len(above) - np.searchsorted(above, below, "right") / 2 - np.searchsorted(above, below, "left") / 2
    return float(wins.mean() / len(above))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    draws = parser.parse_args().draws
    print("| opinions | d elsewhere | " + " | ".join(f"{n} pairs: able everywhere, at chance in one" for n in PAIRS))
    for name, noise in NOISES.items():
        for d in (0.8, 1.5, 2.5):
            cells = []
            for n in PAIRS:
                able, lost = losses((d,) * 5, n, draws, 1, noise), losses((0, d, d, d, d), n, draws, 2, noise)
                cells.append(f"{able[0]:.1%}, {lost[1]:.0%}")
            print(f"| {name} | {d} | {' | '.join(cells)} |", flush=True)
    print("\n| committee | pairs | gate | all domains, without and by domain | the first, without and by domain |")
    for name, raters in COMMITTEES.items():
        for n in PAIRS:
            aucs = committees(raters, n, max(1, draws // 5), 3)
            for gate in ("seeds", "calibrated"):
                whole, first = zip(aucs[gate, False], aucs[gate, True], strict=True)
                told = (f"{without:.3f}, {by:.3f}" for without, by in (whole, first))
                print(f"| {name} | {n} | {gate} | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
