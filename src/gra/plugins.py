"""Code of the user's own: found by its name, loaded when it is used, told from another version by its text.

It knows files and modules; not what any of them is good for. Nothing here runs while a configuration is only read.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from gra.errors import ConfigError

SYNTAX = r"^(?:.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):[A-Za-z_]\w*$"
"""`FILE.py:NAME`, or `package.module:NAME` of what is installed."""
LARGEST = 1_048_576
"""Bytes of a file of code; a larger one is something else."""


def load(use: str) -> Any:
    """The class or function that `use` names. Its file is run, once for each text that it has had.

    Raises:
        ConfigError: it cannot be found, or fails while it is loaded.
    """
    place, _, name = use.rpartition(":")
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # anything can go wrong in somebody's own code
        raise ConfigError(f"`{use}` cannot be loaded: {in_words(error)}. Mend it, or leave it out.") from error
    if not hasattr(module, name):
        raise ConfigError(f"`{use}`: there is no `{name}` in {place}. Name a class or function that it defines.")
    return getattr(module, name)


def made(use: str, options: Mapping[str, Any], needs: tuple[str, ...], *given: object, **named: object) -> Any:
    """What `use` makes of what it is given and of its options.

    Args:
        use: names something that can be called.
        options: the user's keyword arguments for it.
        needs: attributes that the result must have; `__call__` for one that is called itself.
        given: positional arguments.
        named: further keyword arguments.

    Raises:
        ConfigError: it cannot be loaded or made, or is not what is needed.
    """
    factory = load(use)
    try:
        thing = factory(*given, **named, **options)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"`{use}` cannot be made: {in_words(error)}. Check its `options`.") from error
    if missing := [need for need in needs if not hasattr(thing, need)]:
        raise ConfigError(f"`{use}` makes a {type(thing).__name__} without {', '.join(f'`{m}`' for m in missing)}.")
    return thing


def digest(use: str, options: Mapping[str, Any]) -> str:
    """Hash of a name, of the text of the one file that defines it, and of its options.

    Runs nothing of a file; to find `package.module` it imports `package`.

    Raises:
        ConfigError: the file cannot be found or read.
    """
    place, _, name = use.rpartition(":")
    body = json.dumps([name, _source(place, use), options], sort_keys=True, ensure_ascii=True)
    return "sha256:" + hashlib.sha256(body.encode("ascii")).hexdigest()


def in_words(error: BaseException) -> str:
    """The error in a line, with the place in the file where it came up."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})" if trace else ""
    if isinstance(error, SyntaxError) and error.lineno:
        where = f" (line {error.lineno})"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{where}"


def _source(place: str, use: str) -> str:
    path = Path(place)
    if not place.endswith(".py"):
        try:
            spec = importlib.util.find_spec(place)
        except (Exception, SystemExit) as error:  # the package's own code runs
            raise ConfigError(f"`{use}` cannot be found: {in_words(error)}. Install or mend the package.") from error
        if spec is None or not spec.has_location or spec.origin is None:
            raise ConfigError(f"`{use}`: there is no module `{place}`. Install the package that has it.")
        path = Path(spec.origin)
    return _read(path).decode("utf-8", "surrogateescape")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            text = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: the code cannot be read ({why}). Give the path of a Python file.") from None
    if len(text) > LARGEST:
        raise ConfigError(f"{path}: larger than {LARGEST // 1024} kB, which no file of code is.")
    return text


def _from_file(path: Path) -> ModuleType:
    text = _read(path)
    name = f"gra_plugin_{hashlib.sha256(str(path).encode() + text).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102 (the user named this file to be run)
    except BaseException:
        del sys.modules[name]
        raise
    return module
