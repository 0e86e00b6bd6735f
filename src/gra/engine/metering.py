"""Reads the meters of this machine while a run is under way, reckons what they do not cover, and writes both down.

A crash loses what was taken since the last reading, a few seconds. What an attempt takes begins with the start of its
models and ends with them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gra.calls import Usage
from gra.config.models import Joules
from gra.config.pool import members
from gra.config.synthesis import SynthesisConfig
from gra.engine.energy import JOULES_PER_WH, Consumed, Place, estimate, joules_of, place_of
from gra.events import Listener, Notice
from gra.meters.meter import Found, Meter
from gra.meters.nvml import open_gpus
from gra.meters.powercap import open_processor
from gra.store import rows
from gra.store.reader import Reader
from gra.store.rows import Attempt
from gra.store.writer import Writer

READ_S = 2.0
"""Between two readings. A counter that goes round once in minutes is seen to, and a crash loses no more than this."""


@dataclass
class Energy:
    """What a run takes, while an attempt is under way. `read` may be called in a thread, once at a time."""

    number: int = 1
    """Of the attempt."""
    earlier: Consumed = field(default_factory=Consumed)
    """What attempts before it have taken."""
    processor: Meter | None = None
    gpus: Meter | None = None
    unread_gpus: bool = False
    """There are GPUs that cannot be read, so that a server at a loopback address may work on them unseen."""
    each: Mapping[str, Joules] = field(default_factory=dict)
    """What a token takes, by model."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where each model works."""
    measured: dict[str, float] = field(default_factory=dict)
    """Joules of this attempt by part of the machine."""
    estimated: dict[str, float] = field(default_factory=dict)
    """Joules of this attempt by model."""
    unknown: set[str] = field(default_factory=set)
    """Models that are neither covered by a meter nor of known size."""
    begun: float = field(default_factory=time.monotonic)
    begun_at: str = field(default_factory=rows.now)

    def __post_init__(self) -> None:
        self.measured |= {part: 0.0 for meter in self.meters for part in meter.parts}

    @property
    def meters(self) -> tuple[Meter, ...]:
        """Those that there are."""
        return tuple(meter for meter in (self.processor, self.gpus) if meter)

    @property
    def wh(self) -> float:
        """Watt-hours, measured and estimated together, earlier attempts included."""
        return self.earlier.wh + (sum(self.measured.values()) + sum(self.estimated.values())) / JOULES_PER_WH

    @property
    def consumed(self) -> Consumed:
        """The same in full."""
        return self.earlier.plus(self.attempt)

    @property
    def attempt(self) -> Attempt:
        """What this attempt has taken by now."""
        taken = dict(self.measured), dict(self.estimated), tuple(sorted(self.unknown))
        return Attempt(self.number, self.begun_at, time.monotonic() - self.begun, *taken)

    def read(self) -> None:
        """Ask the meters. It may take milliseconds, and longer where a GPU has to wake up."""
        for meter in self.meters:
            for part, taken in meter.read().items():
                self.measured[part] += taken

    def covers(self, model: str) -> bool:
        """Whether what a model takes is in what is measured."""
        place = self.places.get(model, "elsewhere")
        processor = self.processor is not None and self.processor.alive
        if place == "embedded":
            return processor
        gpus = self.gpus is not None and self.gpus.alive
        return place == "loopback" and (gpus or processor) and not self.unread_gpus

    def count(self, model: str, used: Usage) -> None:
        """Add one call, if it is not measured."""
        if self.covers(model):
            return
        if model not in self.each:
            self.unknown.add(model)
            return
        taken = estimate(self.each[model], used.prompt_tokens, used.cached_tokens, used.completion_tokens)
        self.estimated[model] = self.estimated.get(model, 0.0) + taken


@asynccontextmanager
async def metering(config: SynthesisConfig, reader: Reader, writer: Writer, listen: Listener) -> AsyncIterator[Energy]:
    """Measure and write down what an attempt takes while the block lasts.

    Args:
        config: of the run.
        reader: of the run; knows what earlier attempts have taken.
        writer: of the run.
        listen: is told once, in the first attempt, of what is there and cannot be read.
    """
    before = reader.attempts()
    processor, gpus = meters_for(config)
    if not before:
        for problem in filter(None, (processor.problem, gpus.problem)):
            listen(Notice(problem))
    energy = Energy(
        number=before[-1].number + 1 if before else 1,
        earlier=Consumed.over(before),
        processor=processor.meter,
        gpus=gpus.meter,
        unread_gpus=bool(gpus.problem) and gpus.meter is None,
        each=joules_of(config),
        places=places(config),
    )
    watching = asyncio.create_task(_watch(energy, writer, listen))
    try:
        yield energy
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)  # what it failed with, writing, fails below too
        try:
            await _keep(energy, writer, listen)
        finally:
            for meter in energy.meters:
                meter.close()


def places(config: SynthesisConfig) -> dict[str, Place]:
    """Where each model works."""
    return {model.name: place_of(model.model_dump()) for model in config.models}


def meters_for(config: SynthesisConfig) -> tuple[Found, Found]:
    """The meters of processor and GPUs, each only where a model that takes part may work there."""
    playing = members(config)
    found = {place for name, place in places(config).items() if name in playing}
    found.add(place_of(config.embeddings.model_dump()))
    at_home = found & {"embedded", "loopback"}
    return open_processor() if at_home else Found(), open_gpus() if "loopback" in found else Found()


async def _watch(energy: Energy, writer: Writer, listen: Listener) -> None:
    while True:
        await asyncio.sleep(READ_S)
        await _keep(energy, writer, listen)


async def _keep(energy: Energy, writer: Writer, listen: Listener) -> None:
    await asyncio.to_thread(energy.read)
    for part in (part for meter in energy.meters for part in meter.lost()):
        listen(Notice(f"the energy of {part} cannot be read any more; what it takes meanwhile is not counted"))
    await writer.put_attempt(energy.attempt)
