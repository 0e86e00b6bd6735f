"""A powercap tree on disk, as Linux shows it, with counters that a test turns."""

from pathlib import Path

RANGE = 262_143_328_850
"""Microjoules, as of many Intel processors."""


class FakePowercap:
    """Zones in a folder. A zone below a package lies there and is linked into the root, as in /sys."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)

    def add(self, zone: str, name: str, uj: int = 0, range: int | None = RANGE) -> Path:
        """A zone, for example `intel-rapl:0:1`."""
        package = zone.rsplit(":", 1)[0]
        folder = self.root / package / zone if zone.count(":") == 2 else self.root / zone
        folder.mkdir()
        (folder / "name").write_text(name + "\n")
        (folder / "energy_uj").write_text(f"{uj}\n")
        if range is not None:
            (folder / "max_energy_range_uj").write_text(f"{range}\n")
        if zone.count(":") == 2:
            (self.root / zone).symlink_to(folder)
        return folder

    def turn(self, zone: str, joules: float) -> None:
        """Let a counter go on, round its end if need be. Nobody reads a half-written number."""
        file = self.root / zone / "energy_uj"
        total = int(file.read_text()) + round(joules * 1e6)
        new = file.with_name("energy_uj.new")
        new.write_text(f"{total % (RANGE + 1)}\n")
        new.replace(file)


def laptop(root: Path) -> FakePowercap:
    """What an Intel laptop has, with the same package by two roads, and the whole computer."""
    tree = FakePowercap(root)
    tree.add("intel-rapl:0", "package-0", 1_000_000)
    tree.add("intel-rapl:0:0", "core", 500_000)
    tree.add("intel-rapl:0:1", "uncore", 100_000)
    tree.add("intel-rapl:0:2", "dram", 200_000)
    tree.add("intel-rapl:1", "psys", 3_000_000)
    tree.add("intel-rapl-mmio:0", "package-0", 1_000_000)
    return tree
