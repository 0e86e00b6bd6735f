from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gra.config.criteria import CriteriaConfig
from gra.config.load import load_config
from gra.errors import ConfigError
from gra.records import INSTRUCTION_CRITERIA, RESPONSE_CRITERIA

FUN = {"name": "fun", "question": "Is it fun?", "description": "it is fun."}


def load(folder: Path, criteria: object) -> CriteriaConfig:
    path = folder / "config.yaml"
    plain = {"seeds": "s.json", "target": 1, "models": ["a", "b", "c", "d"], "criteria": criteria}
    path.write_text(yaml.safe_dump(plain))
    return load_config(path).synthesis.criteria


def test_the_papers_are_the_default() -> None:
    criteria = CriteriaConfig()
    assert tuple(c.name for c in criteria.of("instruction")) == INSTRUCTION_CRITERIA
    assert tuple(c.name for c in criteria.of("response")) == RESPONSE_CRITERIA
    assert (criteria.bounds("instruction"), criteria.bounds("response")) == ((0, 1), (1, 10))
    assert criteria.weights("instruction") == criteria.weights("response") == {}


def test_a_list_replaces_the_papers_for_its_stage_alone(tmp_path: Path) -> None:
    criteria = load(tmp_path, {"response": [FUN, {**FUN, "name": "dull", "good": "no", "weight": 2}]})
    assert [c.name for c in criteria.response] == ["fun", "dull"]
    assert criteria.instruction == CriteriaConfig().instruction
    assert criteria.weights("response") == {"fun": 1, "dull": 2}
    values = criteria.values("response")
    assert values["criteria"] == "fun: it is fun.\ndull: it is fun."
    assert (values["names"], values["count"]) == ("fun, dull", "two")


def test_solved_examples_have_the_users_own_names(tmp_path: Path) -> None:
    own = load(tmp_path, {"instruction": [FUN]}).values("instruction")
    assert (json.loads(own["all_met"]), json.loads(own["lacking"])) == ({"fun": 1}, {"fun": 0})
    papers = CriteriaConfig().values("instruction")
    assert papers["lacking"] == '{"reasonableness": 1, "completeness": 0, "clarity": 1}'


def test_a_bare_yes_or_no_of_yaml_is_understood(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "seeds: s.json\ntarget: 1\nmodels: [a, b, c, d]\ncriteria:\n  labels: [yes, no]\n  response:\n"
        '    - {name: harm, question: "Is it harmful?", description: it is harmless., good: no}\n'
    )
    criteria = load_config(tmp_path / "config.yaml").synthesis.criteria
    assert (criteria.labels, criteria.response[0].good) == (("yes", "no"), "no")


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ({"response": []}, "must have at least 1 entries"),
        ({"response": [FUN, FUN]}, "given twice: fun"),
        ({"response": [{**FUN, "weight": 0}]}, "must have a weight above 0"),
        ({"response": [{**FUN, "weight": -1}]}, "must be at least 0"),
        ({"response": [{**FUN, "name": "my name"}]}, "no digit first, and not `comment`: `my name`"),
        ({"response": [{**FUN, "name": "comment"}]}, "not `comment`"),
        ({"response": [{**FUN, "good": "maybe"}]}, "must be 'yes' or 'no'"),
        ({"response": [{"name": "fun", "question": "Is it fun?"}]}, "`criteria.response`, `description`: missing"),
        ({"scale": [10, 1]}, "0 <= worst < best <= 100"),
        ({"scale": [1]}, "one value too few"),
        ({"labels": ["Ja", "ja "]}, "two different words"),
        ({"respons": [FUN]}, "did you mean `response`?"),
    ],
)
def test_criteria_that_cannot_be_asked_are_refused_in_words(
    tmp_path: Path, criteria: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, criteria)
    assert said in str(refused.value)
