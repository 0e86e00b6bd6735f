"""Reads the user's own prompt files, so that a configuration holds their texts and no longer needs the files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from gra.errors import ConfigError
from gra.prompts.prompt_set import problems_of

MAX_BYTES = 65_536
"""Of one prompt; the largest bundled one has 2,000."""


def read_prompts(given: object, base: Path) -> object:
    """Prompt texts by name; what is no folder, file or text is left as it is, for the types to complain of.

    Args:
        given: a folder, every `.txt` file in which is taken; or for each name a file, or a text (it has line breaks).
        base: what relative paths are relative to.

    Raises:
        ConfigError: a file cannot be read, or cannot stand for the prompt of its name; all problems are told, with
            their lines.
    """
    if isinstance(given, str | Path):
        given = {file.stem: str(file) for file in _files_in(_absolute(given, base))}
    if not isinstance(given, Mapping):
        return given
    texts: dict[object, object] = {}
    problems: list[str] = []
    for name, value in given.items():
        texts[name] = value
        if isinstance(value, Path) or (isinstance(value, str) and value and "\n" not in value):
            path = _absolute(value, base)
            texts[name] = text = read_prompt(path)
            problems += [_placed(path, problem) for problem in problems_of(str(name), text)]
    if problems:
        raise ConfigError("\n".join(problems))
    return texts


def read_prompt(path: Path) -> str:
    """The text of a prompt file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES // 1024} kB, which no prompt is.")
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text. Save the file as UTF-8.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: the prompt cannot be read ({why}). Give the path of a text file.") from None


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == ".txt")
    except OSError as error:
        raise ConfigError(
            f"{folder}: the prompts cannot be read ({error.strerror}). Give a folder of files NAME.txt, or a file "
            "for each name."
        ) from None


def _absolute(path: str | Path, base: Path) -> Path:
    return Path(os.path.normpath(base / os.path.expanduser(path)))  # noqa: PTH111 (never raises)


def _placed(path: Path, problem: str) -> str:
    """`FILE, line N: ...`, or without a line where there is none."""
    end = "" if problem.endswith((".", "?")) else "."
    return f"{path}{', ' if problem.startswith('line ') else ': '}{problem}{end}"
