"""The program as it is installed: quick to start, and every failure a message with its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_builders import HOSTILE, build_run, config_file, sample
from typer.testing import Result

from gra import errors
from gra.cli import run as run_module
from gra.errors import GraError

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GraError)]
HEAVY = ("aiohttp", "numpy", "pydantic", "xllamacpp", "asyncio", "yaml", "rich")


def program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from gra.cli.app import main; sys.argv[0] = 'gra'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **environment},
        timeout=60,
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['gra', '--help']\nfrom gra.cli.app import main\n"
        f"try:\n    main()\nfinally:\n    print(sorted(set({HEAVY}) & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    for name in (
        "quickstart",
        "init",
        "preview",
        "run",
        "resume",
        "list",
        "diff",
        "status",
        "export",
        "check",
        "models",
    ):
        assert f"\n  {name} " in done.stdout
    assert "...\n" not in done.stdout.partition("Commands:")[2], "every command's line is short enough to be read"


def test_version() -> None:
    assert program("--version").stdout.startswith("gra 0.")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_a_message_and_its_exit_code(
    gra: Gra, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type[GraError]
) -> None:
    parts = ("Parquet export", "parquet") if kind is errors.MissingExtra else (f"[bold]no[/] {HOSTILE}",)

    def fail(*_: object) -> None:
        raise kind(*parts)

    monkeypatch.setattr("gra.cli.attempt.attempt", fail)
    done = gra("run", config_file(tmp_path))
    assert done.exit_code == kind.exit_code
    assert done.stderr.startswith("gra: ") and "Traceback" not in done.stderr and "\x1b" not in done.stderr
    assert ("[bold]no[/]" in done.stderr) != (kind is errors.MissingExtra)


def test_messages_name_the_cause() -> None:
    for arguments, code, words in (
        (["status", "nowhere"], 5, "not a run folder"),
        (["run", "nowhere.yaml"], 2, "no such file"),
        (["resume", "nowhere"], 5, "not a run folder"),
        (["models", "pull", "smolm2-135m"], 4, "Did you mean"),
        (["models", "pull"], 2, "name at least one model"),
        (["run"], 2, "Missing argument"),
        (["nosuch"], 2, "No such command"),
    ):
        done = program(*arguments)
        assert (done.returncode, words in done.stderr) == (code, True), (arguments, done.stderr)
        assert "Traceback" not in done.stderr and not done.stdout


def test_a_fault_of_ours_is_told_and_traced_on_demand(run_folder: Path) -> None:
    code = (
        "import sys; import gra.report.opening as o; from gra.cli.app import main\n"
        "def fail(*_): raise RuntimeError('odd')\n"
        "import gra.cli.status as s; s.reading = fail\nmain()"
    )

    def broken(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *flags, "status", str(run_folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    short, long = broken(), broken("--debug")
    assert short.returncode == long.returncode == 70
    assert "RuntimeError: odd" in short.stderr and "Traceback" not in short.stderr and "gra --debug" in short.stderr
    assert "Traceback" in long.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "COLUMNS": "40"},
        {"TERM": "dumb"},
        {"NO_COLOR": "1", "FORCE_COLOR": "1"},
        {"COLUMNS": "12"},
    ],
)
def test_any_terminal_will_do(run_folder: Path, environment: dict[str, str]) -> None:
    run, config = str(run_folder), run_folder.parent / "new.yaml"
    for arguments in (
        ["status", run],
        ["show", run],
        ["show", run, "r01-00002"],
        ["list", str(run_folder.parent)],
        ["diff", run, run],
        ["init", str(config), "--force"],
    ):
        done = program(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        assert "\x1b[3" not in done.stdout
        assert "PYTHONIOENCODING" not in environment or done.stdout.isascii()
        whole = {"show": "r01-00002", "init": str(config)}.get(arguments[0], run)
        assert whole in done.stdout, "what people copy is not broken over lines"


def test_a_line_of_a_megabyte_is_shown(tmp_path: Path) -> None:
    run = build_run(tmp_path, [sample(0, instruction="y" * 1_000_000 + HOSTILE, keywords=("k" * 200_000,))])
    listed, one = program("show", str(run), COLUMNS="80"), program("show", str(run), "r01", COLUMNS="80")
    assert listed.returncode == one.returncode == 0
    assert len(listed.stdout) < 1000 and one.stdout.count("y") >= 1_000_000
    assert max(map(len, one.stdout.splitlines())) <= 80


def test_settings_are_read_as_yaml_and_named_when_wrong(
    gra: Gra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, Path]] = []
    monkeypatch.setattr("gra.cli.attempt.attempt", lambda config, folder, as_json: seen.append((config, folder)))
    path = config_file(tmp_path, gate={"type": "seeds"})
    assert gra("run", path, "--set", "target=7", "--set", "examples=[1, 2]", "--set", "gate.exam=5").exit_code == 0
    config, folder = seen[0]
    assert (config.synthesis.target, config.synthesis.examples, config.synthesis.gate.exam) == (7, (1, 2), 5)
    assert folder == Path("runs/config")
    for wrong, words in (("target", "KEY=VALUE"), ("target=[", "not valid YAML"), ("targt=3", "did you mean `target`")):
        done = gra("run", path, "--set", wrong)
        assert (done.exit_code, words in done.stderr) == (2, True), done.stderr
    assert "given twice" in gra("run", path, "--set", "target=1", "--set", "target=2").stderr


def test_the_catalogue_is_listed(gra: Gra) -> None:
    assert "smollm2-135m-instruct" in gra("models", "list").stdout
    found = json.loads(gra("models", "list", "--json").stdout)
    assert {m["served_by"] for m in found} == {"gra", "vllm"}
    assert all(m["licence_url"].startswith("https://") and m["file"] is None for m in found)


def test_a_model_for_vllm_is_refused_with_the_command(gra: Gra) -> None:
    done = gra("models", "pull", "qwen2.5-7b-instruct")
    assert done.exit_code == 4
    assert "vllm serve Qwen/Qwen2.5-7B-Instruct" in done.stderr


def test_the_quickstart_configuration_is_bundled() -> None:
    from importlib.resources import files

    assert files("gra").joinpath(*run_module.QUICKSTART).is_file()
