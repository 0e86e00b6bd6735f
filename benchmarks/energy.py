"""Do gra's meters read this machine right?

    PYTHONPATH=src python benchmarks/energy.py

Reads processor and GPUs while nothing is done and under load: a product of matrices on every GPU by torch where it is
installed, else a core that counts. Beside the GPUs' counters it prints what comes of adding up their power, as gra does
where a GPU has no counter, and the mean of what `nvidia-smi` says meanwhile. Needs the standard library and, for GPUs,
`nvidia-ml-py`. Figures: docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from gra.meters.meter import Found
from gra.meters.nvml import open_gpus, opened
from gra.meters.powercap import open_processor

SMI = ("nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits")
STEP_S = 0.2
"""Between two readings: the power is added up from so many points."""


class Counterless:
    """NVML as an old GPU has it."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nvml, name)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: object) -> float:
        raise self._nvml.NVMLError(self._nvml.NVML_ERROR_NOT_SUPPORTED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    seconds = parser.parse_args().seconds
    found = {"processor": open_processor(), "GPUs": open_gpus()}
    if found["GPUs"].meter:
        import pynvml

        found["GPUs' power added up"] = opened(Counterless(pynvml))
    for name, each in found.items():
        print(f"{name}: {', '.join(each.meter.parts) if each.meter else 'do not tell'} {each.problem}".rstrip())
    if not any(each.meter for each in found.values()):
        raise SystemExit("nothing on this machine can be read")
    measure("idle", found, lambda: time.sleep(STEP_S), seconds)
    measure("load", found, work(), seconds)
    for name, each in found.items():
        if each.meter:
            begun = time.perf_counter()
            for _ in range(50):
                each.meter.read()
            print(f"one reading of the {name}: {(time.perf_counter() - begun) * 20:.2f} ms")
            each.meter.close()


def measure(what: str, found: dict[str, Found], step: Callable[[], object], seconds: float) -> None:
    """Print what every meter says over some seconds."""
    meters = {name: each.meter for name, each in found.items() if each.meter}
    warm = time.monotonic() + 2.0  # the power that a driver tells is a mean over the last second
    while time.monotonic() < warm:
        step()
    watts: list[float] = []
    over = threading.Event()
    asking = threading.Thread(target=ask, args=(watts, over))
    taken = dict.fromkeys(meters, 0.0)
    for meter in meters.values():
        meter.read()
    begun = time.monotonic()
    asking.start()
    while time.monotonic() - begun < seconds:
        step()
        for name, meter in meters.items():
            taken[name] += sum(meter.read().values())
    passed = time.monotonic() - begun
    over.set()
    asking.join()
    for name, joules in taken.items():
        print(f"{what}: {name}: {joules:.1f} J in {passed:.2f} s, {joules / passed:.1f} W")
    if watts:
        print(f"{what}: nvidia-smi: {sum(watts) / len(watts):.1f} W, the mean of {len(watts)} answers")


def ask(watts: list[float], over: threading.Event) -> None:
    """Let `nvidia-smi` say the power of all GPUs that are visible, again and again."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    command = [*SMI, *(["-i", chosen] if chosen else [])]
    while not over.wait(STEP_S / 2):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return
        watts.append(sum(float(line) for line in done.stdout.split()))


def work() -> Callable[[], object]:
    """A step of work that takes a fraction of a second."""
    try:
        import torch

        if not torch.cuda.is_available():
            raise ImportError
    except ImportError:
        print("load: one core counts (no torch with a GPU)")
        return lambda: sum(range(4_000_000))
    devices = range(torch.cuda.device_count())
    matrices = [torch.randn(8192, 8192, device=f"cuda:{n}", dtype=torch.float16) for n in devices]

    def multiply() -> None:
        for _ in range(50):
            for matrix in matrices:
                torch.matmul(matrix, matrix)
        for n in devices:
            torch.cuda.synchronize(n)

    print(f"load: products of matrices on {len(matrices)} GPUs, torch {torch.__version__}")
    return multiply


if __name__ == "__main__":
    main()
