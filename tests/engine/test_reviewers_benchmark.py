"""`benchmarks/reviewers_tables.py`, on members whose truth is known."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
COUNT = 160


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("reviewers_tables")
    monkeypatch.setattr(module, "EXAMS", 5)
    return module


def pairs(bench: Any) -> list[Any]:
    return [bench.Pair("twins", n, "?", "good", "bad", "swapped" if n % 4 < 2 else "negated") for n in range(COUNT)]


def member(bench: Any, name: str, strength: float, seed: int, lenient: float = 0.0) -> Any:
    """One whose opinions of good and bad are so many deviations apart; a model answers two questions alike."""
    noise = np.random.default_rng(seed).normal(0, 1, (COUNT, 2))
    features = noise + np.array([strength / 2, -strength / 2]) + lenient
    questions = {} if name.startswith("@") else {c: 1 / (1 + np.exp(-features)) for c in ("one", "two")}
    paid = {
        (f"twins-{n:03d}", half): {f"{name}{n}{half}": 2.0, f"shared{n}{half}": 1.0} for n in (0, 1) for half in (0, 1)
    }
    return bench.Member(name, features, questions, paid)


def pool(bench: Any) -> dict[str, Any]:
    found = [
        member(bench, "small", 0.0, 1, lenient=6.0),
        member(bench, "middle", 0.6, 2),
        member(bench, "large", 1.4, 3, lenient=-3.0),
        member(bench, "@evidence", 1.4, 4),
    ]
    return {m.name: m for m in found}


def parsed(lines: list[str]) -> dict[str, dict[str, dict[str, str]]]:
    """Tables by their first column's name: rows by their first cell, cells by their column."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for block in "\n".join(lines).split("\n\n"):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line[:1] == "|"]
        if rows:
            found[rows[0][0]] = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}
    return found


def test_the_tables_tell_who_can_tell_and_what_a_pool_gains(bench: Any) -> None:
    found = parsed(list(bench.tables(["small", "middle", "large"], pool(bench), pairs(bench))))
    alone, ways, gates = found["alone, all pairs"], found["pool, AUC"], found["pool, `calibrated`"]
    assert float(alone["small"]["AUC"][:4]) < 0.65 < float(alone["large"]["AUC"][:4])
    assert alone["large"]["seconds a verdict"] == "3.00", "two of its own, and one for what it shares"
    assert {"form", "meaning"} <= alone["large"].keys()
    assert ways["all"]["calibrated"] > ways["all"]["paper's mean"], "who is lenient and at chance does not count"
    assert ways["all, verifiers"]["calibrated"] > ways["large alone"]["calibrated"]
    assert ways["all, verifiers"]["paper's mean"] == "-"
    assert gates["large alone"]["AUC less large alone"] == "+0.00 (+0.00 to +0.00)"
    assert gates["all, verifiers"]["AUC less large alone"].startswith("+")
    assert gates["all, verifiers"]["seconds a verdict"] == "9.0", "four members, and what they share once"
    lost = {name: float(row["AUC that all lose"][:5]) for name, row in found["without"].items()}
    assert lost["@evidence"] > 0.02 > abs(lost["small"])


def test_nothing_is_fitted_to_what_is_reported(bench: Any) -> None:
    large = member(bench, "large", 2.5, 3)
    at = bench.split("twins", pairs(bench), [large])
    assert not {*at.choosing} & {*at.reporting} and len(at.choosing) == len(at.reporting) == COUNT // 2
    for exam in bench.exams(at.choosing):
        assert {*exam} <= {*at.choosing}
    before = bench.standing(large, at.choosing)
    large.features[at.reporting] = 99.0
    assert bench.standing(large, at.choosing) == before


def test_what_a_model_could_not_read_is_left_out_and_who_is_silent_is_not_heard(bench: Any) -> None:
    members = pool(bench)
    members["large"].features[0, 1] = np.nan
    members["@evidence"].features[:, 1] = np.nan
    at = bench.split("twins", pairs(bench), [members[name] for name in ("small", "middle", "large")])
    assert 0 not in at.choosing
    exam = bench.exams(at.choosing)[0]
    assert not bench.standing(members["@evidence"], exam).weight
    both = [members["large"], members["@evidence"]]
    heard = bench.scores(bench.calibrated, both, exam, at.reporting)
    assert (heard == bench.scores(bench.calibrated, both[:1], exam, at.reporting)).all()
