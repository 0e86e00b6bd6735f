"""Stores the figures of rounds that are closed: how far their reviewers agree, and how good what they kept may be.

A look at a run takes them from there (`report/glance.py`), an export and its card too. They decide nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gra.config.synthesis import SynthesisConfig
from gra.engine.opening import RULING_EXAM, known_gate
from gra.engine.recalibrating import gate_of
from gra.store.reader import Reader
from gra.store.writer import Writer
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.domains import in_domain
from gra.synthesis.figures import FACT, Figures

AT_ONCE = 200
"""Samples counted before anything else has a turn."""


async def store_figures(config: SynthesisConfig, reader: Reader, writer: Writer) -> None:
    """See that the figures of every closed round are stored: also of those that a crash, or an older gra, left without.

    A round that was reopened and closed anew has other numbers of samples, or the same ones.
    """
    stored: dict[str, Any] = reader.fact(FACT) or {}
    for number, numbers in closed_rounds(reader).items():
        row = stored.get(str(number))
        if not row or (row["accepted"], row["samples"]) != numbers:
            stored[str(number)] = await _figures(number, _gate(number, config, reader), config, reader)
            await writer.put_fact(FACT, stored)


def closed_rounds(reader: Reader) -> dict[int, tuple[int, int]]:
    """By number, how many samples were accepted, and how many there are."""
    return {r.number: (r.accepted, r.candidates) for r in reader.rounds() if r.state == "closed"}


async def _figures(number: int, gate: CalibratedRule | None, config: SynthesisConfig, reader: Reader) -> dict[str, Any]:
    found = Figures(reader.run.calibrated)
    for sample in reader.iter_samples(round=number):
        version = sample.best
        here = in_domain(gate, sample.domain) if gate and version and version.final and version.opinions else None
        found.add(sample, here.doubt(version) if isinstance(here, CalibratedRule) and version else None)
        if not found.samples % AT_ONCE:
            await asyncio.sleep(0)
    return found.plain()


def _gate(number: int, config: SynthesisConfig, reader: Reader) -> CalibratedRule | None:
    """The gate of a round whose scores are probabilities; None where there is another, or its exam is not there."""
    exam = reader.fact("exam")
    if not reader.run.calibrated or not exam:
        return None
    gate = gate_of(known_gate(config, exam, reader.fact(RULING_EXAM) or ()), number, reader)
    return gate if isinstance(gate, CalibratedRule) else None
