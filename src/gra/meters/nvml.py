"""NVIDIA GPUs' own account of their energy, by the package `nvidia-ml-py` (module `pynvml`) of the extra `energy`.

Volta and later GPUs count it; of older ones the power is asked for and added up. Whole GPUs are measured, memory and
fans included, also where only a slice (MIG) is in use, and whoever uses them. The order is that of `nvidia-smi`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from gra.meters.meter import Found

MILLI = 1e-3
DEVICE = Path("/dev/nvidiactl")
"""There wherever a driver of NVIDIA's is."""
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass
class Gpu:
    """One of them."""

    part: str
    handle: Any
    counts: bool
    """Whether it counts energy; else its power is asked for."""
    last: float = 0.0
    """What it said last: millijoules, or milliwatts."""
    at: float = 0.0
    """Seconds, when it said so."""
    lost: bool = False


class Gpus:
    """The GPUs of this machine that this process may see."""

    def __init__(self, nvml: ModuleType | Any, gpus: Sequence[Gpu]) -> None:
        self._nvml = nvml
        self._gpus = gpus
        self._told: set[str] = set()

    @property
    def parts(self) -> tuple[str, ...]:
        """For example `GPU 0`."""
        return tuple(gpu.part for gpu in self._gpus)

    @property
    def alive(self) -> bool:
        """False if no GPU can be read any more."""
        return not all(gpu.lost for gpu in self._gpus)

    def read(self) -> dict[str, float]:
        """Joules by GPU since the last reading."""
        return {gpu.part: self._taken(gpu) for gpu in self._gpus}

    def _taken(self, gpu: Gpu) -> float:
        try:
            said = _said(self._nvml, gpu)
        except self._nvml.NVMLError:
            gpu.lost = True
            return 0.0
        now, since, before = time.monotonic(), gpu.at, gpu.last
        back, gpu.last, gpu.at, gpu.lost = gpu.lost, said, now, False
        if back:
            return 0.0
        if gpu.counts:
            return (said - before if said >= before else said) * MILLI  # it begins at 0 when the driver is loaded
        return (said + before) / 2 * (now - since) * MILLI

    def lost(self) -> list[str]:
        """GPUs that could not be read any more, each told once."""
        gone = [gpu.part for gpu in self._gpus if gpu.lost and gpu.part not in self._told]
        self._told.update(gone)
        return gone

    def close(self) -> None:
        """Let go of the library."""
        with suppress(self._nvml.NVMLError):  # a driver that is gone has nothing to let go of
            self._nvml.nvmlShutdown()


def open_gpus() -> Found:
    """The GPUs' meter, if there are any and they can be read. They are those that CUDA_VISIBLE_DEVICES leaves."""
    try:
        import pynvml
    except ImportError:
        missing = 'the NVIDIA GPUs\' energy is estimated. To have it measured: pip install "gra-synth[energy]"'
        return Found(problem=missing if DEVICE.exists() else "")
    return opened(pynvml)


def opened(nvml: ModuleType | Any) -> Found:
    """The same with the library at hand."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        # Without a driver there is no GPU to speak of; with one, it is worth a word.
        return Found(problem=f"the GPUs' energy is estimated: NVML says {error}" if DEVICE.exists() else "")
    gpus, problems = [], []
    for number in _visible(nvml):
        gpu = _open(nvml, number)
        if isinstance(gpu, str):
            problems.append(gpu)
        else:
            gpus.append(gpu)
    meter = Gpus(nvml, gpus)
    if not gpus:
        meter.close()
    if problems and gpus:  # mostly an old card for the screen
        return Found(meter, f"some GPUs do not tell their energy, which is not counted: {'; '.join(problems)}")
    return Found(meter if gpus else None, f"the GPUs' energy is estimated: {'; '.join(problems)}" if problems else "")


def _open(nvml: ModuleType | Any, number: int) -> Gpu | str:
    """A GPU that has been read once, or why it cannot be."""
    part, said = f"GPU {number}", ""
    for counts in (True, False):
        try:
            gpu = Gpu(part, nvml.nvmlDeviceGetHandleByIndex(number), counts)
            gpu.last, gpu.at = _said(nvml, gpu), time.monotonic()
        except nvml.NVMLError as error:
            said = str(error)
        else:
            return gpu
    return f"{part}: NVML says {said}"


def _said(nvml: ModuleType | Any, gpu: Gpu) -> float:
    """Millijoules since the driver was loaded, or milliwatts."""
    ask = nvml.nvmlDeviceGetTotalEnergyConsumption if gpu.counts else nvml.nvmlDeviceGetPowerUsage
    return float(ask(gpu.handle))


def _visible(nvml: ModuleType | Any) -> list[int]:
    """The numbers of the GPUs to read. NVML itself knows nothing of CUDA_VISIBLE_DEVICES."""
    everything = list(range(nvml.nvmlDeviceGetCount()))
    named = os.environ.get(VISIBLE)
    if named is None:
        return everything
    chosen: list[int] = []
    for name in filter(None, (part.strip() for part in named.split(","))):
        if name.lstrip("-").isdigit():
            if int(name) not in everything:
                break  # as CUDA has it: what follows a number that does not exist is hidden
            found = [int(name)]
        elif name.startswith("GPU-"):
            found = [n for n in everything if _uuid(nvml, n).startswith(name)]
        else:
            return everything  # a slice of a GPU has no counter of its own
        chosen += [n for n in found if n not in chosen]
    return chosen


def _uuid(nvml: ModuleType | Any, number: int) -> str:
    try:
        found = nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByIndex(number))
    except nvml.NVMLError:
        return ""
    return found.decode() if isinstance(found, bytes) else str(found)
