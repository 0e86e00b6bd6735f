"""The GPUs' meter, over an NVML that is made up."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gra.meters import nvml
from gra.meters.meter import Found, Meter
from gra.meters.nvml import open_gpus, opened


class FakeNvml:
    """As much of `pynvml` as is used. A GPU without a number answers `Not Supported`."""

    class NVMLError(Exception):
        pass

    def __init__(self, energy: list[float | None], power: list[float | None] | None = None) -> None:
        self.energy = energy
        self.power = power or [None] * len(energy)
        self.open = 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.energy)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}aaa-bbbb"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> float:
        return self._given(self.energy[handle])

    def nvmlDeviceGetPowerUsage(self, handle: int) -> float:
        return self._given(self.power[handle])

    def _given(self, value: float | None) -> float:
        if value is None:
            raise self.NVMLError("Not Supported")
        return value


Clock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def go_on(seconds: float) -> None:
        now[0] += seconds

    return go_on


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(nvml, "DEVICE", tmp_path / "nvidiactl")


def meter_of(fake: FakeNvml) -> Meter:
    found = opened(fake)
    assert found.meter is not None and not found.problem
    return found.meter


def test_gpus_that_count_are_read_in_millijoules() -> None:
    fake = FakeNvml([5_000_000, 7_000])
    meter = meter_of(fake)
    assert meter.read() == {"GPU 0": 0.0, "GPU 1": 0.0}
    fake.energy = [5_001_500, 8_000]
    assert meter.read() == pytest.approx({"GPU 0": 1.5, "GPU 1": 1.0})
    meter.close()
    assert fake.open == 0


def test_of_older_gpus_the_power_is_added_up(clock: Clock) -> None:
    fake = FakeNvml([None], [100_000])
    meter = meter_of(fake)
    clock(2.0)
    assert meter.read() == pytest.approx({"GPU 0": 200.0})
    fake.power = [300_000]
    clock(2.0)
    assert meter.read() == pytest.approx({"GPU 0": 400.0}), "the mean of before and now"


def test_a_driver_that_was_loaded_anew_begins_at_nothing() -> None:
    fake = FakeNvml([9_000_000])
    meter = meter_of(fake)
    fake.energy = [2_000]
    assert meter.read() == pytest.approx({"GPU 0": 2.0})


def test_a_gpu_that_is_lost_is_told_once_and_does_not_hide_the_other() -> None:
    fake = FakeNvml([0, 0])
    meter = meter_of(fake)
    fake.energy = [None, 4_000]
    assert meter.read() == pytest.approx({"GPU 0": 0.0, "GPU 1": 4.0})
    assert meter.lost() == ["GPU 0"] and meter.lost() == [] and meter.alive
    fake.energy = [50_000, 5_000]
    assert meter.read() == pytest.approx({"GPU 0": 0.0, "GPU 1": 1.0})
    fake.energy = [51_000, 5_000]
    assert meter.read() == pytest.approx({"GPU 0": 1.0, "GPU 1": 0.0})
    fake.energy = [None, None]
    meter.read()
    assert not meter.alive


def test_a_gpu_that_tells_nothing_is_named() -> None:
    found = opened(FakeNvml([None, 1_000]))
    assert found.meter is not None and list(found.meter.parts) == ["GPU 1"]
    assert "GPU 0: NVML says Not Supported" in found.problem
    fake = FakeNvml([None])
    found = opened(fake)
    assert found.meter is None and "is estimated: GPU 0" in found.problem and fake.open == 0


@pytest.mark.parametrize(
    ("named", "parts"),
    [
        ("0,2", ["GPU 0", "GPU 2"]),
        ("2", ["GPU 2"]),
        ("GPU-1aaa", ["GPU 1"]),
        ("", []),
        ("-1", []),
        ("1,9,2", ["GPU 1"]),
        ("1,1", ["GPU 1"]),
        ("MIG-12345", ["GPU 0", "GPU 1", "GPU 2"]),
    ],
)
def test_only_gpus_that_this_process_may_see_are_read(
    monkeypatch: pytest.MonkeyPatch, named: str, parts: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    found = opened(FakeNvml([1, 1, 1]))
    assert list(found.meter.parts if found.meter else []) == parts and not found.problem


def test_without_a_driver_there_is_nothing_to_tell_of() -> None:
    class Without(FakeNvml):
        def nvmlInit(self) -> None:
            raise self.NVMLError("NVML Shared Library Not Found")

    assert opened(Without([])) == Found()
    nvml.DEVICE.touch()
    assert "NVML Shared Library Not Found" in opened(Without([])).problem


def test_gpus_without_the_package_that_reads_them_are_told_of() -> None:
    assert open_gpus() == Found(), "no test reads this machine's"
    nvml.DEVICE.touch()
    assert 'pip install "gra-synth[energy]"' in open_gpus().problem


def test_the_package_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = FakeNvml([1_000])
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    assert open_gpus().meter is not None


def test_the_readers_need_the_standard_library_alone() -> None:
    code = "import sys, gra.meters.nvml, gra.meters.powercap; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydantic", "aiohttp", "numpy", "typer", "pynvml"} & set(done.stdout.split())
