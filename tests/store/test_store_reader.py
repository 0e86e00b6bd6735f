"""What a run says of itself, at work and at rest."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_builders import call, entry, new_run, read_only, reply, request, sample

from gra.calls import CallId
from gra.errors import Refused, StoreError
from gra.records import Sample, Status
from gra.store.reader import Reader, Total
from gra.store.run_dir import RunDir
from gra.store.writer import Writer


async def filled(folder: Path) -> RunDir:
    run = new_run(folder)
    async with Writer(run) as writer:
        await writer.put_pool([entry("seed-0")])
        await writer.open_round(1, target=300)
        for index in range(450, 0, -1):  # more than two pages, put in backwards
            await writer.put_sample(sample(index, Status.FAILED if index % 3 == 0 else Status.ACCEPTED))
        await writer.put_sample(sample(7, Status.UNUSABLE, round_number=2))
    return run


async def test_samples_come_in_order_and_by_choice(tmp_path: Path) -> None:
    with Reader(await filled(tmp_path)) as reader:
        everything = list(reader.iter_samples())
        failed = list(reader.iter_samples(Status.FAILED))
        second = list(reader.iter_samples(round=2))
        both = list(reader.iter_samples(Status.ACCEPTED, round=1))
    assert [(s.round, s.index) for s in everything] == [(1, n) for n in range(1, 451)] + [(2, 7)]
    assert [s.index for s in failed] == list(range(3, 451, 3))
    assert second == [sample(7, Status.UNUSABLE, round_number=2)]
    assert len(both) == 300


async def test_the_funnel_counts_every_sample_once(tmp_path: Path) -> None:
    with Reader(await filled(tmp_path)) as reader:
        funnel = reader.funnel()
        ended = reader.ids("r01-", 10)
    assert funnel.by_round == {1: {Status.ACCEPTED: 300, Status.FAILED: 150}, 2: {Status.UNUSABLE: 1}}
    assert funnel.by_status == {Status.ACCEPTED: 300, Status.FAILED: 150, Status.UNUSABLE: 1}
    assert (ended[:2], len(ended)) == (["r01-00001", "r01-00002"], 10)


async def test_what_has_ended_comes_in_order_without_what_is_owed(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        for index in range(450, 0, -1):
            status = (Status.FAILED, Status.PASSED, Status.UNUSABLE)[index % 3]
            await writer.put_sample(sample(index, status))
    with Reader(run) as reader:
        ended = list(reader.iter_ended(1))
        assert list(reader.iter_ended(2)) == []
    assert [e.index for e in ended] == [n for n in range(1, 451) if n % 3]
    assert [e.passed for e in ended if e.passed] == [sample(n, Status.PASSED) for n in range(1, 451, 3)]


async def test_the_pool_is_read_entry_by_entry(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        await writer.put_pool([entry(f"seed-{n}") for n in range(5)])
        with Reader(run) as reader:
            entries = reader.entries()
            await writer.put_pool([entry("r01-00000", 1)])
            assert list(entries) == [entry(f"seed-{n}") for n in range(5)], "it is as it was when it was asked for"
            assert entries[1:3] == [entry("seed-1"), entry("seed-2")]
            assert reader.entry("r01-00000") == entry("r01-00000", 1)
            assert reader.entry("r01-00001") is None


async def test_what_is_not_there(tmp_path: Path) -> None:
    with Reader(new_run(tmp_path)) as reader:
        assert reader.sample("r01-00000") is None
        assert reader.calls_of("r01-00000") == []
        assert (reader.pool(), reader.rounds(), list(reader.iter_samples())) == ([], [], [])
        assert reader.funnel().by_status == {}
        assert reader.totals().all == Total()


async def test_calls_add_up_by_model_and_task(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        for number in range(4):
            model = "one" if number % 2 else "two"
            step = "keywords" if number < 2 else f"v{number}.review.response"
            await writer.commit_call(call(number, step), "sha256:1", request(model=model), reply())
        await writer.commit_call(call(9, "keywords"), "sha256:1", request(model="one"), Refused("no"))
    with Reader(run) as reader:
        totals = reader.totals()
    assert totals.all == Total(5, 1, 40, 16, 8, 1.0)
    assert totals.by_model() == {"one": Total(3, 1, 20, 8, 4, 0.5), "two": Total(2, 0, 20, 8, 4, 0.5)}
    assert totals.by_task() == {"keywords": Total(3, 1, 20, 8, 4, 0.5), "review": Total(2, 0, 20, 8, 4, 0.5)}


async def test_the_calls_of_a_sample_come_in_the_order_of_their_answers(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        for step in ("keywords", "instruction", "v0.response", "a"):
            await writer.commit_call(CallId("r01-00000", step), "sha256:1", request(step), reply(step))
        await writer.commit_call(call(1), "sha256:1", request(), reply())
        await writer.commit_call(CallId("r01-00000", "b"), "sha256:1", request("b"), Refused("too long"))
    with Reader(run) as reader:
        *answered, refused = reader.calls_of("r01-00000")
    assert [stored.call.step for stored in answered] == ["keywords", "instruction", "v0.response", "a"]
    assert [(stored.request, stored.answer) for stored in answered] == [
        (request(step), reply(step)) for step in ("keywords", "instruction", "v0.response", "a")
    ]
    assert isinstance(refused.answer, Refused)
    assert refused.prompt == "p 1" and refused.finished_at.endswith("+00:00")


async def test_no_question_reads_the_whole_run(tmp_path: Path) -> None:
    run = await filled(tmp_path)
    asked: list[str] = []
    with Reader(run) as reader, closing(sqlite3.connect(run.database)) as planner:
        reader._connection.set_trace_callback(asked.append)
        list(reader.iter_samples()), list(reader.iter_samples(Status.FAILED)), list(reader.iter_samples(round=1))
        (
            list(reader.iter_samples(Status.FAILED, 1)),
            reader.ids("r01", 5),
            reader.sample("r01-00001"),
            reader.calls_of("x"),
        )
        reader.pool(), reader.fact("x")
        plans = {query: [row[3] for row in planner.execute(f"EXPLAIN QUERY PLAN {query}")] for query in asked}
    assert len(plans) >= 10
    for query, steps in plans.items():
        by_index = steps[0].startswith("SEARCH")
        in_order = steps[1:] == [] or "FROM calls" in query  # a sample's few calls are sorted
        assert by_index and in_order, (query, steps)


async def test_a_reader_changes_nothing(tmp_path: Path) -> None:
    run = await filled(tmp_path)
    before = run.database.read_bytes()
    with Reader(run) as reader:
        assert reader.funnel().by_status
    assert run.database.read_bytes() == before


async def test_a_finished_run_in_a_read_only_folder(tmp_path: Path) -> None:
    run = await filled(tmp_path)
    with read_only(run.path):
        with Reader(run) as reader:
            assert len(list(reader.iter_samples())) == 451
        with pytest.raises(StoreError, match=r"cannot write in the run folder"):
            async with Writer(run):
                pass


async def test_an_unfinished_run_in_a_read_only_folder_is_not_shown_in_part(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    copy = RunDir(tmp_path / "copy", run.document)
    async with Writer(run) as writer:
        await writer.put_sample(sample(0))
        shutil.copytree(run.path, copy.path, ignore=shutil.ignore_patterns("*-shm"))
    with read_only(copy.path), pytest.raises(StoreError, match=r"not closed in good order.*Copy the whole folder"):
        Reader(copy)
    with Reader(copy) as reader:  # with write permission the log is read, too
        assert list(reader.iter_samples()) == [sample(0)]


async def test_a_row_that_cannot_be_read_is_a_store_error(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        await writer.put_sample(Sample("r01-00000", 1, 0, "Math", sample(0).cast, instruction="\ud800"))
        await writer.put_sample(sample(1))
    with closing(sqlite3.connect(run.database, isolation_level=None)) as vandal:
        vandal.execute("UPDATE samples SET body = substr(body, 1, 20)")
    with Reader(run) as reader:
        for id in ("r01-00000", "r01-00001"):
            with pytest.raises(StoreError, match=r"damaged.*gra verify"):
                reader.sample(id)
