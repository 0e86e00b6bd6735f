"""The processor's own account of its energy: RAPL, which Linux shows under /sys/class/powercap, Intel's and AMD's.

Counted are packages and their memory (`dram`), which lies below a package in the tree and is not part of its energy.
Not counted are what would count twice: cores and graphics are parts of a package, `psys` is the whole computer where it
is right at all, and `intel-rapl-mmio` is the first package once more by another road.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gra.meters.meter import Found

ROOT = Path("/sys/class/powercap")
VARIABLE = "GRA_POWERCAP"
"""Names the folder where it is another one, for example in a container that has the host's elsewhere."""
MOST_WATTS = 2000.0
"""No package takes more. What seems to is a counter that has begun anew, as after a sleep, and not one that is full."""
MICRO = 1e-6


@dataclass
class Zone:
    """One counter."""

    part: str
    file: Path
    range: int
    """Microjoules at which it begins again at 0; 0 if nobody says."""
    last: int
    at: float
    """Seconds, when it was read last."""
    lost: bool = False

    def read(self) -> float:
        """Joules since the last reading; 0 over a time in which it could not be read."""
        try:
            now, at = _number(self.file), time.monotonic()
        except (OSError, ValueError):
            self.lost = True
            return 0.0
        taken = 0.0 if self.lost else risen(self.last, now, self.range, at - self.at)
        self.last, self.at, self.lost = now, at, False
        return taken


class Processor:
    """The packages of this machine, with their memory."""

    def __init__(self, zones: list[Zone]) -> None:
        self._zones = zones
        self._told: set[str] = set()

    @property
    def parts(self) -> tuple[str, ...]:
        """For example `package-0` and `package-0 dram`."""
        return tuple(zone.part for zone in self._zones)

    @property
    def alive(self) -> bool:
        """False if no zone can be read any more."""
        return not all(zone.lost for zone in self._zones)

    def read(self) -> dict[str, float]:
        """Joules by part since the last reading."""
        return {zone.part: zone.read() for zone in self._zones}

    def lost(self) -> list[str]:
        """Parts that could not be read any more, each told once."""
        gone = [zone.part for zone in self._zones if zone.lost and zone.part not in self._told]
        self._told.update(gone)
        return gone

    def close(self) -> None:
        """There is nothing to let go of."""


def open_processor(root: Path | None = None) -> Found:
    """The processor's meter, if there is one and it may be read.

    Args:
        root: the folder of the zones; by default the system's, or what GRA_POWERCAP names.
    """
    root = root or Path(os.environ.get(VARIABLE) or ROOT)
    zones, closed = [], []
    for part, folder in _zones(root):
        try:
            now = _number(folder / "energy_uj")
        except PermissionError:
            closed.append(part)
        except (OSError, ValueError):
            continue  # a zone that is there without its counter is one that does not tell
        else:
            zones.append(Zone(part, folder / "energy_uj", _range(folder), now, time.monotonic()))
    if closed:  # what can be read of a part of it would pass for the whole
        return Found(
            problem=f"the processor counts its energy ({', '.join(closed)}), but only root may read that, so it is "
            f"estimated. To have it measured until the next boot: sudo chmod a+r {root}/intel-rapl:*/energy_uj"
        )
    return Found(Processor(zones) if zones else None)


def risen(before: int, now: int, range: int, seconds: float) -> float:
    """Joules by which a counter has risen.

    Args:
        before: microjoules at the last reading.
        now: the same, this time.
        range: where it begins again at 0; 0 if that is not known.
        seconds: between the readings.
    """
    if now >= before:
        return (now - before) * MICRO
    around = (range - before + now) * MICRO
    # Asked every few seconds, a counter goes round once at most. One that was set back has counted `now` since.
    return around if before <= range and around <= MOST_WATTS * max(seconds, 1.0) else now * MICRO


def _zones(root: Path) -> Iterator[tuple[str, Path]]:
    """Name and folder of the zones that count, in order."""
    seen: set[str] = set()
    for package in sorted(root.glob("intel-rapl:*")):
        name = _name(package)
        if package.name.count(":") != 1 or not name.startswith("package") or name in seen:
            continue
        seen.add(name)
        yield name, package
        # A zone lies below its package, and the kernel links it into the root as well; either may be missing in a copy.
        below = {zone.name: zone for zone in (*root.glob(f"{package.name}:*"), *package.glob("intel-rapl:*:*"))}
        for zone in sorted(below.values()):
            if _name(zone) == "dram":
                yield f"{name} dram", zone


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _range(zone: Path) -> int:
    try:
        return _number(zone / "max_energy_range_uj")
    except (OSError, ValueError):
        return 0


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))
