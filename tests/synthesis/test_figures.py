"""Figures that are counted round by round, and the interval around what the gate expects."""

import json
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.records import Cast, Opinion, Sample, Status, Verdict, Version
from gra.synthesis.figures import Expected, Figures, alike, doubts, wilson

NAMES = ("ada", "bob", "cyd")


def sample(index: int, p: float, round: int = 1, status: Status = Status.ACCEPTED, outcome: str = "accept") -> Sample:
    draw = random.Random(index)
    opinions = tuple(Opinion(n, "response", "probability", {"clarity": draw.random()}) for n in NAMES)
    votes = {n: draw.random() < p for n in NAMES}
    verdict = Verdict(outcome, 10 * p, 0.0, "", votes=votes)  # type: ignore[arg-type]
    cast = Cast("eve", NAMES, "")
    version = Version(0, "It is so.", cast, opinions, verdict)
    return Sample(f"r{round:02d}-{index:05d}", round, index, f"d{index % 3}", cast, versions=(version,), status=status)


def stored(figures: Figures) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(figures.plain(), allow_nan=False))
    return found


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans(), st.integers(1, 4)), max_size=30))
def test_rounds_added_up_are_the_run(drawn: list[tuple[float, bool, int]]) -> None:
    samples = [
        sample(n, p, round, *((Status.ACCEPTED, "accept") if good else (Status.REJECTED_RESPONSE, "reject")))
        for n, (p, good, round) in enumerate(drawn)
    ]
    whole, rounds = Figures(True), {r: Figures(True) for r in {s.round for s in samples}}
    for each in samples:
        whole.add(each, 0.3)
        rounds[each.round].add(each, 0.3)
    told, again = whole.glance(), Figures.over(map(stored, rounds.values())).glance()
    if not samples:
        assert again["samples"] == 0 and again["kept"] is None
        return
    assert told["samples"] == again["samples"]
    for key, value in told["kept"].items():
        assert again["kept"][key] == pytest.approx(value), key
    for key, value in told["alpha"]["response"].items():
        assert again["alpha"]["response"][key] == pytest.approx(value), key


@pytest.mark.parametrize("doubt", [0.0, 0.6])
def test_the_interval_holds_what_it_promises(doubt: float) -> None:
    """Accepted samples of known probability, seen through an exam that is off by an error common to all of them."""
    draw = random.Random(7)
    covered, times, n = 0, 600, 80
    for _ in range(times):
        off = draw.gauss(0, doubt)
        expected, good = Expected(), 0
        for index in range(n):
            true = draw.gauss(1.5, 1.0)
            good += draw.random() < 1 / (1 + math.exp(-true))
            expected.add(sample(index, 1 / (1 + math.exp(-true - off))), doubt)
        low, high = expected.interval or (2.0, 2.0)
        covered += low <= good / n <= high
    assert 0.92 <= covered / times <= 0.99


def test_without_the_exams_doubt_there_is_no_interval() -> None:
    expected = Expected()
    expected.add(sample(0, 0.9), 0.2)
    expected.add(sample(1, 0.8), None)
    kept = expected.kept()
    assert kept.precision == pytest.approx(0.85) and (kept.low, kept.high) == (None, None)
    assert Expected().kept().precision is None
    unreviewed = sample(2, 0.5)
    expected.add(replace(unreviewed, versions=(replace(unreviewed.versions[0], opinions=()),)), 0.2)
    assert expected.judged == 2


def test_a_rounds_doubt_is_found_again() -> None:
    figures, other = Figures(True), Figures(False)
    for index, p in enumerate((0.9, 0.8, 0.6)):
        figures.add(sample(index, p), 0.25)
        other.add(sample(index, p))
    assert doubts({"1": stored(figures), "2": stored(other), "3": stored(Figures(True))}) == {
        1: pytest.approx(0.25),
        3: None,
    }
    assert doubts(None) == {}


def test_domains_that_are_stored_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gra.synthesis.figures.MOST_DOMAINS", 3)
    figures = Figures(False)
    for index in range(60):
        figures.add(replace(sample(index, 0.7), domain=f"d{index // 2}"))
    rows = figures.plain()["agreement"]
    assert isinstance(rows, list) and sum(row["by"] == "domain" for row in rows) == 6


def test_agreement_is_of_what_was_asked_of_both() -> None:
    """Ada says of every text what bob says, and was asked about two things more, on which nobody else spoke."""
    figures = Figures(False)
    for index in range(12):
        draw = random.Random(index)
        both = {"clarity": draw.random(), "relevance": draw.random()}
        alone = {"coherence": draw.random(), "ethicality": draw.random()}
        scores = {"ada": {**alone, **both}, "bob": both, "cyd": {"correctness": 0.5}}
        said = tuple(Opinion(n, "response", "probability", scores[n]) for n in ("ada", "bob"))
        apart = tuple(Opinion(n, "response", "probability", scores[n]) for n in ("ada", "cyd"))
        for opinions in (said, apart):
            one = sample(index, 0.5)
            figures.add(replace(one, versions=(replace(one.versions[0], opinions=opinions, verdict=None),)))
    (whole,) = [row for row in figures.agreement() if (row.stage, row.by) == ("response", "all")]
    assert whole.texts == 12 and whole.scores == pytest.approx(1.0), "ada and cyd cannot be compared"
    assert {(two.pair.a, two.pair.b): two.n for two in figures.pairs() if two.n} == {("ada", "bob"): 12}
    assert alike(()) == []


def test_a_share_of_nothing_may_be_anything() -> None:
    assert wilson(0, 0) == (0.0, 0.5, 1.0)
    low, _, high = wilson(9, 10)
    assert low == pytest.approx(0.596, abs=0.001) and high == pytest.approx(0.982, abs=0.001)
