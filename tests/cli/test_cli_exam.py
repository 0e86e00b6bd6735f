"""`gra exam`: what each model can tell, in tables and in JSON, and who will have a vote."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_builders import NAMES, config_file
from serving import serving
from typer.testing import Result

from gra.testing.fake_answers import FakeModel, prompt_of
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]


def knowing(body: dict[str, Any]) -> float:
    """P(yes), or P(A), of a judge that knows the seeds of `config_file` by heart, but for the first of two."""
    matter = prompt_of(body).rpartition("Exercise:")[2].split("Question:")[0].strip()
    doubt = random.Random(matter).gauss(0, 0.03)
    if "Answer A:" in matter:
        first = re.search(r"Answer A: It is number (\d+), in words\.\n", matter)
        return 0.8 + doubt if first and f"number {first[1]} in" in matter else 0.3 + doubt
    whole = re.fullmatch(r"Say number (\d+) in words\.(\s+Answer: It is number \1, in words\.)?", matter)
    return 0.8 + doubt if whole else 0.3 + doubt


@pytest.fixture
def judges() -> list[FakeModel]:
    return [FakeModel(n, judge=knowing if n in ("one", "two") else lambda _: 0.7) for n in NAMES]


def test_who_can_tell_and_who_cannot_is_said_plainly(gra: Gra, judges: list[FakeModel], tmp_path: Path) -> None:
    with serving(FakeServer(judges)) as server:
        done = gra("exam", config_file(tmp_path, server.base_url), "-n", 24, columns=160)
    assert done.exit_code == 0, done.stderr
    assert "one can tell by the response and will vote, with weight" in done.stdout
    assert "writer will have no vote on responses: it cannot tell" in done.stdout
    for text in (
        "By fault",
        "By question",
        "negated",
        "swapped",
        "correctness",
        "length bias",
        "the first place",
    ):
        assert text in done.stdout


def test_the_same_in_json_and_of_one_model_alone(gra: Gra, judges: list[FakeModel], tmp_path: Path) -> None:
    with serving(FakeServer(judges)) as server:
        done = gra("exam", config_file(tmp_path, server.base_url), "--model", "one", "-n", 24, "--json")
        assert set(server.requests) == {"one"}
    found = json.loads(done.stdout)
    assert [(m["model"], m["stage"], m["votes"]) for m in found["models"]] == [
        ("one", "instruction", True),
        ("one", "response", True),
    ]
    response = found["models"][1]
    assert response["auc"]["value"] > 0.95 > response["auc"]["low"]
    assert set(response["by_kind"]) == {"form", "meaning"}
    assert response["pairwise"]["right"]["value"] == 1
    assert response["pairwise"]["position_bias"]["value"] > 0, "0.8 for a good first one, and 0.3 for a bad one"
    assert found["questions"] == {"instruction": 24, "response": 24}
    assert not found["bundled"]


def test_verifiers_sit_it_beside_the_models(gra: Gra, tmp_path: Path) -> None:
    models = [FakeModel(n, judge=knowing, prompt_logprobs=True) for n in NAMES]
    with serving(FakeServer(models)) as server:
        config = config_file(tmp_path, server.base_url, verifiers=["relevance", "likelihood", "constraints"])
        found = json.loads(gra("exam", config, "-n", 8, "--json").stdout)
        shown = gra("exam", config, "-n", 8, columns=200)
    rows = {row["model"]: row for row in found["models"] if row["model"].startswith("@")}
    assert set(rows) == {"@relevance", "@likelihood.writer", "@information.writer", "@constraints"}
    assert {row["stage"] for row in rows.values()} == {"response"}
    relevance, constraints = rows["@relevance"], rows["@constraints"]
    assert relevance["reading"] == "evidence"
    assert relevance["auc"]["good"] == 8 and relevance["questions_in_a_run"] >= 4
    assert relevance["leniency"] is relevance["outside"] is relevance["pairwise"] is None
    assert not relevance["by_criterion"] and relevance["by_fault"] and not relevance["silent"]
    assert constraints["auc"] is None and constraints["silent"] > 8 and not constraints["votes"]
    assert "it has something to say of 0 of" in constraints["failure"]
    assert "@constraints will have no vote on responses: it has something to say of 0 of" in shown.stdout
    of_responses = shown.stdout.partition("Responses: AUC")[2]
    assert "@relevance" in of_responses.partition("By fault")[2].partition("By question")[0]
    assert "@" not in of_responses.partition("By question")[2].partition("Responses: habits")[0]


def test_labelled_answers_are_asked_about_and_authors_compared(
    gra: Gra, judges: list[FakeModel], tmp_path: Path
) -> None:
    pairs = [{"instruction": f"Say number {n}.", "chosen": "Yes, it is.", "rejected": f"No {n}."} for n in range(3)]
    graded = [
        {"instruction": f"Name {n}.", "response": f"{ok} {n}", "correct": ok, "system": who}
        for n, who in enumerate(("one-7b", "other", "one-7b", "other"))
        for ok in (True, False)
    ]
    for name, rows in (("pairs", pairs), ("graded", graded)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    files = ("--pairs", tmp_path / "pairs.jsonl", "--graded", tmp_path / "graded.jsonl")
    with serving(FakeServer(judges)) as server:
        done = gra("exam", config_file(tmp_path, server.base_url), *files, "--model", "one", "--json")
    found = json.loads(done.stdout)
    assert found["labelled"] == 7
    response = found["models"][1]
    assert {"rejected", "wrong"} <= set(response["by_fault"])
    assert response["by_kind"]["labelled"]["value"] < 0.9, "it knows nothing of these"
    assert response["family_preference"]["good"] == response["family_preference"]["broken"] == 2


def test_without_seeds_gras_own_exercises_are_asked_about(gra: Gra, judges: list[FakeModel], tmp_path: Path) -> None:
    with serving(FakeServer(judges)) as server:
        config = config_file(tmp_path, server.base_url, seeds=None)
        done = gra("exam", config, "--model", "one", "-n", 8, columns=160)
        asked = {text for body in server.bodies for text in re.findall(r"Exercise: (.*)", prompt_of(body))[-1:]}
    assert done.exit_code == 0, done.stderr
    assert "gra's general English exercises were asked about" in done.stdout
    assert "one would, under a gate that examines, have no vote" in done.stdout
    assert any("number" not in text for text in asked)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--model", "nobody"), "`nobody` judges nothing here; those who do are writer, one, two, judge"),
        (("--pairs", "nowhere.jsonl"), "cannot be read"),
        (("--set", "casting={policy: single, model: one}", "--set", "review=none"), "there is nobody to examine"),
    ],
)
def test_what_cannot_be_done_is_told(gra: Gra, tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    done = gra("exam", config_file(tmp_path), *flags, columns=200)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def split(text: str) -> list[int]:
    """A tokeniser that knows no word but No, and writes the others letter by letter."""
    return [7] if text.strip().casefold() == "no" else [ord(letter) for letter in text.strip()]


def test_a_label_that_is_no_single_token_is_told(gra: Gra, judges: list[FakeModel], tmp_path: Path) -> None:
    odd = [FakeModel(m.name, judge=m.judge, tokenizer=split if m.name == "one" else None) for m in judges]
    with serving(FakeServer(odd)) as server:
        done = gra("exam", config_file(tmp_path, server.base_url), "--model", "one", "-n", 4)
    assert "the label `yes` is several tokens" in " ".join(done.stderr.split())


def test_labels_that_begin_alike_are_refused(gra: Gra, judges: list[FakeModel], tmp_path: Path) -> None:
    odd = [FakeModel(m.name, judge=m.judge, tokenizer=split) for m in judges]
    criteria = {"labels": ["yes", "yet"]}
    with serving(FakeServer(odd)) as server:
        config = config_file(tmp_path, server.base_url, criteria=criteria)
        done = gra("exam", config, "--model", "one", "-n", 4, columns=200)
        run = gra("run", config, "--out", tmp_path / "run", columns=200)
    for ended in (done, run):
        assert ended.exit_code == 2
        assert "they cannot be told apart" in ended.stderr
        assert "Choose two other words" in ended.stderr


def test_every_form_is_tried_where_that_is_asked_for(gra: Gra, judges: list[FakeModel], tmp_path: Path) -> None:
    config_file(tmp_path)
    rows = [{**row, "domain": "Math"} for row in json.loads((tmp_path / "seeds.json").read_text())]
    (tmp_path / "labelled.json").write_text(json.dumps(rows))
    with serving(FakeServer(judges)) as server:
        config = config_file(tmp_path, server.base_url, seeds="labelled.json")
        done = gra("exam", config, "--model", "one", "-n", 12, "--forms", "--json", "--set", "gate.exam=4")
        told = gra("exam", config, "--model", "one", "-n", 12, "--forms", "--set", "gate.exam=8", columns=100)
    assert done.exit_code == 0, done.stderr
    instruction, response = json.loads(done.stdout)["models"]
    forms = ["examples", "own", "plain", "digit", "reasoned", "paraphrased"]
    assert list(response["forms"]) == list(instruction["forms"]) == forms
    assert (response["form"], response["criteria"]) == ("examples", ["correctness", "completeness"])
    assert response["forms"]["digit"]["auc"] is None and response["forms"]["digit"]["failures"], "it says Yes and No"
    for form in (form for form in forms if form != "digit"):
        trial = response["forms"][form]
        assert trial["by_domain"]["Math"]["value"] == trial["auc"]["value"] > 0.9, form
    tokens = {form: response["forms"][form]["tokens"] for form in forms}
    assert (
        tokens["plain"] < tokens["examples"] < tokens["paraphrased"] == pytest.approx(3 * tokens["examples"], rel=0.1)
    )
    assert tokens["reasoned"] > 2 * tokens["plain"]
    assert set(response["forms"]["own"]["by_criterion"]) == {"correctness"}, "its examples are about one"
    assert response["pairwise"]["tokens"] > 0 and response["pairwise"]["by_domain"]["Math"]["value"] == 1
    assert max(map(len, told.stdout.splitlines())) <= 100
    of_response = told.stdout.partition("Responses: AUC")[2].partition("By form of question: one")[2]
    compared = of_response.partition("The cheapest")[0]
    lines = {words[0]: line for line in compared.splitlines() if (words := line.split())}
    assert "not read on" in lines["digit"]
    assert "asked so, weight" in lines["examples"] and "asked so" not in lines["plain"]
    assert "compares, weight" in lines["pairwise"]
    assert "The cheapest that surely tells more than chance: plain" in of_response
    assert re.search(r"in Math \(n=\d+\) +(1\.00 +){2}- +(1\.00 +){2}1\.00", of_response)
    assert "asked after solved examples about correctness, completeness" in " ".join(told.stdout.split())


def test_a_domain_in_which_a_model_cannot_tell_is_said_and_marked(
    gra: Gra, judges: list[FakeModel], tmp_path: Path
) -> None:
    def at_sea(body: dict[str, Any]) -> float:
        matter = prompt_of(body).rpartition("Exercise:")[2].split("Question:")[0]
        number = re.search(r"number (\d+)", matter)
        return random.Random(matter).uniform(0.5, 0.8) if number and int(number[1]) % 2 else knowing(body)

    models = [replace(model, judge=at_sea) if model.name == "one" else model for model in judges]
    with serving(FakeServer(models)) as server:
        config = config_file(
            tmp_path, server.base_url, domains=[{"name": n, "description": n} for n in ("Land", "Sea")]
        )
        rows = [
            {"instruction": f"Say number {n} in words.", "response": f"It is number {n}, in words.", "domain": domain}
            for n in range(64)
            for domain in [["Land", "Sea"][n % 2]]
        ]
        (tmp_path / "seeds.json").write_text(json.dumps(rows))
        asked = ("exam", config, "--model", "one", "--model", "two", "-n", 64, "--set", "gate.exam=64")
        shown, found = gra(*asked, columns=200).stdout, json.loads(gra(*asked, "--json").stdout)
    lost = {
        (one["model"], one["stage"]): one["no_vote_in"] for one in found["models"] if not one["model"].startswith("@")
    }
    assert lost["one", "response"] == ["Sea"] and lost["two", "response"] == []
    assert re.search(r"one can tell by the response and will vote, with weight [\d.]+, but not in Sea, where it", shown)
    assert [line.split()[0] for line in shown.splitlines() if "no vote" in line and "n=" in line].count("Sea") >= 1
    assert not [line for line in shown.splitlines() if line.strip().startswith("Land") and "no vote" in line]


def test_who_writes_its_opinions_has_no_forms_to_compare_and_that_is_told(gra: Gra, tmp_path: Path) -> None:
    with serving(FakeServer([FakeModel(n, top_logprobs=0) for n in NAMES])) as server:
        config = config_file(tmp_path, server.base_url)
        done = gra("exam", config, "--model", "one", "-n", 4, "--forms", columns=200)
    assert done.exit_code == 0, done.stderr
    assert "`one` has no forms to compare" in " ".join(done.stderr.split())
    assert "By form of question" not in done.stdout
