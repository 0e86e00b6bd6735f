"""docs/commands.md: what the commands say of themselves, and a code for every way to end."""

from __future__ import annotations

import re
from pathlib import Path

from gra.cli.app import UNEXPECTED
from gra.cli.attempt import Unexpected
from gra.cli.reference import commands, commands_markdown

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
READ_BY_PROGRAMS = {
    f"gra {name}"
    for name in (
        *("quickstart", "init", "check", "preview", "run", "resume", "list", "status", "show", "diff", "export"),
        *("push", "distill", "exam", "verify", "ablate", "replay", "report", "reviewers", "models list", "models pull"),
        *("prompts show", "prompts diff", "prompts lint"),
    )
}
CONFIGURED = {"gra check", "gra preview", "gra run", "gra resume", "gra distill", "gra exam", "gra ablate"}


def test_the_page_is_what_the_commands_say() -> None:
    again = "run: python -m gra.cli.reference > docs/commands.md"
    assert PAGE.read_text(encoding="utf-8") == commands_markdown(), again


def test_commands_that_a_program_might_read_print_json_and_those_with_a_configuration_take_settings() -> None:
    sections = dict(re.findall(r"^## `(gra .+?)`\n(.*?)(?=^## |\Z)", commands_markdown(), re.MULTILINE | re.DOTALL))
    assert list(sections) == [name for name, _ in commands()]
    assert {name for name, text in sections.items() if "| `--json` |" in text} == READ_BY_PROGRAMS
    assert {name for name, text in sections.items() if "| `--set KEY=VALUE` |" in text} == CONFIGURED


def test_every_exit_code_has_one_row() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", commands_markdown(), re.MULTILINE)]
    assert codes == sorted(set(codes))
    assert Unexpected.exit_code == UNEXPECTED
    assert {0, 1, 2, 3, 4, 5, UNEXPECTED, 129, 130, 143} == set(codes)
