"""Completion in a real bash, with the script that `gra completion bash` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_builders import build_run, one_of_each
from typer.testing import Result

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
BASH = shutil.which("bash")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program `gra`, as installed."""
    path = tmp_path / "bin" / "gra"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\nfrom gra.cli.app import main\nmain()\n")
    path.chmod(0o755)
    return path


def offered(program: Path, words: list[str], folder: Path) -> list[str]:
    """What bash would offer after these words, the last of which is being typed."""
    script = (
        'eval "$(gra completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        '_gra_completion gra "${@: -1}" "${@: -2:1}"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        [str(BASH), "--norc", "-c", script, "bash", "gra", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_bash_completes_commands_options_runs_samples_and_models(program: Path, tmp_path: Path) -> None:
    build_run(tmp_path / "first", one_of_each()).rename(tmp_path / "mine")
    (tmp_path / "runs").mkdir()
    build_run(tmp_path / "second", one_of_each()).rename(tmp_path / "runs" / "ours")
    for words, expected in (
        (["re"], ["resume", "reviewers", "report", "replay"]),
        (["models", ""], ["list", "pull"]),
        (["run", "--s"], ["--set"]),
        (["export", "--format", "al"], ["alpaca"]),
        (["status", "r"], ["runs/ours"]),
        (["status", ""], ["runs/ours", "mine"]),
        (["show", "mine", "r01-0000"], [f"r01-{n:05d}" for n in range(10)]),
        (["show", "nowhere", "r01"], []),
        (["models", "pull", "smol"], ["smollm2-135m-instruct"]),
        (["completion", "f"], ["fish"]),
    ):
        assert offered(program, words, tmp_path) == expected, words


def test_every_shell_has_a_script(gra: Gra) -> None:
    for shell, word in (("bash", "complete -o default"), ("zsh", "compdef"), ("fish", "complete --command gra")):
        done = gra("completion", shell)
        assert done.exit_code == 0 and word in done.stdout and "_GRA_COMPLETE=complete_" + shell in done.stdout
    assert gra("completion", "tcsh").exit_code == 2
