from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gra.calls import Reply, Usage
from gra.store.kept_answers import KeptAnswers

REPLY = Reply("Yes \ud800", "length", {"yes": 0.1 + 0.2, "no": 1e-12}, Usage(12, 3, 1), 0.25)
FILE = "file:sha256:abc"


def test_what_is_kept_is_found_by_another_process_and_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    with KeptAnswers(tmp_path / "new" / "exams.sqlite") as one, KeptAnswers(tmp_path / "new" / "exams.sqlite") as other:
        assert one.find("exam-000", FILE, "sha256:1") is None
        one.keep("exam-000", FILE, "sha256:1", REPLY)
        assert other.find("exam-007", FILE, "sha256:1") == REPLY, "what was asked counts, not where"
        assert other.find("exam-000", FILE, "sha256:2") is None
        assert not one.problem


@pytest.mark.parametrize(
    ("sample", "identity"), [("r01-00000", FILE), ("exam-000", "api:qwen"), ("exam-000", "plugin:x")]
)
def test_only_exams_of_model_files_are_kept(tmp_path: Path, sample: str, identity: str) -> None:
    with KeptAnswers(tmp_path / "exams.sqlite") as kept:
        kept.keep(sample, identity, "sha256:1", REPLY)
        assert kept.find(sample, identity, "sha256:1") is None
        assert kept.find("exam-000", FILE, "sha256:1") is None


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE answers SET reply = replace(reply, '0.25', '0.75')",
        "UPDATE answers SET digest = 'sha256:2'",
        "UPDATE answers SET reply = 7",
        "UPDATE answers SET reply = x'00ff'",
    ],
)
def test_a_damaged_row_is_no_answer_and_is_written_again(tmp_path: Path, damage: str) -> None:
    reply = Reply("Yes", seconds=0.25)
    path = tmp_path / "exams.sqlite"
    with KeptAnswers(path) as kept:
        kept.keep("exam-000", FILE, "sha256:1", reply)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(damage)
    connection.close()
    with KeptAnswers(path) as kept:
        assert kept.find("exam-000", FILE, "sha256:1") is None
        assert kept.find("exam-000", FILE, "sha256:2") is None
        kept.keep("exam-000", FILE, "sha256:1", reply)
        assert kept.find("exam-000", FILE, "sha256:1") == reply


def test_a_broken_file_is_done_without_and_told(tmp_path: Path) -> None:
    path = tmp_path / "exams.sqlite"
    path.write_bytes(b"This is no database. " * 100)
    with KeptAnswers(path) as kept:
        kept.keep("exam-000", FILE, "sha256:1", REPLY)
        assert kept.find("exam-000", FILE, "sha256:1") is None
        assert "delete it" in kept.problem
    assert path.read_bytes().startswith(b"This is no database."), "nothing of it is destroyed"


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with KeptAnswers(tmp_path / "file" / "exams.sqlite") as kept:
        assert kept.find("exam-000", FILE, "sha256:1") is None
        assert kept.problem
