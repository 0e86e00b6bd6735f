"""Full and read-only disks, two processes, damaged files: a message that helps, nothing lost, and the run goes on."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from children import end, program, start, wait_for_answers
from cli_builders import EASY, config_file, dataset
from store_builders import mount, read_only
from typer.testing import Result

from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
TARGET = 6


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def config(server: FakeServer, tmp_path: Path) -> Path:
    return config_file(tmp_path, server.base_url, **EASY, target=TARGET)


@pytest.fixture
def calm(gra: Gra, config: Path, tmp_path: Path) -> Path:
    """A run that nothing happens to."""
    assert gra("run", config, "--out", tmp_path / "calm").exit_code == 0
    return tmp_path / "calm"


def test_two_processes_on_one_run(gra: Gra, server: FakeServer, config: Path, calm: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    child = start("run", config, "--out", out)
    wait_for_answers(server, child, 60)
    child.send_signal(signal.SIGSTOP)
    document = (out / "run.json").read_bytes()
    for arguments in (("resume", out), ("run", config, "--out", out, "--set", "budget.minutes=9")):
        second = gra(*arguments)
        assert second.exit_code == 5
        assert f"another process (pid {child.pid}, since 20" in second.stderr and "Traceback" not in second.stderr
    assert (out / "run.json").read_bytes() == document
    assert "a process is working on it" in gra("status", out).stdout
    for command in ("show", "verify"):
        assert gra(command, out).exit_code == 0
    assert gra("export", out).exit_code in (0, 3), "nothing may be accepted yet"
    child.send_signal(signal.SIGKILL)
    end(child)
    assert (out / "lock").read_text(), "a lock that is left behind means nothing"
    assert gra("resume", out).exit_code == 0
    assert dataset(out) == dataset(calm)


def fill(folder: Path) -> Path:
    """Leave no room on a disk."""
    filler = folder / "filler"
    with pytest.raises(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes((file.tell() < 31 * 2**20 and 2**20) or 4096))
    return filler


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=32m", "gra-test", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_in_the_middle(gra: Gra, server: FakeServer, config: Path, calm: Path, disk: Path) -> None:
    out = disk / "out"
    child = start("run", config, "--out", out)
    wait_for_answers(server, child, 60)
    filler = fill(disk)
    done = end(child)
    assert done.code == 5, done.err
    assert "full" in done.err and "free space" in done.err and f"gra resume {out}" in done.err
    assert "Traceback" not in done.err and not done.out
    for command in ("resume", "status", "show", "verify", "export"):
        tried = program(command, out)
        assert tried.code in (0, 3, 5) and "Traceback" not in tried.err and "should not happen" not in tried.err
    filler.unlink()
    assert gra("resume", out).exit_code == 0
    assert gra("verify", out).exit_code == 0
    assert dataset(out) == dataset(calm)


def test_a_disk_without_room_for_what_is_small(gra: Gra, config: Path, disk: Path) -> None:
    out = disk / "out"
    filler = fill(disk)
    begun = program("run", config, "--out", out)
    assert begun.code == 5 and "No space left" in begun.err and "a disk with room" in begun.err
    filler.unlink()
    assert program("run", config, "--out", out).code == 0
    whole, document = dataset(out), (out / "run.json").read_bytes()
    filler = fill(disk)
    again = program("export", out)
    assert again.code == 5 and "No space left" in again.err and "Free space" in again.err
    changed = program("resume", out, "--set", "budget.minutes=5")
    assert changed.code == 5 and "free space" in changed.err
    assert (dataset(out), (out / "run.json").read_bytes()) == (whole, document)
    filler.unlink()
    assert program("resume", out, "--set", "budget.minutes=5").code == 0
    assert dataset(out) == whole and json.loads((out / "run.json").read_text())["config"]["budget"]["minutes"] == 5


def test_a_read_only_run_can_be_looked_at(gra: Gra, calm: Path, tmp_path: Path) -> None:
    with read_only(calm):
        for command in ("status", "show", "verify"):
            assert gra(command, calm).exit_code == 0, command
        assert gra("export", calm, "--out", tmp_path / "elsewhere.jsonl").exit_code == 0
        for arguments in (("export", calm), ("resume", calm)):
            refused = gra(*arguments)
            assert refused.exit_code == 5 and "ead-only" in refused.stderr and "--out" in refused.stderr
    assert (tmp_path / "elsewhere.jsonl").read_bytes() == dataset(calm)


def test_a_read_only_parent(gra: Gra, config: Path, tmp_path: Path) -> None:
    (tmp_path / "shelf").mkdir()
    with read_only(tmp_path / "shelf"):
        done = gra("run", config, "--out", tmp_path / "shelf" / "out")
    assert done.exit_code == 5 and "ead-only" in done.stderr and "another --out" in done.stderr


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: (run / "run.sqlite").write_bytes(b"garbage " * 999), "not a database"),
        (lambda run: (run / "run.sqlite").write_bytes(b""), "is empty"),
        (lambda run: (run / "run.sqlite").unlink(), "is missing"),
        (lambda run: (run / "run.json").write_text('{"format_version": 1, "finger'), "is damaged"),
        (lambda run: (run / "run.json").unlink(), "it has no run.json"),
        (lambda run: ((run / "run.json").unlink(), (run / "run.json").mkdir()), "Is a directory"),
    ],
    ids=["garbage", "no bytes", "no database", "half a run.json", "no run.json", "a folder"],
)
def test_a_damaged_folder_is_named_by_every_command(
    gra: Gra, run_folder: Path, damage: Callable[[Path], object], words: str
) -> None:
    damage(run_folder)
    before = contents(run_folder)
    for command in ("status", "show", "export", "verify", "resume"):
        done = gra(command, run_folder)
        assert done.exit_code == 5, (command, done.stderr)
        assert (words in done.stderr or command == "verify") and "Traceback" not in done.stderr, (command, done.stderr)
        assert "estore it" in done.stderr or "--out" in done.stderr or "`gra run` makes one" in done.stderr
    assert contents(run_folder).items() >= before.items(), "nothing is made worse"


def test_a_folder_that_was_copied_at_work_goes_on_by_itself(
    gra: Gra, server: FakeServer, config: Path, calm: Path, tmp_path: Path
) -> None:
    out, copy = tmp_path / "out", tmp_path / "copy"
    child = start("run", config, "--out", out)
    wait_for_answers(server, child, 60)
    child.send_signal(signal.SIGSTOP)  # a copy of a file that is being written may hold anything
    shutil.copytree(out, copy)
    child.send_signal(signal.SIGKILL)
    end(child)
    assert (copy / "run.sqlite-wal").stat().st_size > 0
    for run in (copy, out):
        assert gra("verify", run).exit_code == 0
        assert gra("resume", run).exit_code == 0
        assert dataset(run) == dataset(calm)
