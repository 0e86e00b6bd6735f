"""What is worth a revision: what earlier ones gained for their cost, made into the rule of the round that begins.

As with casting by merit (`merits.py`) only candidates that decided their round count, each as it ended, so the rule
follows from what models answered, and not from who was faster or from how often a run was broken off. It is stored
before the round's first candidate is begun, with what it was made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from math import fsum
from typing import Any

from gra.config.synthesis import CalibratedGate, SynthesisConfig
from gra.engine.merits import ASKED_OFTEN, Rates, decided_it, of_round, rates_of
from gra.records import Sample, Status
from gra.store.reader import Reader, Round
from gra.store.writer import Writer
from gra.synthesis.mending import BOUNDS, Band, Mending, Tried, band_of, caused, worth

FACT = "revising"
"""What of every round that has begun is worth a revision, by its number as text."""


def learns(config: SynthesisConfig) -> bool:
    """Whether a run goes by what revisions have gained: where a score is a probability, and one may be revised."""
    calibrated = isinstance(config.gate, CalibratedGate) and config.review != "none"
    return calibrated and config.max_revisions > 0 and config.task != "refine" and config.revision.when == "it_pays"


async def store_worth(config: SynthesisConfig, number: int, reader: Reader, writer: Writer) -> None:
    """See that what is worth a revision in a round is stored. Every round before it is closed and full."""
    if not learns(config):
        return
    known: dict[str, Any] = reader.fact(FACT) or {}
    if str(number) not in known:
        known[str(number)] = _worth(config, number, known, reader)
        await writer.put_fact(FACT, known)


def mending_of(config: SynthesisConfig, number: int, reader: Reader) -> Mending:
    """What `store_worth` has stored of a round, so that all processes revise the same."""
    if not learns(config):
        return Mending()
    return Mending(tuple(Band(**row) for row in reader.fact(FACT)[str(number)]["bands"]))


def _worth(config: SynthesisConfig, number: int, known: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """As it is stored: what was known when the round before began, and that one with it."""
    before = known.get(str(number - 1), {})
    accepted, cost = int(before.get("accepted", 0)), float(before.get("cost", 0.0))
    tallies = [Tried(**row) for row in before.get("tallies", ())] or [Tried() for _ in BOUNDS]
    rates = rates_of(config)
    for round in [round for round in reader.rounds() if round.number == number - 1]:
        candidates = [tally for *_, tally in of_round(round, rates, reader)]
        accepted += sum(tally.accepted for tally in candidates)
        cost = fsum((cost, *(tally.cost for tally in candidates)))
        for band, tried in _revisions(round, rates, reader):
            tallies[band] += tried
    found = worth(tallies, accepted / cost) if accepted and cost else Mending()
    return {
        "unit": rates.unit,
        "accepted": accepted,
        "cost": cost,
        "tallies": [asdict(tally) for tally in tallies],
        "bands": [asdict(band) for band in found.bands],
    }


def _revisions(round: Round, rates: Rates, reader: Reader) -> Iterator[tuple[int, Tried]]:
    """The band and the end of each revision of a candidate that decided its round, in order."""
    for sample in reader.iter_samples(round=round.number):
        if not decided_it(round, sample.index, sample.status, sample.domain) or len(sample.versions) < 2:
            continue
        spent = [(step, rates.of(spent)) for step, spent in reader.spent_on(sample, ASKED_OFTEN)]
        for old, new in zip(sample.versions, sample.versions[1:], strict=False):
            if old.final:
                because = caused((step for step, _ in spent), new.number)
                cost = fsum(cost for step, cost in spent if step in because)
                yield band_of(old.final.score), Tried(1, int(_gained(sample, new.number)), cost)


def _gained(sample: Sample, number: int) -> bool:
    """True if the sample was accepted with this version."""
    return sample.status is Status.ACCEPTED and sample.best is not None and sample.best.number == number
