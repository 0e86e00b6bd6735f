"""`gra completion`: the script that lets a shell complete commands, options, run folders and names of models."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

VARIABLE = "_GRA_COMPLETE"
"""Set by the script when the shell asks what could come next."""


class Shell(StrEnum):
    """The shells that can be completed in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="The shell.")]) -> None:
    """Print a script for a shell's completion.

    For bash: `eval "$(gra completion bash)"`, in ~/.bashrc to keep it. For zsh the same with `zsh`, in ~/.zshrc after
    `compinit`. For fish: `gra completion fish > ~/.config/fish/completions/gra.fish`.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # there is no other way in

    print(get_completion_script(prog_name="gra", complete_var=VARIABLE, shell=shell.value))


def prepare() -> None:
    """Make ready to answer a shell, if it is one that asks."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # as above

        completion_init()
