"""What is awaited is stored, together or not at all, and a failure ends the run."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_builders import call, entry, new_run, reply, request, sample

from gra.errors import StoreError
from gra.records import Status
from gra.store.ledger import Ledger
from gra.store.reader import Reader
from gra.store.verify import verify
from gra.store.writer import Writer


async def test_many_coroutines_commit_at_once(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        await asyncio.gather(
            *(writer.commit_call(call(n), f"sha256:{n}", request(str(n)), reply(str(n))) for n in range(500))
        )
        with Ledger(writer) as ledger:
            found = [ledger.find(call(n), f"sha256:{n}") for n in range(500)]
    assert found == [reply(str(n)) for n in range(500)]
    assert verify(run) == []


async def test_what_was_awaited_is_seen_by_another_connection_at_once(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        with Reader(run) as reader:
            await writer.put_sample(sample(0))
            assert reader.sample("r01-00000") == sample(0)


async def test_a_round_is_closed_as_a_whole(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        await writer.put_pool([entry("seed-0"), entry("seed-1")])
        await writer.open_round(1, target=2)
        for index in range(3):
            await writer.put_sample(sample(index))
        await writer.close_round(
            1,
            [sample(0), sample(1, Status.DUPLICATE)],
            [entry("r01-00000", 1), entry("r01-00002", 1)],
            {"threshold": 0.9},
        )
    with Reader(run) as reader:
        (closed,) = reader.rounds()
        assert (closed.target, closed.accepted, closed.candidates, closed.state) == (2, 2, 3, "closed")
        assert closed.detail == {"threshold": 0.9}
        assert [member.id for member in reader.pool()] == ["seed-0", "seed-1", "r01-00000", "r01-00002"]
    assert verify(run) == []


async def test_a_round_that_cannot_be_closed_leaves_nothing_of_itself(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        await writer.open_round(1, target=1)
        await writer.close_round(1, [sample(0)], [entry("r01-00000", 1)], {})
    with pytest.raises(StoreError, match="round 1 is not open"):
        async with Writer(run) as writer:
            await writer.close_round(1, [sample(1)], [entry("r01-00001", 1)], {})
    with Reader(run) as reader:
        assert list(reader.iter_samples()) == [sample(0)]
        assert [member.id for member in reader.pool()] == ["r01-00000"]


async def test_what_is_put_twice_is_there_once(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        for _ in range(2):
            await writer.put_pool([entry("seed-0"), entry("seed-1")])
            await writer.open_round(1, target=2)
        await writer.put_sample(sample(0))
        await writer.put_sample(sample(0, Status.SURPLUS))
        await writer.put_fact("exam", {"n": 1})
        await writer.put_fact("exam", {"n": 2, "text": "\ud800"})
    with Reader(run) as reader:
        assert [member.id for member in reader.pool()] == ["seed-0", "seed-1"]
        assert list(reader.iter_samples()) == [sample(0, Status.SURPLUS)]
        assert reader.fact("exam") == {"n": 2, "text": "\ud800"}
        assert reader.fact("bootstrap") is None


async def test_cancelling_who_waits_does_not_take_the_work_back(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        task = asyncio.create_task(writer.put_sample(sample(0)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    with Reader(run) as reader:
        assert reader.sample("r01-00000") == sample(0)


async def test_after_a_failure_everyone_who_waits_or_comes_later_hears_of_it(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with pytest.raises(StoreError, match=r"Nothing that was committed is lost.*gra resume .*run"):
        async with Writer(run) as writer:
            await writer.put_sample(sample(0))
            with closing(sqlite3.connect(run.database)) as vandal:
                vandal.execute("DROP TABLE samples")
            waiting = [asyncio.create_task(writer.put_fact(str(n), n)) for n in range(3)]
            waiting += [asyncio.create_task(writer.put_sample(sample(n))) for n in range(3)]
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert any(isinstance(error, StoreError) for error in ended)
            with pytest.raises(StoreError, match="no such table"):
                await writer.put_fact("later", 1)
            # Leaving without an error raises it once more: nobody can miss it.


async def test_an_error_in_the_body_is_not_hidden_by_closing(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with pytest.raises(ZeroDivisionError):
        async with Writer(run) as writer:
            await writer.put_sample(sample(0))
            raise ZeroDivisionError
    assert not run.database.with_name("run.sqlite-wal").exists()


async def test_a_value_that_is_not_json_fails_its_caller_alone(tmp_path: Path) -> None:
    async with Writer(new_run(tmp_path)) as writer:
        with pytest.raises(TypeError):
            await writer.put_fact("odd", object())
        await writer.put_fact("fine", 1)


async def test_a_clean_close_leaves_one_file(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        await writer.put_sample(sample(0))
    assert sorted(path.name for path in run.path.glob("run.sqlite*")) == ["run.sqlite"]


async def test_closing_waits_for_what_is_under_way(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        tasks = [asyncio.create_task(writer.put_sample(sample(n))) for n in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    with Reader(run) as reader:
        assert len(list(reader.iter_samples())) == 20


async def test_a_writer_that_is_not_open_says_so(tmp_path: Path) -> None:
    writer = Writer(new_run(tmp_path))
    with pytest.raises(StoreError, match="not open for writing"):
        await writer.put_sample(sample(0))
    async with writer:
        await writer.put_sample(sample(0))
    async with writer:
        await writer.put_sample(sample(1))
