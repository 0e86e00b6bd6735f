"""What the documentation says is there, is there: files, functions, keys, statuses, tables, queries and commands."""

from __future__ import annotations

import ast
import importlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from gra.calls import CallId, Message, Reply, Request, Sampling
from gra.cli.app import app
from gra.config.engine import EngineConfig
from gra.config.synthesis import SynthesisConfig
from gra.errors import GraError
from gra.events import Event
from gra.records import Cast, Opinion, Ruling, Sample, Status, Verdict, Version
from gra.store.migrations import migrate
from gra.store.rows import Attempt, insert_call, put_attempt, put_sample
from gra.synthesis.faults import FAULTS
from test_layers import LAYERS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "gra"
PAGES = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in sorted((ROOT / "docs").glob("*.md"))}
PAGES |= {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "AGENTS.md")}
ALL = "\n".join(PAGES.values())
ARCHITECTURE, RUN_FOLDER = PAGES["docs/architecture.md"], PAGES["docs/run_folder.md"]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
MENTION = re.compile(r"`([\w./-]+\.py)::([\w.]+)`")
SPAN = re.compile(r"`([^`\n]+)`")


def fences(page: str, *languages: str) -> Iterator[str]:
    return (text for language, text in FENCE.findall(page) if language in languages)


def prose(page: str) -> str:
    return FENCE.sub("", page)


# --- links and names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings_that_are_there(name: str) -> None:
    for target in LINK.findall(prose(PAGES[name])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (ROOT / name).parent / path if path else ROOT / name
        assert there.exists(), f"{name}: {target}"
        assert there.resolve().is_relative_to(ROOT), f"{name}: {target}"
        assert not re.fullmatch(r"L\d+.*", anchor), f"{name}: {target} names a line, which moves"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{name}: {target}"


def anchors(page: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_functions_that_are_named_with_their_file_are_in_it(name: str) -> None:
    for path, function in MENTION.findall(PAGES[name]):
        file = next((f for f in (ROOT / path, SOURCE / path) if f.is_file()), None)
        assert file, f"{name}: {path}"
        assert function in defined(file), f"{name}: {path}::{function}"


@pytest.mark.parametrize("name", PAGES)
def test_a_link_on_a_function_leads_to_its_file(name: str) -> None:
    for path, target in re.findall(r"\[`([\w./-]+\.py)(?:::[\w.]+)?`\]\(([^)]+)\)", PAGES[name]):
        assert target.endswith(path), f"{name}: {path} is linked to {target}"


def defined(file: Path) -> set[str]:
    """Functions and classes of a file, methods as `Class.method`."""
    found: set[str] = set()

    def walk(body: list[ast.stmt], above: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(above + node.name)
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{above}{node.name}.")

    walk(ast.parse(file.read_text(encoding="utf-8")).body, "")
    return found


def test_every_example_named_is_there() -> None:
    named = set(re.findall(r"\b(examples/[\w./-]+\.yaml)", ALL))
    assert named
    assert named <= {path.relative_to(ROOT).as_posix() for path in (ROOT / "examples").rglob("*.yaml")}


def test_every_command_named_is_one() -> None:
    commands = {c.name: set[str]() for c in app.registered_commands}
    for group in app.registered_groups:
        assert group.typer_instance
        commands[group.name] = {str(c.name) for c in group.typer_instance.registered_commands}
    for name, page in PAGES.items():
        spans = [text for text in SPAN.findall(prose(page)) if text.startswith("gra ")]
        shell = "\n".join(fences(page, "", "sh", "bash"))
        lines = [line.strip().removeprefix("$ ") for line in shell.split("\n")]
        for text in [*spans, *(line for line in lines if line.startswith("gra "))]:
            words = [word for word in text.split()[1:] if not word.startswith("-")]
            if not words:
                continue
            assert words[0] in commands, f"{name}: {text}"
            if commands[words[0]] and len(words) > 1:
                assert words[1] in commands[words[0]], f"{name}: {text}"


def test_every_command_is_named() -> None:
    for command in app.registered_commands:
        assert f"gra {command.name}" in ALL, command.name


# --- what the code has is told ----------------------------------------------------------------------------------------


def test_every_key_of_the_configuration_is_on_its_page() -> None:
    for key in [*SynthesisConfig.model_fields, *EngineConfig.model_fields]:
        assert f"| `{key}` |" in PAGES["docs/configuration.md"], key


def test_every_fault_is_told() -> None:
    for kinds in FAULTS.values():
        for fault in (fault for faults in kinds.values() for fault in faults):
            assert f"`{fault.__name__}`" in PAGES["docs/exam.md"], fault.__name__


def test_every_status_is_told_and_no_other() -> None:
    section = RUN_FOLDER.partition("## Statuses of a sample")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [status.value for status in Status]


def test_every_event_is_told_and_no_other() -> None:
    section = ARCHITECTURE.partition("## Events")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [event.__name__ for event in get_args(Event)]


def test_every_error_is_told_with_its_exit_code() -> None:
    section = ARCHITECTURE.partition("## Errors")[2].partition("\n## ")[0]
    told = {name: int(code) for name, code in re.findall(r"^\| `(\w+)` \| (\d+) \|", section, re.MULTILINE)}
    for path in SOURCE.rglob("*.py"):
        if re.search(r"^class \w+\(\w*(Error|Extra|Failed|Missed|Refused)\):", path.read_text(encoding="utf-8"), re.M):
            importlib.import_module(".".join(("gra", *path.relative_to(SOURCE).with_suffix("").parts)))
    assert told == {error.__name__: error.exit_code for error in errors(GraError)}


def errors(base: type[GraError]) -> Iterator[type[GraError]]:
    if base.__module__.startswith("gra."):
        yield base
    for inner in base.__subclasses__():
        yield from errors(inner)


def test_every_module_has_its_line() -> None:
    told = re.findall(r"^- \[`([\w./]+\.py)`\]", ARCHITECTURE, re.MULTILINE)
    there = [p.relative_to(SOURCE).as_posix() for p in SOURCE.rglob("*.py") if p.name != "__init__.py"]
    assert sorted(told) == sorted(there)


def test_the_layers_are_the_ones_that_are_checked() -> None:
    rows = re.findall(r"^\| (\d) \| (.+?) \|", ARCHITECTURE, re.MULTILINE)
    assert tuple(frozenset(SPAN.findall(cell)) for _, cell in rows) == LAYERS


# --- the database -----------------------------------------------------------------------------------------------------


def fresh() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    return connection


def filled() -> sqlite3.Connection:
    """A database with one call, one accepted sample, an exam and what an attempt took."""
    connection = fresh()
    cast = Cast("writer", ("one",), "judge")
    yes = Verdict("accept", 7.5, 0.0, "good enough")
    opinion = Opinion("one", "response", "probability", {"correctness": 0.75})
    ruling = Ruling(Opinion("judge", "response", "probability", {"correctness": 0.9}), yes)
    version = Version(1, "Four.", cast, (opinion,), yes, ruling)
    versions = (Version(0, "Five.", cast, (opinion,), yes), version)
    put_sample(
        connection, Sample("r01-00007", 1, 7, "Math", cast, versions=versions, status=Status.ACCEPTED, score=7.5)
    )
    request = Request("writer", (Message("user", "2 + 2?"),), Sampling(0.0, 1.0, 8, 0))
    insert_call(connection, CallId("r01-00007", "v0.response", 1), "sha256:0", request, Reply("4"), "2026-01-01")
    exam = '[{"model": "one", "stage": "response", "auc": 0.9, "weight": 1.5}]'
    connection.execute("INSERT INTO facts VALUES ('exam', ?)", (exam,))
    put_attempt(connection, Attempt(1, "2026-01-01", 60.0, {"package-0": 3600.0}, {"one": 36.0}))
    return connection


def queries() -> list[str]:
    return [query.strip() for text in fences(RUN_FOLDER, "sql") for query in text.split(";") if query.strip()]


@pytest.mark.parametrize("query", queries())
def test_every_query_runs_and_finds_what_it_is_for(query: str) -> None:
    with closing(fresh()) as empty:
        assert empty.execute(query).fetchall() == []
    with closing(filled()) as connection:
        assert connection.execute(query).fetchall() != []


def test_every_table_is_told_with_its_columns() -> None:
    section = RUN_FOLDER.partition("## Tables of run.sqlite")[2].partition("\n## ")[0]
    told = {}
    for heading, text in re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL):
        columns = text.partition("| column | what |")[2].partition("\n\n")[0]
        told[heading] = [name for cell in re.findall(r"^\| (`.+?) \|", columns, re.M) for name in SPAN.findall(cell)]
    with closing(fresh()) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        there = {t: [row[1] for row in connection.execute(f"PRAGMA table_info({t})")] for t in tables}
    assert {table: sorted(columns) for table, columns in told.items()} == {t: sorted(c) for t, c in there.items()}
