import gc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.errors import StoreError
from gra.postprocess import matrix
from gra.postprocess.matrix import Matrix


@pytest.fixture(autouse=True)
def pieces_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "PIECE", 4)


def counted(length: int, folder: Path | None = None) -> Matrix:
    """Row n is n, -n."""
    rows = Matrix(folder)
    for n in range(length):
        rows.append(np.array([n, -n], np.float32))
    return rows


@settings(deadline=None)
@given(st.integers(0, 14), st.data())
def test_rows_are_what_they_were_in_memory_and_on_disk(length: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "PIECE", 4)
        rows = counted(length)
        whole = np.array([[n, -n] for n in range(length)], np.float32).reshape(length, 2)
        assert len(rows) == length
        begin = data.draw(st.integers(0, length))
        end = data.draw(st.integers(begin, length))
        assert rows.rows(begin, end).tolist() == whole[begin:end].tolist()
        starts = [start for start, _ in rows.pieces(begin, end)]
        assert starts == list(range(begin, end, 4))
        assert [row for _, piece in rows.pieces(begin, end) for row in piece.tolist()] == whole[begin:end].tolist()
        if length:
            places = data.draw(st.lists(st.integers(0, length - 1), max_size=6))
            assert rows.take(places).tolist() == [[n, -n] for n in places]


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_the_folder_shows_no_file_and_no_file_stays_open(tmp_path: Path) -> None:
    before = open_files()
    rows = counted(20, tmp_path)
    assert open_files() == before + 1
    assert list(tmp_path.iterdir()) == []
    del rows
    gc.collect()
    assert open_files() == before


def test_few_rows_touch_no_disk(tmp_path: Path) -> None:
    assert len(counted(4, tmp_path / "missing")) == 4


def test_a_disk_that_takes_no_more_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r"cannot be written in .*missing: .*No such file.*Make room there, then resume"
    ):
        counted(5, tmp_path / "missing")
