"""What goes into a column comes out the same, whatever a model wrote."""

import math
import sqlite3
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.calls import CallId, Message, Reply, Request, Sampling, Usage
from gra.errors import Refused
from gra.records import Cast, Entry, Opinion, Ruling, Sample, Status, Verdict, Version
from gra.store import codec, rows
from gra.store.migrations import migrate

TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # with lone surrogates, NUL and all
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
SMALL = st.integers(0, 2**31)
CAST = st.builds(Cast, TEXT, st.lists(TEXT, max_size=3).map(tuple), TEXT)
OPINION = st.builds(
    Opinion,
    TEXT,
    st.sampled_from(["instruction", "response"]),
    st.sampled_from(["written", "probability"]),
    st.dictionaries(TEXT, FLOAT, max_size=3),
    TEXT,
    FLOAT,
    TEXT,
)
VERDICT = st.builds(
    Verdict,
    st.sampled_from(["accept", "reject", "dispute"]),
    FLOAT,
    FLOAT,
    TEXT,
    st.dictionaries(TEXT, FLOAT, max_size=2),
)
OPINIONS = st.lists(OPINION, max_size=2).map(tuple)
VERSION = st.builds(
    Version, SMALL, TEXT, CAST, OPINIONS, st.none() | VERDICT, st.none() | st.builds(Ruling, OPINION, VERDICT)
)
SAMPLE = st.builds(
    Sample,
    id=st.just("r01-00001"),
    round=SMALL,
    index=SMALL,
    domain=TEXT,
    cast=CAST,
    examples=st.lists(TEXT, max_size=2).map(tuple),
    keywords=st.lists(TEXT, max_size=2).map(tuple),
    instruction=TEXT,
    opinions=OPINIONS,
    verdict=st.none() | VERDICT,
    versions=st.lists(VERSION, max_size=2).map(tuple),
    status=st.sampled_from(Status),
    reason=TEXT,
    score=FLOAT,
    summary=TEXT,
    duplicate_of=TEXT,
    similarity=st.none() | FLOAT,
)
ENTRY = st.builds(Entry, st.just("e"), SMALL, TEXT, st.lists(TEXT, max_size=3).map(tuple), TEXT, TEXT, TEXT)
REQUEST = st.builds(
    Request,
    TEXT,
    st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=3).map(tuple),
    st.builds(Sampling, FLOAT, FLOAT, SMALL, SMALL),
    st.none() | st.dictionaries(TEXT, st.none() | FLOAT | TEXT | st.lists(TEXT, max_size=2), max_size=2),
    st.lists(TEXT, max_size=2).map(tuple),
    TEXT,
    st.lists(TEXT, max_size=2).map(tuple),
)
REPLY = st.builds(
    Reply, TEXT, TEXT, st.dictionaries(TEXT, FLOAT, max_size=3), st.builds(Usage, SMALL, SMALL, SMALL), FLOAT
)


@pytest.fixture(scope="module")
def tables() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    yield connection
    connection.close()


@given(sample=SAMPLE)
def test_a_sample_comes_back_as_it_was(tables: sqlite3.Connection, sample: Sample) -> None:
    rows.put_sample(tables, sample)
    ((body,),) = tables.execute("SELECT body FROM samples").fetchall()
    assert rows.read_sample(body) == sample


@given(entry=ENTRY)
def test_a_pool_entry_comes_back_as_it_was(tables: sqlite3.Connection, entry: Entry) -> None:
    rows.append_entries(tables, [entry])
    ((body,),) = tables.execute("SELECT body FROM pool").fetchall()
    assert rows.read_entry(body) == entry


@given(request=REQUEST, answer=REPLY | TEXT.map(Refused), step=TEXT)
def test_a_call_comes_back_as_it_was(
    tables: sqlite3.Connection, request: Request, answer: rows.Answer, step: str
) -> None:
    call = CallId("s", step)
    tables.execute("DELETE FROM calls")
    rows.insert_call(tables, call, "sha256:0", request, answer, "now")
    found = rows.find_call(tables, call, "sha256:0")
    row = tables.execute(f"SELECT {rows.CALL_FIELDS}, request, reply FROM calls").fetchone()
    assert rows.read_call(row).request == request
    assert str(rows.read_call(row).answer) == str(answer)
    assert found == (None if isinstance(answer, Refused) else answer)


@given(TEXT, st.integers(0, 300))
def test_text_of_any_length_comes_back(text: str, times: int) -> None:
    assert codec.text_of(codec.compact(text * times)) == text * times
    assert codec.text_of(codec.readable(text)) == text


def test_two_surrogates_side_by_side_do_not_become_one_character() -> None:
    halves = "\ud83d" + "\ude00"
    assert codec.from_json(str, codec.text_of(codec.readable(codec.to_json(halves)))) == halves


def test_numbers_that_are_none_are_kept() -> None:
    back = codec.from_json(Reply, codec.to_json(Reply("", labels={"yes": math.inf}, seconds=math.nan)))
    assert back.labels == {"yes": math.inf}
    assert math.isnan(back.seconds)


def test_long_text_is_deflated_where_that_pays() -> None:
    prose = "a long prompt, again and again. " * 200
    column = codec.compact(prose)
    assert isinstance(column, bytes) and len(column) < len(prose)
    assert zlib.decompress(column).decode() == prose
    assert codec.compact("short") == "short"


@pytest.mark.parametrize("damaged", [b"", b"not deflated", zlib.compress(b"\xff"), None])
def test_damaged_columns_are_value_errors(damaged: bytes) -> None:
    with pytest.raises(ValueError):
        codec.text_of(damaged)


@pytest.mark.parametrize(
    ("step", "task"),
    [
        ("keywords", "keywords"),
        ("v0.review.response.qwen-1.5b.clarity", "review"),
        ("v12.ruling", "ruling"),
        ("v1", "v1"),
    ],
)
def test_the_task_of_a_step(step: str, task: str) -> None:
    assert rows.task_of(step) == task
