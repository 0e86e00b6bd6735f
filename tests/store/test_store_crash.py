"""Killed, cut, full, locked: what was acknowledged is there, and a person is told."""

import asyncio
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from store_builders import call, mount, new_run, reply, request, sample

from gra.errors import StoreError
from gra.store.database import sqlite_boundary
from gra.store.ledger import Ledger
from gra.store.reader import Reader
from gra.store.run_dir import RunDir, open_run
from gra.store.verify import verify
from gra.store.writer import Writer

HERE = Path(__file__).parent
CHILD = """
import asyncio, os, sys
from pathlib import Path
from store_builders import call, reply, request
from gra.store.run_dir import open_run
from gra.store.writer import Writer

async def main():
    base = int(sys.argv[2])
    async with Writer(open_run(Path(sys.argv[1]))) as writer:
        os.write(1, b"ready\\n")
        async def work(lane):
            for number in range(lane, 10**9, 16):
                text = f"{base} {number} " * 50
                await writer.commit_call(call(number, f"s{base}"), f"sha256:{number}", request(text), reply(text))
                os.write(1, f"{number}\\n".encode())
        await asyncio.gather(*map(work, range(16)))

asyncio.run(main())
"""


def child(run: RunDir, base: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(run.path), str(base)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=HERE,
    )


async def test_what_was_acknowledged_survives_being_killed(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    moments = random.Random(7)
    acknowledged: dict[int, list[int]] = {}
    for base in range(20):
        with child(run, base) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            await asyncio.sleep(moments.uniform(0, 0.25))
            process.kill()
            lines, _ = process.communicate()
        assert process.returncode == -signal.SIGKILL
        acknowledged[base] = [int(line) for line in lines.splitlines()]
    assert verify(run) == []
    async with Writer(run) as writer:
        with Ledger(writer) as ledger:
            for base, numbers in acknowledged.items():
                for number in numbers:
                    found = ledger.find(call(number, f"s{base}"), f"sha256:{number}")
                    assert found == reply(f"{base} {number} " * 50)
    assert sum(map(len, acknowledged.values())) > 20
    assert verify(run) == []


def test_a_reader_sees_a_run_whose_writer_was_killed(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with child(run, 0) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(10)]
        process.kill()
        process.communicate()
    with Reader(run) as reader:
        assert reader.totals().all.calls >= len(lines) - 1


async def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with child(run, 0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(
            StoreError, match=rf"another process \(pid {process.pid}, since 20.* UTC\) is working on this run"
        ):
            async with Writer(run):
                pass
        with Reader(run) as reader:  # readers are not held up
            assert reader.rounds() == []
        process.kill()
        process.communicate()
    async with Writer(run):
        pass


async def test_two_writers_in_one_process_neither(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run):
        with pytest.raises(StoreError, match="is working on this run"):
            async with Writer(run):
                pass


@pytest.mark.parametrize("size", [0, 50, 5000, 30_000])
async def test_a_database_that_was_cut(tmp_path: Path, size: int) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        for index in range(200):
            await writer.put_sample(sample(index))
    with run.database.open("r+b") as file:
        file.truncate(size)
    with pytest.raises(StoreError, match=r"run\.sqlite"):
        Reader(open_run(run.path))
    with pytest.raises(StoreError, match=r"run\.sqlite"):
        verify(run)
    with pytest.raises(StoreError, match=r"run\.sqlite"):
        async with Writer(run):
            pass
    assert run.database.stat().st_size == size


async def test_a_database_that_is_gone(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.database.unlink()
    with pytest.raises(StoreError, match="is missing"):
        Reader(run)
    with pytest.raises(StoreError, match="is missing"):
        async with Writer(run):
            pass
    assert not run.database.exists()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system with room for less than a megabyte."""
    mount("-t", "tmpfs", "-o", "size=800k", "gra-test", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: a full disk that takes no privilege."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def fill(run: RunDir) -> int:
    """Commit calls until that fails; say how many were acknowledged."""
    number = 0
    with pytest.raises(StoreError, match=r"cannot write .*Nothing that was committed is lost.*free space"):
        async with Writer(run) as writer:
            while True:
                await writer.commit_call(call(number), f"sha256:{number}", request(str(number)), reply("x" * 3000))
                number += 1
    return number


async def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path):
        run = new_run(tmp_path)
        acknowledged = await fill(run)
        with Reader(run) as reader:
            assert reader.totals().all.calls == acknowledged > 10
        assert verify(run) == []
        subprocess.run(["mount", "-o", "remount,size=4m", str(tmp_path)], check=True)
        await goes_on(run, acknowledged)


def without_room(folder: Path) -> Path:
    """Leave none on a disk; gives the file that takes it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))
    return filler


async def test_a_run_on_a_full_disk_is_read_or_it_is_said_that_the_disk_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path):
        run = new_run(tmp_path)
        log = run.database.with_name("run.sqlite-wal")
        async with Writer(run) as writer:
            await writer.commit_call(call(), "sha256:0", request(), reply())
            killed = {path: path.read_bytes() for path in (run.database, log)}
        filler = without_room(tmp_path)
        with Reader(run) as reader:
            assert reader.totals().all.calls == 1, "all of it is in the main file"
        filler.unlink()
        for path, content in killed.items():  # part of the truth is in the log
            path.write_bytes(content)
        without_room(tmp_path)
        with pytest.raises(StoreError, match=r"is full .*Nothing is damaged"):
            Reader(run)


def test_sqlite_itself_may_say_that_there_is_no_room(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "small.sqlite")) as small:
        small.execute("PRAGMA max_page_count = 2")
        with pytest.raises(StoreError, match=r"is full \(database or disk is full\)"), sqlite_boundary(tmp_path / "x"):
            small.executescript("CREATE TABLE a (b); CREATE TABLE c (d); CREATE TABLE e (f);")


async def test_a_file_that_may_not_grow_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with file_limit(600_000):
        acknowledged = await fill(run)
    assert acknowledged > 10
    assert verify(run) == []
    await goes_on(run, acknowledged)


async def goes_on(run: RunDir, acknowledged: int) -> None:
    async with Writer(run) as writer:
        with Ledger(writer) as ledger:
            for number in range(acknowledged):
                assert ledger.find(call(number), f"sha256:{number}") == reply("x" * 3000)
            await ledger.commit(call(acknowledged), "sha256:last", request(), reply("x" * 3000))
    assert verify(run) == []
