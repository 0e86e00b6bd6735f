"""What the report says of revisions, disputes and casting by merit."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gra.cli.views.merit_view import casting, disputes, revising, revisions
from gra.cli.views.parts import print_parts
from gra.records import SEED, Cast, Comparison, Opinion, Preference, Ruling, Sample, Verdict, Version
from gra.report.disputes import Disputes, DisputeSurvey
from gra.report.people import PeopleSurvey
from gra.report.revision_chapter import differing
from gra.report.revisions import LEAST, Place, Revisions, RevisionSurvey, Tries
from gra.store.reader import Total, Totals
from gra.synthesis.mending import Tried, worth

CAST = Cast("gen", ("ann", "ben"), "jud")


class Tokens:
    """Stands for a reader: tokens by step of every sample."""

    def __init__(self, **steps: int) -> None:
        self.steps = {name.replace("__", "."): n for name, n in steps.items()}

    def tokens_by_step(self, sample: str) -> Mapping[str, int]:
        return self.steps


def opinion(model: str, comment: str = "") -> Opinion:
    return Opinion(model, "response", "probability", {"correctness": 0.5}, comment)


def verdict(outcome: Any, score: float = 3.0, **votes: bool) -> Verdict:
    return Verdict(outcome, score, 0.0, "", dict.fromkeys(votes or ("ann", "ben"), 0.5), votes)


def first(score: float = 3.0, **changes: Any) -> Version:
    said = (opinion("ann", "It leaves out the most important point."), opinion("ben"))
    return Version(0, "old", CAST, said, verdict("reject", score), **changes)


def second(won: bool, passes: bool = True) -> Version:
    said = (Preference("ann", 1.0, 0.4 if won else -0.4, 0.2), Preference("ben", 1.0, failure="silent"))
    comparison = Comparison(0, said, 0.4 if won else -0.4, won)
    if not won:
        return Version(1, "new", CAST, comparison=comparison)
    return Version(1, "new", CAST, (opinion("ann"),), verdict("accept" if passes else "reject"), comparison=comparison)


def sample(*versions: Version) -> Sample:
    return Sample("r01-00000", 1, 0, "Math", CAST, instruction="x", versions=versions)


SPENT = Tokens(
    v0__review__response__ann__correctness=1000,
    v0__review__response__ann__comment=7,
    v1__response=20,
    v1__compare__ann__new_first=300,
    v1__review__response__ann__correctness=4000,
)


def surveyed(*samples: Sample, spent: Tokens = SPENT) -> Revisions:
    survey = RevisionSurvey()
    for one in samples:
        survey.add(one)
    return survey.revisions(spent)  # type: ignore[arg-type]


def test_a_revision_is_counted_by_what_it_came_to_and_what_it_cost() -> None:
    each = 7 + 20 + 300 + 4000
    found = surveyed(
        sample(first(), second(won=True)),
        sample(first(), second(won=True, passes=False)),
        sample(first(), second(won=False)),
        sample(first()),
    )
    assert found.all == Tries(3, 3, 2, 1, 3 * each)
    assert found.all.tokens_per_gained == 3 * each
    assert set(found.by_author) == {"ann"}, "ben said nothing"
    assert set(found.by_words) == {"under 8"} and set(found.by_score) == {"2.5 to 5"}
    assert found.places == (Place("ann", 3, pytest.approx(0.2), 0), Place("ben", 3, 0.0, 3))  # type: ignore[arg-type]


def test_a_comment_without_weight_is_not_what_was_followed() -> None:
    old = first()
    old = Version(0, "old", CAST, old.opinions, Verdict("reject", 8.0, 0.0, "", {"ann": 0.0, "ben": 1.0}))
    found = surveyed(sample(old, second(won=True)))
    assert set(found.by_author) == {"nobody"} and not found.by_words
    assert set(found.by_score) == {"7.5 or more"}


def test_comments_that_an_adjudicator_read_are_not_paid_for_twice() -> None:
    spent = Tokens(v0__adjudicate__jud__correctness=500, v0__review__response__ann__comment=7, v1__response=20)
    assert surveyed(sample(first(), second(won=False)), spent=spent).all.tokens == 20


def test_a_new_response_to_a_seed_follows_no_comment() -> None:
    own = Version(0, "old", Cast(SEED, ("ann",), ""), (opinion("ann", "It is short."),), verdict("accept"))
    assert set(surveyed(sample(own, second(won=False))).by_author) == {"nobody"}


def test_nothing_revised_is_nothing_told() -> None:
    found = surveyed(sample(first()))
    assert found == Revisions() and found.all.tokens_per_gained is None
    assert not list(revisions(found)) and not list(disputes(Disputes())) and not list(casting({}))


def disputed(ruled: str, failure: str = "", **votes: bool) -> Version:
    said = Opinion("jud", "response", "probability", {"c": 0.5}, failure=failure)
    dispute = verdict("dispute", **votes)
    return Version(0, "x", CAST, (opinion("ann"),), dispute, Ruling(said, verdict(ruled)))


def test_a_ruling_is_set_beside_what_most_reviewers_would_have_made_of_it() -> None:
    survey = DisputeSurvey()
    for version in (
        disputed("accept", ann=True, ben=True),
        disputed("accept", ann=False, ben=False),
        disputed("reject", ann=True, ben=True),
        disputed("reject", ann=True, ben=False),
        disputed("reject", "silent", ann=True),
        first(),
    ):
        survey.add(sample(version))
    totals = Totals({("jud", "adjudicate"): Total(4, 0, 900, 0, 100)})
    assert survey.disputes(totals) == Disputes(6, 5, 4, 1, 2, agreed=1, gained=1, lost=1, tied=1, tokens=1000)
    assert survey.disputes(totals).tokens_per_ruling == 200


def test_rulings_committee_and_reviewers_are_set_beside_people() -> None:
    survey = PeopleSurvey()
    for version, good in (
        (disputed("accept", ann=False, ben=False), True),
        (disputed("accept", ann=False, ben=False), False),
        (disputed("reject", ann=True, ben=False), False),
        (disputed("reject", "silent", ann=True), True),
        (first(), False),
    ):
        survey.add(sample(version), good)
    found = survey.found()
    rows = {(row.part, row.name): row for row in found.rows}
    assert (found.samples, found.kept) == (5, 2)
    assert [row.part for row in found.rows] == [
        "reviewer",
        "reviewer",
        "committee",
        "adjudicator",
        "all rulings",
        "the end",
    ]
    assert rows["adjudicator", "jud"].n == rows["all rulings", ""].n == 3, "one could not be read"
    assert rows["all rulings", ""].agreement[0] == pytest.approx(2 / 3)
    assert (rows["reviewer", "ann"].only_people, rows["reviewer", "ann"].both_keep) == (1, 1)
    assert (rows["committee", ""].n, rows["committee", ""].both_drop) == (1, 1), "disputes are not its verdict"
    assert rows["the end", ""].n == 5
    assert (found.overruled, found.rightly) == (2, 1)
    low, high = rows["all rulings", ""].agreement[1:]
    assert 0 < low < 0.3 and 0.9 < high < 1, "three samples say next to nothing"


def test_what_there_was_to_go_by_is_told_apart() -> None:
    ruled = first(ruling=Ruling(opinion("jud"), verdict("reject", 2.0)))
    found = surveyed(sample(first(), second(won=True)), sample(ruled, second(won=False)))
    assert set(found.by_say) == {"half to 0.9"}, "ann, who comments, has half of the say"
    assert {name: tries.gained for name, tries in found.by_ruler.items()} == {"jud": 0, "nobody": 1}
    assert not found.by_criterion, "of one criterion none is the lowest"
    low = replace(opinion("ann", "It is wrong."), scores={"clarity": 0.4, "relevance": 0.7})
    unheard = replace(opinion("ben"), scores={"clarity": 1.0, "relevance": 0.0})
    old = Version(0, "old", CAST, (low, unheard), Verdict("reject", 3.0, 0.0, "", {"ann": 1.0, "ben": 0.0}))
    assert set(surveyed(sample(old, second(won=True))).by_criterion) == {"clarity (of 2)"}, "ben has no say"
    more = replace(opinion("ben"), scores={"clarity": 0.9, "relevance": 0.8, "ethicality": 0.0})
    both = replace(old, opinions=(low, more), verdict=Verdict("reject", 3.0, 0.0, "", {"ann": 0.5, "ben": 0.5}))
    told = set(surveyed(sample(both, second(won=True))).by_criterion)
    assert told == {"clarity (of 2)"}, "ann was not asked about the third"


def test_a_few_revisions_are_no_share_and_no_difference() -> None:
    few = Revisions(Tries(LEAST + 3, gained=4), by_author={"ann": Tries(LEAST, gained=4), "ben": Tries(3)})
    assert few.by_author["ann"].share and few.by_author["ben"].share is None
    assert few.against_others("by_author", "ann") is None, "of the others there are too few"
    assert few.plain()["by_author"]["ben"]["share"] is None


@given(st.integers(8, 60), st.integers(8, 60), st.floats(0, 1), st.floats(0, 1))
def test_a_difference_turned_round_is_its_negative_and_lies_in_its_interval(
    n: int, m: int, one: float, other: float
) -> None:
    a, b = Tries(n, gained=int(one * n)), Tries(m, gained=int(other * m))
    found = Revisions(a + b, by_words={"under 8": a, "8 to 15": b})
    first, second = (found.against_others("by_words", key) for key in found.by_words)
    assert first and second and first.low <= first.value <= first.high
    assert (first.value, first.low) == pytest.approx((-second.value, -second.high))
    sure = not first.low <= 0 <= first.high
    assert len(list(differing(found))) == 2 * sure


def test_a_sure_difference_is_told_in_words_and_an_unsure_one_is_not() -> None:
    def told(gained: int) -> str:
        groups = {"ann": Tries(60, 60, 50, 30, 900), "ben": Tries(60, 60, 50, gained, 900)}
        return printed(revisions(Revisions(sum(groups.values(), Tries()), by_author=groups), 5000.0))

    assert "comment by ann: gains more often than the others, by 40 points" in told(6)
    assert "none of these groups gains surely more or less" in told(25)
    assert "an accepted one of the run 5,000" in told(6) and "50% (38%-62%)" in told(6)


def test_status_says_what_pays_and_what_that_is_from() -> None:
    nothing = {"unit": "tokens", "accepted": 0, "cost": 0.0, "tallies": [], "bands": []}
    assert "whatever is not hopeless is revised" in printed(revising({"1": nothing}))
    tallies = [Tried(), Tried(40, 1, 160_000.0), Tried(), Tried(40, 30, 160_000.0)]
    found = worth(tallies, 1 / 20_000)
    row = {
        "accepted": 50,
        "cost": 1e6,
        "tallies": [asdict(t) for t in tallies],
        "bands": [asdict(b) for b in found.bands],
    }
    told = " ".join(printed(revising({"1": nothing, "2": {**nothing, **row}})).split())
    assert "in round 2" in told and "0.10-0.25 40 1" in told
    assert "20% now and then" in told and "20% yes" in told


def printed(parts: Any) -> str:
    out = io.StringIO()
    print_parts(Console(file=out, width=120), parts)
    return out.getvalue()


def test_status_says_it_in_words() -> None:
    found = surveyed(sample(first(), second(won=True)))
    assert "ann +0.20" in printed(revisions(found)) and "1 of 1" in printed(revisions(found))
    told = printed(disputes(Disputes(6, 5, 4, 1, 2, agreed=1, gained=1, lost=1, tied=1, tokens=1000)))
    assert "5 of 6 reviewed responses disputed" in told and "1 could not be read" in told
    row = {"tried": 4, "accepted": 1, "cost": 8.0}
    odds = {
        "unit": "money",
        "even": {"gen": 0.5, "ann": 0.5},
        "generator": {"Math": {"gen": 0.6, "ann": 0.4}, "Coding": {"gen": 0.4, "ann": 0.6}},
        "reviewer": {"ann": 1.0},
        "adjudicator": {},
        "tallies": {"gen": {"Math": row, "Coding": row}, "ann": {"Math": {**row, "cost": 4.0}}},
    }
    told = " ".join(printed(casting({"2": odds, "10": odds})).split())
    assert "odds of round 10" in told
    assert "gen 8 2 2.0 50% (40%-60%) - -" in told
    assert "ann 4 1 1.0 50% (40%-60%) 100% -" in told
