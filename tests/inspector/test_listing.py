"""Lists: what is chosen, in which order, page by page."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cli_builders import CAST, HOSTILE, opinion, sample, version
from hypothesis import given
from hypothesis import strategies as st
from inspector_builders import sight_of

from gra.inspector.listing import SORTS, BadQuestion, Judged, Wanted, match, neighbours, page_of
from gra.inspector.pages import Sight
from gra.records import Sample, Status

SIZE = 7


def many() -> list[Sample]:
    """Samples of which many are alike in what they can be ordered by."""
    draw = random.Random(1)
    return [
        sample(
            n,
            draw.choice([Status.ACCEPTED, Status.REJECTED_RESPONSE]),
            score=float(draw.randint(0, 4)),
            domain=draw.choice(["Math", 'Coding\'s "x"']),
            versions=(version(response="word " * draw.randint(0, 3)),),
            cast=replace(CAST, generator=draw.choice(["a", "b"])),
        )
        for n in range(60)
    ]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sight]:
    with sight_of(tmp_path_factory.mktemp("list"), many()) as sight:
        yield sight


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("more", [{}, {"status": "accepted"}, {"q": "plus"}])
def test_pages_hold_every_sample_once_in_order_forwards_and_back(
    listed: Sight, sort: str, more: dict[str, str]
) -> None:
    column, direction = SORTS[sort]
    chosen = f"WHERE status = '{more['status']}'" if "status" in more else ""
    query = f"SELECT id FROM samples {chosen} ORDER BY {column} {direction}, n {direction}"
    expected = [id for (id,) in listed.index.rows(query)]
    wanted, found, page = Wanted(sort=sort, **more), list[str](), None
    while page is None or page.later:
        page = page_of(listed.index, replace(wanted, after=page.rows[-1]["key"]) if page else wanted, size=SIZE)
        found += [row["id"] for row in page.rows]
    assert found == expected
    assert page.count == len(expected)
    back = found[-len(page.rows) :]
    while page.earlier:
        page = page_of(listed.index, replace(wanted, before=page.rows[0]["key"]), size=SIZE)
        back = [row["id"] for row in page.rows] + back
    assert back == expected


@pytest.mark.parametrize("sort", SORTS)
def test_a_sample_knows_its_neighbours_in_the_list(listed: Sight, sort: str) -> None:
    wanted = Wanted(sort=sort, status="accepted")
    order = [row["id"] for row in page_of(listed.index, wanted, size=100).rows]
    for place, id in enumerate(order):
        before = order[place - 1] if place else ""
        behind = order[place + 1] if place + 1 < len(order) else ""
        assert neighbours(listed.index, wanted, Judged(), id) == (before, behind)


def test_filters_choose(listed: Sight) -> None:
    everything = many()

    def ids(**said: str) -> set[str]:
        return {row["id"] for row in page_of(listed.index, Wanted(**said), size=100).rows}

    assert ids(domain='Coding\'s "x"') == {s.id for s in everything if s.domain != "Math"}
    assert ids(least="1", most="2.5") == {s.id for s in everything if 1 <= s.score <= 2.5}
    assert ids(round="1") == {s.id for s in everything} and ids(round="2") == set()
    assert ids(domain="' OR 1=1 --") == set()
    assert page_of(listed.index, Wanted(), Judged(["r01-00001"], ["r01-00002"])).count == 60
    judged = Judged(["r01-00001"], ["r01-00002"])
    counts = {
        said: page_of(listed.index, Wanted(person=said), judged).count
        for said in ("accepted", "rejected", "judged", "open")
    }
    assert counts == {"accepted": 1, "rejected": 1, "judged": 2, "open": 58}


def test_reviews_choose(tmp_path: Path) -> None:
    samples = [
        sample(0),
        sample(1, versions=(version(outcome="dispute", ruled=True),)),
        sample(2, versions=(version(), version(1))),
    ]
    with sight_of(tmp_path, samples) as sight:
        for stance, expected in (("disputed", [1]), ("ruled", [1]), ("revised", [2]), ("split", [])):
            found = [row["id"] for row in page_of(sight.index, Wanted(stance=stance)).rows]
            assert found == [samples[n].id for n in expected], stance


def test_search_finds_words_phrases_and_beginnings(tmp_path: Path) -> None:
    said = replace(version(), opinions=(opinion("one", comment="Mentions a zebra."),))
    samples = [
        sample(0, instruction="Name a fruit that is red.", versions=(version(response="An apple."),)),
        sample(1, instruction="Name a red car.", keywords=("vehicle",), versions=(said,)),
        sample(2, instruction="Caf\u00e9 au lait?"),
        sample(3, instruction=HOSTILE),
    ]
    with sight_of(tmp_path, samples) as sight:

        def found(q: str) -> list[int]:
            return [int(row["id"][-1]) for row in page_of(sight.index, Wanted(q=q)).rows]

        assert found("red -markup") == [0, 1]
        assert found("RED car") == [1]
        assert found('"a red"') == [1]
        assert found("app*") == [0]
        assert found("red -fruit -bold") == [1]
        assert found("zebra") == [1]
        assert found("vehicle") == [1]
        assert found("cafe") == [2]
        assert found("owned") == [3]
        assert found("red AND OR NOT (") == []


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_question_or_is_said_to_be_none(listed: Sight, words: str) -> None:
    try:
        page_of(listed.index, Wanted(q=words or "x"))
    except BadQuestion as error:
        assert "word to look for" in str(error)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"sort": "x"}, "no order `x`"),
        ({"stance": "x"}, "no kind of review `x`"),
        ({"person": "x"}, "no verdict of a person `x`"),
        ({"least": "much"}, "`much` is no lowest score"),
        ({"most": "nan"}, "no highest score"),
        ({"round": "1e999"}, "no round"),
        ({"after": "no-key"}, "no place"),
        ({"after": "1:inf"}, "no place"),
        ({"q": "-word"}, "a word to look for"),
        ({"q": "***"}, "a word to look for"),
    ],
)
def test_what_cannot_be_understood_is_said(listed: Sight, said: dict[str, str], problem: str) -> None:
    with pytest.raises(BadQuestion, match=problem):
        page_of(listed.index, Wanted(**said))


def test_what_is_asked_comes_from_the_address_and_goes_back() -> None:
    wanted = Wanted.read({"q": " red ", "status": "accepted", "after": "1:2", "other": "x"})
    assert wanted.query() == {"q": "red", "status": "accepted"}
    assert wanted.query(sort="best", after="3:4") == {"q": "red", "status": "accepted", "sort": "best", "after": "3:4"}
    assert wanted.narrowed and not Wanted(sort="best", after="1:2").narrowed


def test_quotes_are_no_way_out() -> None:
    assert match('a"b') == '"a b"'
    assert match('"a" OR "b') == '"a" AND "OR" AND " b"'
