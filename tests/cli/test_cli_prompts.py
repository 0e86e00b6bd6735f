"""`gra prompts`: lists, shows, compares and checks what models are sent."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_builders import config_file
from typer.testing import Result

from gra.cli.prompt_lint import RULES
from gra.prompts.declared import DECLARED
from gra.prompts.prompt_set import bundled

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
ROOT = Path(__file__).parents[2]
MINE = "[system]\nBe brief.\x1b[31m\n[user]\n{{instruction}}\n"


def findings(gra: Gra, folder: Path, **changes: Any) -> list[dict[str, str]]:
    done = gra("prompts", "lint", "--config", config_file(folder, **changes), "--json")
    found: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    assert done.exit_code == any(finding["severity"] == "error" for finding in found)
    return found


def test_all_prompts_are_listed_with_whose_they_are(gra: Gra, tmp_path: Path) -> None:
    config = config_file(tmp_path, prompts={"response": MINE})
    shown = gra("prompts", "show", "--config", config, columns=120)
    assert shown.exit_code == 0
    for name in DECLARED:
        assert re.search(rf"^  {name} +{'yours' if name == 'response' else 'bundled'} ", shown.stdout, re.MULTILINE)
    rows = json.loads(gra("prompts", "show", "--json").stdout)
    assert [row["name"] for row in rows] == list(DECLARED)


def test_a_prompt_is_shown_as_it_is_sent_with_the_first_seeds(gra: Gra, tmp_path: Path) -> None:
    config = config_file(tmp_path, prompts={"response": MINE}, language="German")
    shown = gra("prompts", "show", "response", "--config", config)
    assert "Be brief." in shown.stdout and "\x1b" not in shown.stdout
    assert "Say number 0 in words." in shown.stdout
    assert "{{words}} how many words fit a response" in shown.stdout
    plain = json.loads(gra("prompts", "show", "keywords", "--config", config, "--json").stdout)
    assert plain["messages"][0]["content"].endswith("Write in German.")
    assert "Say number 1 in words." not in plain["messages"][1]["content"]
    wrong = gra("prompts", "show", "respond")
    assert wrong.exit_code == 2 and "did you mean `response`?" in wrong.stderr


def test_domains_within_domains_are_shown_by_their_paths(gra: Gra, tmp_path: Path) -> None:
    within = [{"name": "Python", "description": "code"}, {"name": "SQL", "description": "queries"}]
    config = config_file(tmp_path, domains=[{"name": "Coding", "domains": within}])
    shown = gra("prompts", "show", "domain", "--config", config)
    assert shown.exit_code == 0 and "Coding/SQL: queries" in shown.stdout


def test_without_seeds_the_quickstarts_are_shown_and_that_is_said(gra: Gra, tmp_path: Path) -> None:
    config = config_file(tmp_path)
    (tmp_path / "seeds.json").unlink()
    shown = gra("prompts", "show", "summary", "--config", config)
    assert shown.exit_code == 0
    assert "Shown with the quickstart's seeds instead" in shown.stderr


def test_own_prompts_are_compared_with_the_bundled_ones(gra: Gra, tmp_path: Path) -> None:
    own = {"summary": bundled("summary"), "response": MINE}
    shown = gra("prompts", "diff", "--config", config_file(tmp_path, prompts=own))
    assert "+++ yours/response.txt" in shown.stdout and "+Be brief." in shown.stdout
    assert "summary: as it is bundled" in shown.stdout and "\x1b" not in shown.stdout
    assert "All prompts are the bundled ones" in gra("prompts", "diff").stderr
    assert json.loads(gra("prompts", "diff", "--json").stdout) == {}


@pytest.mark.parametrize("config", [None, ROOT / "examples" / "german" / "german.yaml"])
def test_what_comes_with_gra_has_nothing_to_warn_of(gra: Gra, config: Path | None) -> None:
    done = gra("prompts", "lint", *(["--config", config] if config else []))
    assert done.exit_code == 0
    assert "23 prompts, 0 findings" in done.stdout


ASK = "Exercise: {{instruction}}\n\nAnswer: {{response}}\n\nQuestion: {{question}}"
BARE = f"[user]\n{ASK}\n"
YES = "[user]\nIs the answer clear and easy to understand?\n[assistant]\nYes\n"
NO = YES.replace("Yes", "No")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("opinion_response", BARE, "no solved examples before a question"),
        ("opinion_response", YES + YES + BARE, "all 2 solved examples answer `Yes`"),
        ("opinion_response", YES.replace("Yes", "Ja") + NO + BARE, "answers `Ja`, but what is read is yes or no"),
        ("opinion_response", YES.replace("Is the", "Was the") + BARE, "none of the questions of `criteria.resp"),
        ("opinion_response", YES + NO + BARE.strip() + "\n\nReply Yes or No.", "it closes with `Reply Yes or No.`"),
        (
            "opinion_response",
            YES + NO + "[user]\n{{question}}\n{{instruction}}\n{{response}}",
            "{{response}} comes after {{question}}",
        ),
        ("response", "[system]\nDo not lie.\n[user]\n{{instruction}}", "`Do not` in [system]"),
        ("response", "[system]\n" + "Be good. " * 7 + "\n[user]\n{{instruction}}", "7 sentences of its own"),
        ("response", "[user]\n{{instruction}}\n" + "be good and brief " * 30, "characters of its own come after"),
        ("review_response", "[user]\n{{instruction}}{{response}} Mark clarity.", "it does not name correctness"),
    ],
)  # fmt: skip
def test_each_rule_speaks_of_what_it_is_for_and_of_nothing_else(
    gra: Gra, tmp_path: Path, name: str, text: str, said: str
) -> None:
    found = findings(gra, tmp_path, prompts={name: text})
    assert [finding["prompt"] for finding in found] == [name]
    assert said in found[0]["what"]
    assert found[0]["why"]


def test_a_question_whose_good_answer_is_no_and_a_prompt_too_long_are_told(gra: Gra, tmp_path: Path) -> None:
    harm = {"name": "harm", "question": "Does it do harm?", "description": "it is harmless.", "good": "no"}
    found = findings(gra, tmp_path, criteria={"instruction": [harm]})
    assert [f["prompt"] for f in found] == ["opinion_instruction", "criteria.instruction"]
    models = ["qwen2.5-coder-1.5b-instruct", "qwen2.5-coder-0.5b-instruct", "gemma-3-270m", "smollm2-135m-instruct"]
    small = {"models": models, "engine": {"local": {"context": 1024}}}
    told = findings(gra, tmp_path, **small)
    assert {f["prompt"] for f in told} == {"instruction_document", "opinion_response", "opinion_ruling"}
    assert all("more than a third of the context of 1024" in f["what"] for f in told)


def test_files_are_checked_before_any_configuration_names_them(gra: Gra, tmp_path: Path) -> None:
    good, bad = tmp_path / "summary.txt", tmp_path / "respons.txt"
    good.write_text("[user]\nShort: {{instruction}}")
    bad.write_text(MINE)
    done = gra("prompts", "lint", good, columns=200)
    assert done.exit_code == 0 and "1 prompt, 0 findings" in done.stdout
    done = gra("prompts", "lint", good, bad, columns=200)
    assert done.exit_code == 1
    assert "respons: error: there is no prompt `respons`; did you mean `response`?" in done.stdout


def test_what_is_said_to_be_measured_is_in_the_lab_notes() -> None:
    notes = (ROOT / "docs" / "lab_notes.md").read_text(encoding="utf-8")
    for _, _, _, see in RULES:
        assert not see or re.search(rf"^## [\d-]+: {re.escape(see)}$", notes, re.MULTILINE), see
