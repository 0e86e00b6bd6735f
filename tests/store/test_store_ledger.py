"""A call is answered once; after that, the ledger answers."""

from pathlib import Path

import numpy as np
import pytest
from store_builders import call, new_run, reply, request

from gra.calls import CallId
from gra.errors import Refused
from gra.store.ledger import Ledger, embedded, shared_calls, text_digest
from gra.store.reader import Reader
from gra.store.writer import Writer


async def test_an_answer_is_found_under_its_whole_key_only(tmp_path: Path) -> None:
    async with Writer(new_run(tmp_path)) as writer:
        with Ledger(writer) as ledger:
            asked = CallId("r01-00000", "v0.review.response.one", 1)
            assert ledger.find(asked, "sha256:1") is None
            assert await ledger.commit(asked, "sha256:1", request(), reply()) == reply()
            assert ledger.find(asked, "sha256:1") == reply()
            for other in (CallId(asked.sample, asked.step, 0), CallId(asked.sample, "keywords", 1), call(1)):
                assert ledger.find(other, "sha256:1") is None
            assert ledger.find(asked, "sha256:2") is None


async def test_the_first_answer_counts(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        with Ledger(writer) as ledger:
            await ledger.commit(call(), "sha256:1", request(), reply("first"))
            assert await ledger.commit(call(), "sha256:1", request(), reply("second")) == reply("first")
    with Reader(run) as reader:
        assert reader.totals().all.calls == 1


async def test_another_runs_answer_is_found_but_is_not_ones_own(tmp_path: Path) -> None:
    earlier, later = new_run(tmp_path / "earlier"), new_run(tmp_path / "later")
    async with Writer(earlier) as writer:
        await writer.commit_call(call(), "sha256:1", request(), reply("first"))
        await writer.commit_call(call(1), "sha256:1", request(), Refused("prompt is too long"))
    async with Writer(later) as writer:
        with Ledger(writer, [earlier]) as ledger:
            assert ledger.find(call(), "sha256:1") is None
            assert ledger.find_elsewhere(call(), "sha256:1") == reply("first")
            assert ledger.find_elsewhere(call(), "sha256:2") is None, "another request"
            assert ledger.find_elsewhere(call(1), "sha256:1") is None, "a refusal is no answer"
            await ledger.commit(call(), "sha256:1", request(), reply("first"))
            await ledger.commit(call(2), "sha256:1", request(), reply("of its own"))
            assert ledger.find(call(), "sha256:1") == reply("first")
    assert (shared_calls(later, [earlier]), shared_calls(later, [])) == (1, 0)
    assert shared_calls(earlier, [later]) == 0, "who asked first did not share"


async def test_a_refusal_is_on_record_but_no_reply(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for _ in range(2):
        async with Writer(run) as writer:
            with Ledger(writer) as ledger:
                with pytest.raises(Refused, match="too long"):
                    await ledger.commit(call(), "sha256:1", request(), Refused("prompt is too long"))
                assert ledger.find(call(), "sha256:1") is None
    async with Writer(run) as writer:  # the server's context was raised in the meantime
        with Ledger(writer) as ledger:
            assert await ledger.commit(call(), "sha256:1", request(), reply("at last")) == reply("at last")
            assert ledger.find(call(), "sha256:1") == reply("at last")
    with Reader(run) as reader:
        assert (reader.totals().all.calls, reader.totals().all.refused) == (2, 1)


async def test_answers_outlive_the_process_that_got_them(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    long = reply("\ud800\x00 long " * 2000)
    async with Writer(run) as writer:
        await writer.commit_call(call(), "sha256:1", request("long " * 2000), long)
    async with Writer(run) as writer:
        with Ledger(writer) as ledger:
            assert ledger.find(call(), "sha256:1") == long


async def test_embeddings_come_back_bit_by_bit(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    digests = [text_digest("a"), text_digest("\ud800")]
    given = {digests[0]: [0.1, -0.2, 1 / 3], digests[1]: [1.0, 0.0, 1e-30]}
    async with Writer(run) as writer:
        with Ledger(writer) as ledger:
            first = await ledger.commit_vectors("minilm sha256:m", given)
            # What is known stays: a server that batches differently must not change an old decision.
            again = await ledger.commit_vectors("minilm sha256:m", {digests[0]: [9.0, 9.0, 9.0]})
            assert ledger.find_vectors("other", digests) == {}
    async with Writer(run) as writer:
        with Ledger(writer) as ledger:
            later = ledger.find_vectors("minilm sha256:m", [*digests, text_digest("b")])
    assert list(first) == list(later) == digests
    for digest in digests:
        assert first[digest].dtype == np.float32
        assert first[digest].tobytes() == later[digest].tobytes() == np.array(given[digest], np.float32).tobytes()
    assert again[digests[0]].tobytes() == first[digests[0]].tobytes()
    with Reader(run) as reader:
        read = reader.vectors(["a", "\ud800", "b"])
        assert reader.embedding_model() == "minilm sha256:m"
    assert read[0] is not None and read[1] is not None and read[2] is None
    assert [v.tobytes() for v in read[:2] if v is not None] == [first[d].tobytes() for d in digests]


async def test_a_long_text_is_found_by_what_of_it_was_embedded(tmp_path: Path) -> None:
    run, text = new_run(tmp_path), "long " * 1000
    with Reader(run) as reader:
        assert reader.embedding_model() == "" and reader.vectors([text]) == [None]
    async with Writer(run) as writer:
        await writer.put_vectors("minilm", {text_digest(embedded(text)): [1.0]})
    with Reader(run) as reader:
        (found,) = reader.vectors([text + "and another end"])
    assert found is not None and found.tolist() == [1.0]
