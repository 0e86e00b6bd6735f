from __future__ import annotations

import math
import random
from statistics import NormalDist, fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.records import Opinion, Preference
from gra.synthesis.comparison import preference as preferred
from gra.synthesis.exam import Answer, Question, Sitting
from gra.synthesis.exam_report import auc, correlation, difference, family, report_on, separation
from gra.synthesis.pairwise import summed_up
from gra.synthesis.reading import Matter

VALUES = st.lists(st.floats(-5, 5), min_size=1, max_size=12)
PAIRS = [
    Question(f"{n:03d}", Matter("response", "Go.", "Gone."), Matter("response", "Go.", f"{n}"), "polite", domain)
    for n, domain in enumerate(("Math", "Code", "") * 4)
]


@given(VALUES, VALUES)
def test_an_interval_holds_its_value_and_turning_the_sides_round_turns_it_round(
    good: list[float], bad: list[float]
) -> None:
    one, other = auc(good, bad), auc(bad, good)
    assert one is not None
    assert other is not None
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert one.high - one.low > 0.01, "a few texts are never certain"
    assert one.value == pytest.approx(1 - other.value)
    assert one.low == pytest.approx(1 - other.high, abs=1e-6)


@pytest.mark.parametrize(("d", "n"), [(0.0, 8), (1.0, 8), (1.0, 30), (2.5, 16)])
def test_intervals_hold_what_they_promise(d: float, n: int) -> None:
    draw, truth, held, apart = random.Random(7), NormalDist().cdf(d / math.sqrt(2)), 0, 0
    for _ in range(400):
        good, bad = [draw.gauss(d, 1) for _ in range(n)], [draw.gauss(0, 1) for _ in range(n)]
        area, distance = auc(good, bad), separation(good, bad)
        assert area is not None
        assert distance is not None
        held += area.low <= truth <= area.high
        apart += distance.low <= d <= distance.high
    assert held >= 0.91 * 400
    assert apart >= 0.91 * 400


def test_the_correlations_interval_holds_what_it_promises() -> None:
    draw, held = random.Random(3), 0
    for _ in range(400):
        xs = [draw.gauss(0, 1) for _ in range(12)]
        found = correlation(xs, [0.6 * x + 0.8 * draw.gauss(0, 1) for x in xs])
        assert found is not None
        held += found.low <= 0.6 <= found.high
    assert held >= 0.91 * 400


def test_too_few_texts_have_no_figure() -> None:
    assert auc([], [1.0]) is None
    assert separation([1.0], [0.0, 1.0]) is None
    assert correlation([1, 2, 3], [1, 2, 3]) is None
    assert correlation([1, 1, 1, 1], [1, 2, 3, 4]) is None
    assert difference([1.0], [1.0, 2.0]) is None
    assert summed_up([preferred("m", 1.0, 1.0, 0.0)], PAIRS[:1]) is None


@pytest.mark.parametrize(
    ("name", "expected"), [("Qwen2.5-0.5B", "qwen"), ("org/qwen3", "qwen"), ("smollm2-135m", "smollm"), ("7B", "7b")]
)
def test_a_family_is_the_beginning_of_a_name(name: str, expected: str) -> None:
    assert family(name).casefold() == expected


def opinion(p: float, q: float, outside: float = 0.0, failure: str = "") -> Opinion:
    scores = {} if failure else {"one": p, "two": q}
    return Opinion("qwen-1", "response", "probability", scores, outside=outside, failure=failure)


def answer(n: int, fault: str, good: Opinion, bad: Opinion, domain: str = "Math", author: str = "") -> Answer:
    texts = (Matter("response", f"Say {n}.", "x" * 2 ** (n + 1)), Matter("response", f"Say {n}.", f"{fault} {n}"))
    return Answer(Question(f"{n:03d}", *texts, fault, domain, (author, author)), good, bad)


def sitting(*answers: Answer) -> Sitting:
    return Sitting("qwen-1", "response", answers)


def test_a_report_tells_what_was_told_apart_by_fault_domain_and_criterion() -> None:
    report = report_on(
        sitting(
            *(answer(n, "truncated", opinion(0.9, 0.5, 0.1), opinion(0.1, 0.5, 0.3)) for n in range(4)),
            *(answer(n, "negated", opinion(0.9, 0.5, 0.1), opinion(0.9, 0.5, 0.3), "Code") for n in range(4, 8)),
        )
    )
    by = {**report.by_fault, **report.by_kind, **report.by_domain, **report.by_criterion, "all": report.auc}
    assert {name: found.value for name, found in by.items() if found} == {
        "truncated": 1.0,
        "form": 1.0,
        "Math": 1.0,
        "negated": 0.5,
        "meaning": 0.5,
        "Code": 0.5,
        "one": 0.75,
        "two": 0.5,
        "all": 0.75,
    }
    assert report.leniency == pytest.approx(0.7)
    assert report.spread == pytest.approx(0)
    assert report.outside == pytest.approx(0.2)
    assert report.failures == 0


def test_a_good_text_with_several_twins_counts_once() -> None:
    report = report_on(
        sitting(*(answer(n, f, opinion(0.9, 0.9), opinion(0.2, 0.2)) for n in range(3) for f in ("negated", "polite")))
    )
    assert report.auc is not None
    assert (report.auc.good, report.auc.broken) == (3, 6)


def test_length_and_family_are_looked_for_among_good_answers() -> None:
    longer = sitting(*(answer(n, "polite", opinion(0.1 + 0.1 * n, 0.5), opinion(0.2, 0.5)) for n in range(8)))
    bias = report_on(longer).length_bias
    assert bias is not None
    assert bias.low > 0.5
    own = [answer(n, "wrong", opinion(0.8 + n / 100, 0.5), opinion(0.2, 0.5), author="Qwen2.5") for n in range(4)]
    others = [answer(n, "wrong", opinion(0.4 + n / 100, 0.5), opinion(0.2, 0.5), author="gpt") for n in range(4, 8)]
    preference = report_on(sitting(*own, *others)).family_preference
    assert preference is not None
    assert preference.low > 0
    assert report_on(sitting(*own)).family_preference is None
    assert report_on(longer).family_preference is None


def test_what_could_not_be_read_is_counted_and_left_out() -> None:
    report = report_on(
        sitting(
            answer(0, "polite", opinion(0, 0, failure="mute"), opinion(0.2, 0.2)),
            *(answer(n, "polite", opinion(0.9, 0.9), opinion(0.2, 0.2)) for n in range(1, 4)),
        )
    )
    assert report.failures == 1
    assert report.auc is not None
    assert (report.auc.good, report.auc.broken) == (3, 3)


def test_written_marks_have_their_leniency_on_the_same_scale() -> None:
    def marked(mark: float) -> Opinion:
        return Opinion("m", "response", "written", {"one": mark})

    report = report_on(sitting(*(answer(n, "polite", marked(10), marked(1)) for n in range(3))))
    assert (report.leniency, report.outside) == (1.0, None)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-3, 3)), min_size=2, max_size=12))
def test_a_love_of_the_first_place_does_not_count_as_telling_good_from_bad(found: list[tuple[float, float]]) -> None:
    compared = [preferred("m", 1.0, place + better, place - better) for place, better in found]
    summary = summed_up(compared, PAIRS[: len(compared)])
    assert summary is not None
    right = fmean((c.log_odds > 0) + 0.5 * (c.log_odds == 0) for c in compared)
    assert summary.right.value == pytest.approx(right)
    assert -1e-9 <= summary.right.low <= summary.right.value <= summary.right.high <= 1 + 1e-9
    assert summary.position_bias.value == pytest.approx(fmean(place for place, _ in found), abs=1e-9)


def test_pairs_are_told_by_domain_where_one_is_named_and_they_could_be_read() -> None:
    compared = [preferred("m", 1.0, *(2.0, 1.0) if q.domain == "Math" else (-1.0, 0.5)) for q in PAIRS]
    compared[0] = Preference("m", 1.0, failure="it did not answer A or B")
    summary = summed_up(compared, PAIRS)
    assert summary is not None
    assert {name: (e.value, e.good) for name, e in summary.by_domain.items()} == {"Code": (0.0, 4), "Math": (1.0, 3)}
    assert summary.right.good == 11
