"""What candidates are about, by number: shares met at every length, passages used evenly."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gra.records import Passage
from gra.synthesis.topics import ANY, Agenda, in_turn

SHARES = st.dictionaries(st.sampled_from("abcdefg"), st.floats(0.01, 10), min_size=1)


@given(SHARES, st.integers(0, 300), st.integers(0, 300))
def test_a_longer_list_begins_with_a_shorter_one(shares: dict[str, float], n: int, more: int) -> None:
    assert in_turn(shares, n + more)[:n] == in_turn(shares, n)
    assert len(in_turn(shares, n)) == n


@given(st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 40), min_size=1))
def test_shares_that_can_be_met_exactly_are(counts: dict[str, int]) -> None:
    assert Counter(in_turn({d: float(n) for d, n in counts.items()}, sum(counts.values()))) == counts


@given(SHARES, st.integers(1, 300))
def test_no_domain_is_far_from_its_share(shares: dict[str, float], n: int) -> None:
    found, whole = Counter(in_turn(shares, n)), sum(shares.values())
    # Webster's method may leave the quota by more than one, but with few domains never by as many as there are.
    assert all(abs(found[d] - n * share / whole) <= len(shares) for d, share in shares.items())


def test_a_domain_without_a_share_is_never_asked_for() -> None:
    assert in_turn({"a": 1.0, "b": 0.0}, 5) == ("a",) * 5
    assert in_turn({}, 5) == ()


def test_candidates_go_through_what_is_asked_for_over_and_over() -> None:
    agenda = Agenda(("a", "b", "a"))
    assert [agenda.domain(n) for n in range(7)] == ["a", "b", "a", "a", "b", "a", "a"]
    assert agenda.quotas(3) == {"a": 2, "b": 1}
    assert (Agenda().domain(4), Agenda().quotas(9)) == (ANY, {ANY: 9})


@given(st.integers(1, 30), st.integers(0, 70), st.integers(0, 5))
def test_every_passage_is_drawn_before_any_is_drawn_again(size: int, used: int, random_seed: int) -> None:
    passages = tuple(Passage(f"f:{n}", f"text {n}") for n in range(size))
    whole = Agenda((), passages, 0, random_seed)
    drawn = [whole.passage(n) for n in range(3 * size)]
    for turn in range(3):
        assert set(drawn[turn * size : (turn + 1) * size]) == set(passages)
    later = Agenda((), passages, used, random_seed)
    assert later.passage(0) == whole.passage(used), "a round goes on where those before it stopped"


def test_without_documents_there_is_no_passage() -> None:
    assert Agenda().passage(0) is None
