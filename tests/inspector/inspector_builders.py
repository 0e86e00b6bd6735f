"""Runs with their index, for the inspector's tests. A plugin of the tests that name it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cli_builders import build_run, one_of_each

from gra.inspector.indexing import Indexer
from gra.inspector.pages import Sight, looking
from gra.records import Sample
from gra.store.following import Following
from gra.store.reader import Reader
from gra.store.run_dir import open_run

Look = Callable[..., Sight]


def refresh(indexer: Indexer) -> None:
    """Index all that there is now, in this thread."""
    with closing(Reader(indexer.run)) as reader:
        assert indexer.refresh(reader, Following(reader))


@contextmanager
def indexed(folder: Path, file: Path) -> Iterator[Indexer]:
    """An index of a run as it is now. Nothing works in the background."""
    indexer = Indexer(open_run(folder), file)
    try:
        refresh(indexer)
        yield indexer
    finally:
        indexer.close()


@pytest.fixture
def sight(tmp_path: Path) -> Iterator[Sight]:
    """A run that holds a sample of each kind."""
    with indexed(build_run(tmp_path, one_of_each()), tmp_path / "index.sqlite") as indexer, looking(indexer) as looked:
        yield looked


@contextmanager
def sight_of(folder: Path, samples: list[Sample], closed: bool = True) -> Iterator[Sight]:
    """A run that holds these samples."""
    run = build_run(folder, samples, closed)
    with indexed(run, folder / "index.sqlite") as indexer, looking(indexer) as looked:
        yield looked
