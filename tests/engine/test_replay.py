"""A run is made again from its ledger alone, to the last byte; or the answer that is missing is named."""

import asyncio
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fake_pool import fake_models, make_config
from test_engine_crash import start

from gra.engine.replay import replay
from gra.engine.run import Ending, synthesise
from gra.errors import StoreError
from gra.events import Event, PhaseStarted, RoundClosed
from gra.export import write_dataset
from gra.records import Status
from gra.report.opening import config_of
from gra.report.replayed import compare
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer


async def made(folder: Path, models: Sequence[FakeModel] = (), **changes: Any) -> Ending:
    """A run in `folder`, whose server is gone when this returns, and its seed file with it."""
    async with FakeServer(models or fake_models()) as server:
        ending = await asyncio.wait_for(
            synthesise(make_config(folder, server.base_url, **changes), folder / "run"), 120
        )
    (folder / "seeds.json").unlink()
    return ending


async def replayed(folder: Path) -> Ending:
    run = open_run(folder / "run")
    return await replay(run, config_of(run), folder / "again")


def same(folder: Path) -> None:
    """Fails if the replay is not the run."""
    with Reader(open_run(folder / "run")) as first, Reader(open_run(folder / "again")) as second:
        found = compare(first, second)
        assert found.equal, found.parts_at
        assert found.samples
        files = [write_dataset(reader)[0].read_bytes() for reader in (first, second)]
        pools = [reader.pool() for reader in (first, second)]
        facts = [[reader.fact(key) for key in ("exam", "models", "readings", "asked")] for reader in (first, second)]
    assert files[0] == files[1] and pools[0] == pools[1] and facts[0] == facts[1]
    assert verify(open_run(folder / "again")) == []


def delete(folder: Path, where: str) -> tuple[str, str]:
    """Remove one call by hand; its sample and step."""
    with closing(sqlite3.connect(folder / "run" / "run.sqlite")) as connection, connection:
        row = connection.execute(f"SELECT id, sample, step FROM calls WHERE {where} LIMIT 1").fetchone()
        connection.execute("DELETE FROM calls WHERE id = ?", row[:1])
    return row[1], row[2]


async def test_several_rounds_without_a_server_or_a_seed_file(tmp_path: Path) -> None:
    assert (await made(tmp_path, target=9, rounds=3)).complete
    assert (await replayed(tmp_path)).complete
    same(tmp_path)
    with Reader(open_run(tmp_path / "again")) as reader:
        assert [round.state for round in reader.rounds()] == ["closed"] * 3


async def test_opinions_that_were_written(tmp_path: Path) -> None:
    lenient = fake_models(leniency=6.0)
    assert (await made(tmp_path, lenient, reading="written", gate={"type": "paper", "tau": 5.0})).complete
    assert (await replayed(tmp_path)).complete
    same(tmp_path)


async def test_a_refinement(tmp_path: Path) -> None:
    assert (await made(tmp_path, task="refine", target=None, rounds=1)).complete
    assert (await replayed(tmp_path)).complete
    same(tmp_path)


async def test_documents_are_kept_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for n in range(4):
        text = f"Chapter {n}. " + "The lamp stands in the window of the engine house by the river. " * 8
        (tmp_path / "texts" / f"{n}.txt").write_text(text)
    assert (await made(tmp_path, documents=str(tmp_path / "texts"), rounds=2)).complete
    for file in (tmp_path / "texts").iterdir():
        file.unlink()
    await replayed(tmp_path)
    same(tmp_path)


@pytest.mark.parametrize(
    "budget", [{"calls": 1400}, {"tokens": 400_000}, {"candidates_per_accepted": 1.2}], ids=lambda b: next(iter(b))
)
async def test_a_run_that_stayed_short_ends_where_it_ended(tmp_path: Path, budget: dict[str, float]) -> None:
    ending = await made(tmp_path, target=40, rounds=2, budget=budget, engine={"concurrency": 6})
    assert not ending.complete and ending.accepted
    again = await replayed(tmp_path)
    assert (again.accepted, again.statement) == (ending.accepted, ending.statement)
    same(tmp_path)


async def test_what_servers_refused_or_failed_stays_so(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:

        def listen(event: Event) -> None:
            if isinstance(event, PhaseStarted) and event.phase == "round":
                server.next_faults.extend([*["ok"] * 12, "400", *["ok"] * 12, "500"] * 6)

        engine = {"retries": 0, "give_up_after": 100}
        config = make_config(tmp_path, server.base_url, target=10, engine=engine)
        await synthesise(config, tmp_path / "run", listen)
    with Reader(open_run(tmp_path / "run")) as reader:
        assert reader.totals().all.refused and reader.funnel().by_status[Status.FAILED]
    await replayed(tmp_path)
    same(tmp_path)


FORGETFUL = """
class Forgetful:
    def __init__(self, config): pass
    async def embed(self, texts):
        if any(sum(map(ord, text)) % 4 == 0 for text in texts if not text.startswith("Write number")):
            raise RuntimeError("no vector today")
        return [[1.0 + text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
"""
"""Gives the seeds vectors, and three in four other texts."""


async def test_what_an_embedding_model_failed_stays_so(tmp_path: Path) -> None:
    (tmp_path / "forgetful.py").write_text(FORGETFUL)
    embeddings = {"base_url": None, "model": None, "backend": {"use": "forgetful.py:Forgetful"}}
    engine = {"give_up_after": 100}
    assert (await made(tmp_path, target=10, embeddings=embeddings, dedup_below=1.0, engine=engine)).complete
    with Reader(open_run(tmp_path / "run")) as reader:
        lost = [(sample.id, sample.reason) for sample in reader.iter_samples(Status.FAILED)]
    assert lost and all("no vector today" in reason for _, reason in lost)
    assert (await replayed(tmp_path)).complete
    same(tmp_path)
    with Reader(open_run(tmp_path / "again")) as reader:
        again = [(sample.id, sample.reason) for sample in reader.iter_samples(Status.FAILED)]
    assert again and set(again) <= set(lost)  # what ran ahead of the round's end is not begun again


async def test_a_call_that_is_missing_is_named(tmp_path: Path) -> None:
    await made(tmp_path)
    sample, step = delete(tmp_path, "task = 'review' AND sample = 'r01-00001'")
    with pytest.raises(StoreError, match=f"beyond `{step}` of {sample}: its ledger has no answer there"):
        await replayed(tmp_path)


async def test_an_edited_answer_shows_at_the_next_question(tmp_path: Path) -> None:
    await made(tmp_path)
    with closing(sqlite3.connect(tmp_path / "run" / "run.sqlite")) as connection, connection:
        connection.execute(
            "UPDATE calls SET reply = (SELECT reply FROM calls WHERE sample = 'r01-00001' AND task = 'instruction') "
            "WHERE sample = 'r01-00000' AND task = 'instruction'"
        )
    assert [f.row.split()[:2] for f in verify(open_run(tmp_path / "run"))] == [["r01-00000", "instruction"]]
    with pytest.raises(StoreError, match="of r01-00000: its ledger has an answer there, but to another question"):
        await replayed(tmp_path)


async def test_an_embedding_that_is_missing_is_told(tmp_path: Path) -> None:
    await made(tmp_path)
    with closing(sqlite3.connect(tmp_path / "run" / "run.sqlite")) as connection, connection:
        connection.execute("DELETE FROM vectors WHERE id = (SELECT min(id) FROM vectors)")
    with pytest.raises(StoreError, match="1 embeddings that it needs are missing"):
        await replayed(tmp_path)


async def test_a_run_that_was_killed_and_resumed(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), latency_s=0.002) as server:
        make_config(tmp_path, server.base_url)
        for stop in (60, 200, 10**9):
            child = await start(tmp_path)
            while child.returncode is None and sum(server.requests.values()) < stop:
                await asyncio.sleep(0.002)
            if child.returncode is None:
                child.send_signal(signal.SIGKILL)
            await child.wait()
    assert child.returncode == 0
    assert (await replayed(tmp_path)).complete
    same(tmp_path)


async def test_of_an_unfinished_run_the_closed_rounds(tmp_path: Path) -> None:
    async with FakeServer(fake_models(), latency_s=0.002) as server:
        config = make_config(tmp_path, server.base_url, target=12, rounds=3)

        class Enough(Exception):
            pass

        def listen(event: Event) -> None:
            if isinstance(event, PhaseStarted) and event.detail == "3 of 3":
                raise Enough

        with pytest.raises(Enough):
            await synthesise(config, tmp_path / "run", listen)
    ending = await replayed(tmp_path)
    assert (ending.accepted, ending.statement) == (8, "the run that is replayed has not finished this round")
    same_accepted(tmp_path)


async def test_of_a_run_that_was_killed_between_two_rounds_the_closed_ones(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def listen(event: Event) -> None:
        if isinstance(event, RoundClosed):
            raise Killed

    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, target=12, rounds=3)
        with pytest.raises(Killed):
            await synthesise(config, tmp_path / "run", listen)
    with Reader(open_run(tmp_path / "run")) as reader:
        assert [round.state for round in reader.rounds()] == ["closed"]
    ending = await replayed(tmp_path)
    assert (ending.accepted, ending.statement) == (4, "the run that is replayed has not begun this round")
    same_accepted(tmp_path)


def same_accepted(folder: Path) -> None:
    with Reader(open_run(folder / "run")) as first, Reader(open_run(folder / "again")) as second:
        assert compare(first, second).equal


async def test_where_datasets_part_is_said(tmp_path: Path) -> None:
    await made(tmp_path)
    await replayed(tmp_path)
    with closing(sqlite3.connect(tmp_path / "again" / "run.sqlite")) as connection, connection:
        (second,) = connection.execute(
            "SELECT id FROM samples WHERE status = 'accepted' ORDER BY 1 LIMIT 1, 1"
        ).fetchone()
        connection.execute(
            "UPDATE samples SET body = replace(body, 'Here', 'There'), status = 'surplus' WHERE id = ?", (second,)
        )
    with Reader(open_run(tmp_path / "run")) as first, Reader(open_run(tmp_path / "again")) as other:
        assert compare(first, other).parts_at.startswith(f"sample 2 is {second} in the original")


async def test_nothing_is_written_over(tmp_path: Path) -> None:
    await made(tmp_path)
    await replayed(tmp_path)
    with pytest.raises(StoreError, match="is there already"):
        await replayed(tmp_path)
