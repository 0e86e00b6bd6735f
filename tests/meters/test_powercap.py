"""The processor's counters: which of them count, and what happens at their ends."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_powercap import RANGE, FakePowercap, laptop
from hypothesis import given
from hypothesis import strategies as st

from gra.meters.meter import Found, Meter
from gra.meters.powercap import MOST_WATTS, open_processor, risen


def meter_of(tree: FakePowercap) -> Meter:
    found = open_processor(tree.root)
    assert found.meter is not None and not found.problem
    return found.meter


def test_packages_and_their_memory_are_counted_and_nothing_twice(tmp_path: Path) -> None:
    tree = laptop(tmp_path / "powercap")
    meter = meter_of(tree)
    assert list(meter.parts) == ["package-0", "package-0 dram"]
    assert meter.read() == {"package-0": 0.0, "package-0 dram": 0.0}, "only what is taken from now on"
    taken = {"intel-rapl:0": 30, "intel-rapl:0:0": 20, "intel-rapl:0:1": 5, "intel-rapl:0:2": 4, "intel-rapl:1": 50}
    for zone, joules in taken.items():
        tree.turn(zone, joules)
    tree.turn("intel-rapl-mmio:0", 30)
    assert meter.read() == pytest.approx({"package-0": 30.0, "package-0 dram": 4.0})
    assert meter.read() == {"package-0": 0.0, "package-0 dram": 0.0}


def test_a_server_has_several_packages_and_amd_has_no_memory(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path / "powercap")
    for number in range(2):
        tree.add(f"intel-rapl:{number}", f"package-{number}")
        tree.add(f"intel-rapl:{number}:0", "core")
    meter = meter_of(tree)
    tree.turn("intel-rapl:1", 2.5)
    assert meter.read() == pytest.approx({"package-0": 0.0, "package-1": 2.5})


@pytest.mark.parametrize("gone", ["linked", "below", "dangling"])
def test_memory_is_found_below_its_package_or_beside_it(tmp_path: Path, gone: str) -> None:
    tree = laptop(tmp_path / "powercap")
    link, zone = tree.root / "intel-rapl:0:2", tree.root / "intel-rapl:0" / "intel-rapl:0:2"
    link.unlink()
    if gone == "below":
        shutil.move(zone, link)
    elif gone == "dangling":
        link.symlink_to(tree.root / "nowhere")
    assert list(meter_of(tree).parts) == ["package-0", "package-0 dram"]


def test_a_counter_that_goes_round_loses_nothing(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path / "powercap")
    tree.add("intel-rapl:0", "package-0", RANGE - 3_000_000)
    meter = meter_of(tree)
    tree.turn("intel-rapl:0", 100)
    assert meter.read() == pytest.approx({"package-0": 100.0}, abs=1e-5)


@given(st.integers(10**6, 2**48), st.lists(st.floats(0, 1, exclude_max=True), max_size=30), st.floats(0, 1))
def test_however_often_it_goes_round_the_sum_is_what_was_taken(range: int, shares: list[float], start: float) -> None:
    steps, counter, total, read = [int(s * range) for s in shares], int(start * (range - 1)), 0, 0.0
    for step in steps:
        before, counter, total = counter, (counter + step) % range, total + step
        read += risen(before, counter, range, seconds=1e12)
    assert read == pytest.approx(total * 1e-6, rel=1e-9, abs=1e-6)


@given(st.integers(0, RANGE), st.integers(0, RANGE), st.sampled_from([0, 1000, RANGE]), st.floats(0, 1e6))
def test_a_reading_is_never_negative_and_never_beyond_reason(before: int, now: int, range: int, seconds: float) -> None:
    taken = risen(before, now, range, seconds)
    assert taken >= 0
    if now < before:
        assert taken <= max(now * 1e-6, MOST_WATTS * max(seconds, 1.0))


def test_a_counter_that_a_sleep_has_set_back_has_not_gone_round() -> None:
    assert risen(200_000_000_000, 5_000_000, RANGE, seconds=2.0) == pytest.approx(5.0)


def test_without_a_range_a_counter_that_fell_has_counted_what_it_shows(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path / "powercap")
    tree.add("intel-rapl:0", "package-0", 9_000_000, range=None)
    meter = meter_of(tree)
    (tree.root / "intel-rapl:0" / "energy_uj").write_text("2000000")
    assert meter.read() == pytest.approx({"package-0": 2.0})


@pytest.mark.parametrize("closed", ["intel-rapl:0", "intel-rapl:0:2"])
def test_what_only_root_may_read_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    tree = laptop(tmp_path / "powercap")
    forbid(monkeypatch, closed)
    found = open_processor(tree.root)
    assert found.meter is None, "a part would pass for the whole"
    assert f"sudo chmod a+r {tree.root}/intel-rapl:*/energy_uj" in found.problem


def forbid(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """As the system does, also to root."""
    read = Path.read_text

    def read_text(self: Path, *args: Any, **options: Any) -> str:
        if self.name == "energy_uj" and self.parent.name == zone:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *args, **options)

    monkeypatch.setattr(Path, "read_text", read_text)


def test_a_zone_that_disappears_is_told_once_and_counts_again_when_it_is_back(tmp_path: Path) -> None:
    tree = laptop(tmp_path / "powercap")
    meter = meter_of(tree)
    shutil.move(tree.root / "intel-rapl:0", tmp_path / "gone")
    assert meter.read() == {"package-0": 0.0, "package-0 dram": 0.0}
    assert meter.lost() == ["package-0", "package-0 dram"] and not meter.alive
    meter.read()
    assert meter.lost() == []
    shutil.move(tmp_path / "gone", tree.root / "intel-rapl:0")
    tree.turn("intel-rapl:0", 500)
    assert meter.read()["package-0"] == 0.0, "how much of it was this run's nobody knows"
    tree.turn("intel-rapl:0", 7)
    assert meter.read()["package-0"] == pytest.approx(7.0) and meter.alive


@pytest.mark.parametrize("content", ["", "unknown", "-"])
def test_a_counter_that_shows_no_number_does_not_tell(tmp_path: Path, content: str) -> None:
    tree = FakePowercap(tmp_path / "powercap")
    (tree.add("intel-rapl:0", "package-0") / "energy_uj").write_text(content)
    assert open_processor(tree.root) == Found()


def test_a_machine_without_such_counters_is_one_that_does_not_tell(tmp_path: Path) -> None:
    assert open_processor(tmp_path / "nowhere") == Found()
    assert open_processor() == Found(), "tests see no counters of this machine"


def test_the_tree_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = laptop(tmp_path / "host")
    monkeypatch.setenv("GRA_POWERCAP", str(tree.root))
    assert open_processor().meter is not None
