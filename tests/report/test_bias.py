"""Biases that were put in are found, those that were not are not; calibration by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gra.report.bench import families
from gra.report.bias import family, partial_correlation, preference, reliability
from gra.report.judged import Row, calibrations, length_biases, own_preferences, standardised


def test_a_preference_that_was_put_in_is_found() -> None:
    draw = np.random.default_rng(1)
    own = np.arange(400) < 120
    found = preference(draw.normal(size=400) + 0.5 * own, own)
    assert found and found.low < 0.5 < found.high and found.p < 0.01 and (found.n, found.of) == (400, 120)
    none = preference(draw.normal(size=400), own)
    assert none and none.low < 0 < none.high and none.p > 0.05
    assert preference(draw.normal(size=3), np.array([True, False, False])) is None, "one text shows nothing"


def test_luck_alone_is_called_so_as_often_as_it_is() -> None:
    draw = np.random.default_rng(2)
    own = np.arange(60) < 20
    found = [preference(draw.normal(size=60), own, seed) for seed in range(60)]
    assert sum(f is not None and f.p < 0.05 for f in found) <= 8, "three are to be expected"


def test_the_correlation_that_is_left_is_the_textbooks() -> None:
    draw = np.random.default_rng(3)
    x, y, z = draw.normal(size=(3, 200))
    x, y = x + z, y + z
    r = np.corrcoef([x, y, z])
    expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    found = partial_correlation(x, y, z)
    assert found and found.value == pytest.approx(expected) and found.low < 0 < found.high
    assert partial_correlation(z, y, z) is None, "nothing is left of it"
    assert partial_correlation(x[:5], y[:5], z[:5]) is None


def test_families_are_read_off_names() -> None:
    models = [
        {"name": "ada", "catalogue": "qwen2.5-0.5b"},
        {"name": "bob", "model": "Qwen/Qwen3-8B"},
        {"name": "phi-4"},
    ]
    assert families(models) == {"ada": "qwen", "bob": "qwen", "phi-4": "phi"}
    assert family("Qwen/Qwen2.5-7B-Instruct") == family("qwen2.5-coder-0.5b-instruct") == "qwen"
    assert family("smollm2-135m") != family("gemma-3-270m")
    assert family("7b") == "7b"


def test_reviewers_who_favour_length_or_their_own_kind_are_told_apart() -> None:
    draw = np.random.default_rng(4)
    rows = []
    for n in range(600):
        generator, length, quality = ("qwen2-a", "llama-b")[n % 2], draw.normal(5, 1), draw.normal()
        noise = draw.normal(size=3) * 0.5
        scores = {
            "qwen2-b": 5 + quality + noise[0] + 0.8 * (generator == "qwen2-a"),
            "gemma-1": 5 + quality + noise[1] + 0.8 * (length - 5),
            "phi-1": 5 + quality + noise[2],
        }
        rows.append(Row(generator, length, scores))
    columns = {name: [row.scores[name] for row in rows] for name in rows[0].scores}
    even = standardised(rows, {name: (float(np.mean(c)), float(np.std(c))) for name, c in columns.items()})
    own = {(reviewer, of): effect for reviewer, of, effect in own_preferences(even, 0, {})}
    assert own["qwen2-b", "its family"] and own["qwen2-b", "its family"].low > 0.3
    assert own["qwen2-b", "itself"] is None and own["phi-1", "its family"] is None
    by_length = dict(length_biases(even))
    assert by_length["gemma-1"] and by_length["gemma-1"].low > 0.4
    assert by_length["phi-1"] and by_length["phi-1"].value < 0.1


def test_a_curve_by_hand() -> None:
    foretold = np.array([0.1, 0.1, 0.9, 0.9, 1.0])
    found = reliability(foretold, np.array([False, True, True, True, True]))
    assert found and [(b.low, b.n, b.came) for b in found.bins] == [(0.1, 2, 0.5), (0.9, 3, 1.0)]
    assert found.ece == pytest.approx((2 * 0.4 + 3 * (1 - 2.8 / 3)) / 5)
    assert reliability(np.array([]), np.array([], dtype=bool)) is None


def test_an_exam_is_a_known_answer() -> None:
    exam: list[dict[str, Any]] = [
        {"model": "one", "stage": "response", "good": [3.0, 2.0], "broken": [-3.0, -2.0]},
        {"model": "two", "stage": "response", "good": [10.0, 1.0], "broken": [1.0, 1.0]},
        {"model": "old", "stage": "response"},
        {"model": "none", "stage": "response", "good": [0.0, 0.0], "broken": [0.0, 0.0]},
    ]
    found = calibrations(exam, {"two": "written"}, [("one", 0.75, True), ("one", 0.25, False)])
    assert [(who, by, curve.n) for who, by, curve in found] == [
        ("one", "exam", 4),
        ("two", "exam", 4),
        ("one", "people", 2),
    ]
    assert found[1][2].bins[0].foretold == 0.0 and found[1][2].bins[-1].foretold == 1.0
    assert found[2][2].ece == pytest.approx(0.25)
