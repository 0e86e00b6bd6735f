"""What people say of samples, kept beside a run at work."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from store_builders import new_run, read_only, sample

from gra.errors import StoreError
from gra.store.verdicts import LONGEST_NOTE, put_verdict, verdicts, verdicts_file
from gra.store.writer import Writer


def test_the_last_verdict_counts_and_one_can_be_taken_back(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    assert verdicts(run) == {}
    put_verdict(run, sample(1), True)
    put_verdict(run, sample(2), True, "good")
    put_verdict(run, sample(1), False, "wrong: 2+2 is \u2028 4 \ud800")
    put_verdict(run, sample(2), None)
    found = verdicts(run)
    assert list(found) == ["r01-00001"]
    assert found["r01-00001"].accept is False
    assert found["r01-00001"].note == "wrong: 2+2 is \u2028 4 \\ud800"
    assert len(verdicts_file(run).read_text("utf-8").split("\n")) == 5


async def test_a_verdict_is_possible_while_a_process_works_on_the_run(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run):
        put_verdict(run, sample(1), True)
    assert verdicts(run)["r01-00001"].accept


def test_a_verdict_is_about_a_text(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    put_verdict(run, sample(1), True)
    verdict = verdicts(run)["r01-00001"]
    assert verdict.is_about(sample(1))
    assert not verdict.is_about(replace(sample(1), instruction="Another one."))
    assert not verdict.is_about(sample(2))


@pytest.mark.parametrize("torn", ['{"sample": "r01-00001", "acc', "\udcff", "[]", "{}", "null", "\n\n", "[" * 100_000])
def test_a_line_that_was_cut_short_costs_no_other(tmp_path: Path, torn: str) -> None:
    run = new_run(tmp_path)
    put_verdict(run, sample(1), True)
    with verdicts_file(run).open("ab") as file:
        file.write(torn.encode("utf-8", "surrogateescape"))
    put_verdict(run, sample(2), False)
    assert {id: verdict.accept for id, verdict in verdicts(run).items()} == {"r01-00001": True, "r01-00002": False}


def test_several_write_at_once(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    threads = [
        threading.Thread(target=lambda n=n: [put_verdict(run, sample(m), True, "x" * 3000) for m in range(n, n + 20)])
        for n in range(0, 80, 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = verdicts_file(run).read_text("utf-8").splitlines()
    assert sorted(json.loads(line)["sample"] for line in lines) == [sample(n).id for n in range(80)]


def test_a_note_has_a_longest_length(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    assert len(put_verdict(run, sample(1), True, "a" * 10 * LONGEST_NOTE).note) == LONGEST_NOTE


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with read_only(run.path), pytest.raises(StoreError, match=r"cannot write .*verdicts\.jsonl"):
        put_verdict(run, sample(1), True)
