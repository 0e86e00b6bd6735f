"""Diversity, words, and plots: against values known by hand and by definition."""

from __future__ import annotations

import math
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.report.diversity import covered, distinct, nearest, unit, vendi, words
from gra.report.document import Bars, Curve, Histogram
from gra.report.findings import nearest_share
from gra.report.skew import Skew, lists, telling
from gra.report.svg import bars, curve, histogram

HOSTILE = "</svg><script>alert(1)</script>\"' \x1b[2J\u202eesrever\u2066 \ud800 & ]]>"


def test_distinct_by_hand() -> None:
    texts = [words("The cat saw the cat."), words("the cat")]
    assert distinct(texts, 1, 99) == 3 / 7 and distinct(texts, 2, 99) == 3 / 5
    assert distinct(texts, 1, 2) == 1.0, "only two words are looked at"
    assert distinct([], 1, 99) is None and distinct([["one"]], 2, 99) is None


@given(st.integers(1, 12), st.integers(1, 4))
def test_the_vendi_score_counts_what_is_unlike(kinds: int, copies: int) -> None:
    vectors = np.repeat(np.eye(12, dtype=np.float32)[:kinds], copies, axis=0)
    assert vendi(vectors) == pytest.approx(kinds, rel=1e-5)


@settings(max_examples=25)
@given(st.integers(2, 30), st.integers(2, 10), st.integers(0, 99))
def test_the_vendi_score_is_its_definition(n: int, dimensions: int, seed: int) -> None:
    vectors = unit(list(np.random.default_rng(seed).normal(size=(n, dimensions)).astype(np.float32)))
    values = np.linalg.eigvalsh((vectors @ vectors.T).astype(np.float64) / n)
    entropy = -sum(v * math.log(v) for v in values if v > 1e-9)
    assert vendi(vectors) == pytest.approx(math.exp(entropy), rel=1e-3)


def test_nearest_and_coverage_by_hand() -> None:
    three = unit([np.array(v, np.float32) for v in ((1, 0), (1, 0), (0, 2), (0, 0))])
    assert len(three) == 3, "a vector without length has no direction"
    found = nearest(three)
    assert found and found.mean == pytest.approx(2 / 3) and found.quantiles[1] == pytest.approx(1.0)
    assert covered(three, three[:1]) == pytest.approx(2 / 3) and covered(three, three[:0]) is None
    assert nearest_share(three) == pytest.approx(2 / 3) and nearest(three[:1]) is None


def test_words_that_stand_out() -> None:
    one = Counter({"kitchen": 40, "the": 200, "work": 10})
    other = Counter({"engine": 40, "the": 200, "work": 10})
    assert telling(one, other) == ("kitchen",) and telling(other, one) == ("engine",)
    assert telling(Counter(), other) == () and telling(Counter({"a": 1}), Counter({"a": 1})) == ()


def test_groups_and_their_moods() -> None:
    skew = Skew()
    for n in range(30):
        skew.add(f"She is kind and good, number {n}.", "a")
        skew.add(f"The man is a cruel failure, number {n}.", "b")
    skew.add("", "a")
    found = {(s.group, s.generator): s for s in skew.found()}
    assert found["women", ""].texts == found["women", "a"].texts == 30
    assert found["women", ""].sentiment > 0 > found["men", "b"].sentiment
    assert "kind" in found["women", ""].words and not found["women", "a"].words
    assert ("women", "b") not in found
    assert not lists().good & lists().bad


@pytest.mark.parametrize(
    "plot",
    [
        bars(Bars(HOSTILE, [(HOSTILE, 3.0, HOSTILE), ("b", 0.0, "0")])),
        histogram(Histogram(HOSTILE, [0, 1, 2], [5, 0])),
        curve(Curve(HOSTILE, [(0.1, 0.2, 3), (0.9, 1.0, 30)])),
        bars(Bars("", [])),
        histogram(Histogram("", [], [])),
        curve(Curve("", [])),
    ],
)
def test_plots_are_sound_xml_that_holds_text_only(plot: str) -> None:
    root = ElementTree.fromstring(plot)
    names = {element.tag.rsplit("}")[-1] for element in root.iter()}
    assert names <= {"svg", "title", "desc", "text", "rect", "line", "polyline", "circle"}
    assert root.get("role") == "img" and [child.tag.rsplit("}")[-1] for child in root][:2] == ["title", "desc"]


def test_plots_show_sizes() -> None:
    root = ElementTree.fromstring(bars(Bars("x", [("a", 4.0, "4"), ("b", 2.0, "2")])))
    widths = [float(str(e.get("width"))) for e in root.iter() if e.tag.endswith("rect")]
    assert widths[0] == pytest.approx(2 * widths[1])
    root = ElementTree.fromstring(histogram(Histogram("x", [0, 1, 2], [1, 3])))
    heights = [float(str(e.get("height"))) for e in root.iter() if e.tag.endswith("rect")]
    assert heights[1] == pytest.approx(3 * heights[0], rel=0.01)
