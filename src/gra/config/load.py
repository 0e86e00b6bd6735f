"""Reads a configuration file: preset, file and overrides become one checked `RunConfig`, or one list of problems.

The file is flat: the keys of `SynthesisConfig` at the top, a block `engine`, and `preset`. Reads no seeds, no
environment and no key, and asks no model; whether a catalogue model exists is found out when it is fetched.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from gra.config.engine import EngineConfig
from gra.config.export import ExportConfig
from gra.config.keys import TAGS, child
from gra.config.pool import check_pool, pool_problem
from gra.config.problems import Problems, listing
from gra.config.prompt_files import read_prompts
from gra.config.settings import Settings
from gra.config.synthesis import SynthesisConfig
from gra.config.yaml_source import KeyPath, Source, parse_source, read_source
from gra.errors import ConfigError

__all__ = ["NO_OVERRIDES", "PRESETS", "RunConfig", "check_pool", "config_from", "load_config", "preset_text"]

PRESETS = ("paper",)
NO_OVERRIDES: Mapping[str, object] = MappingProxyType({})

Plain = dict[str, Any]
T = TypeVar("T", bound=Settings)


class RunConfig(Settings):
    """Everything a run is told: what to synthesise, how to carry it out, and what may leave."""

    synthesis: SynthesisConfig
    engine: EngineConfig = EngineConfig()
    export: ExportConfig = ExportConfig()


def load_config(path: Path | str, overrides: Mapping[str, object] = NO_OVERRIDES) -> RunConfig:
    """Read and check a configuration file.

    Args:
        path: a YAML or JSON file. Relative paths in it are relative to its folder.
        overrides: values that win over the file's, by key, nested or dotted (`{"gate.tau": 7}`). Relative paths in
            them are relative to the current folder.

    Raises:
        ConfigError: it cannot be read or used; every problem is named at once.
    """
    path = Path(path)
    base = Path(os.path.abspath(path)).parent  # noqa: PTH100 (resolve() would follow a linked file to another folder)
    return _loaded(read_source(path), base, overrides)


def config_from(plain: Mapping[str, Any], overrides: Mapping[str, object] = NO_OVERRIDES) -> RunConfig:
    """The same for the content of such a file as plain values; relative paths are relative to the current folder.

    Raises:
        ConfigError: it cannot be used; every problem is named at once.
    """
    return _loaded(Source("the configuration", plain), Path.cwd(), overrides)


def _loaded(source: Source, base: Path, overrides: Mapping[str, object]) -> RunConfig:
    above = _layer(_nested(overrides), Path.cwd())
    plain = _merged(_layer(source.data, base), above)

    def line(key: KeyPath) -> int | None:
        return None if _has(above, key) else source.line(key)

    preset = plain.pop("preset", None)
    if preset is not None:
        if preset not in PRESETS:
            problem = f"there is no preset {json.dumps(preset, default=str)}; there is: {', '.join(PRESETS)}"
            raise ConfigError(listing(source.name, [(("preset",), problem)], line))
        plain = _merged(_preset_data(preset), plain)
    # A block that does not say its kind is of the kind that there would be without it.
    kinds = {"gate": ("type", "seeds" if plain.get("seeds") else "paper"), "casting": ("policy", "random")}
    for key, (tag, kind) in kinds.items():
        if isinstance(block := plain.get(key), dict):
            plain[key] = {tag: "plugin" if "use" in block else kind, **block}
    return _checked(plain, source.name, line)


def resolved_config(plain: Mapping[str, Any], name: str, overrides: Mapping[str, object] = NO_OVERRIDES) -> RunConfig:
    """A configuration that was written out in full, as `run.json` holds it, with values laid over it.

    Raises:
        ConfigError: it cannot be used; every problem is named at once.
    """
    return _checked(_merged(plain, _layer(_nested(overrides), Path.cwd())), name, lambda _: None)


def preset_text(name: str) -> str:
    """The YAML of a preset, with its comments."""
    return files("gra.config").joinpath("presets", f"{name}.yaml").read_text(encoding="utf-8")


def _checked(plain: Plain, name: str, line: Callable[[KeyPath], int | None]) -> RunConfig:
    """All parts are validated before anything is said, so that all problems are told at once."""
    engine, export = ({} if (block := plain.pop(key, None)) is None else block for key in ("engine", "export"))
    found: list[tuple[KeyPath, str]] = []
    synthesis_config = _validated(SynthesisConfig, plain, (), found)
    engine_config = _validated(EngineConfig, engine, ("engine",), found)
    export_config = _validated(ExportConfig, export, ("export",), found)
    if synthesis_config is not None:
        problem = pool_problem(synthesis_config)
        if problem:
            found.append(problem)
    if found or synthesis_config is None or engine_config is None or export_config is None:
        raise ConfigError(listing(name, found, line))
    return RunConfig(synthesis=synthesis_config, engine=engine_config, export=export_config)


def _validated(model: type[T], plain: Any, at: KeyPath, found: list[tuple[KeyPath, str]]) -> T | None:
    try:
        # As JSON and strictly: a list is a tuple and text a path, but `yes` is no number and "12" is not 12.
        return model.model_validate_json(json.dumps(plain), strict=True)
    except TypeError as error:  # only a program can hand over such a thing
        found.append((at, f"holds something that a file could not ({error})"))
        return None
    except ValidationError as error:
        data = plain if isinstance(plain, dict) else {}
        problems = Problems(model, data, also_known=() if at else ("engine", "export", "preset"))
        found.extend(((*at, *path), text) for path, text in problems.of(error))
        return None


@functools.cache
def _preset_data(name: str) -> Mapping[str, Any]:
    return parse_source(preset_text(name), f"preset {name}").data


def _nested(overrides: Mapping[str, object]) -> Plain:
    """Dotted keys as blocks within blocks."""
    plain: Plain = {}
    for key, value in overrides.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        assert isinstance(value, dict)
        plain = _merged(plain, value)
    return plain


def _layer(data: Mapping[str, Any], base: Path) -> Plain:
    """One source's values with what may be written short written out, and its paths made absolute."""
    plain = dict(data)
    for key in ("seeds", "documents"):
        block = plain.get(key)
        if isinstance(block, str | Path):
            block = {"path": block}
        if isinstance(block, Mapping):
            path = block.get("path")
            if path and isinstance(path, str | Path):
                block = {**block, "path": _placed(path, base)}
            plain[key] = block
    export = plain.get("export")
    if isinstance(export, Mapping) and isinstance(files := export.get("contamination"), list | tuple):
        plain["export"] = {**export, "contamination": _all_placed(files, base)}
    if isinstance(exam := plain.get("exam"), Mapping):
        plain["exam"] = {key: _all_placed(files, base) for key, files in exam.items()}
    if isinstance(plain.get("models"), list | tuple):
        plain["models"] = [{"name": m, "catalogue": m} if isinstance(m, str) else m for m in plain["models"]]
    plain |= _kinds_named(plain)
    if "prompts" in plain:
        plain["prompts"] = read_prompts(plain["prompts"], base)
    return {key: _code_placed(value, base) for key, value in plain.items()}


def _all_placed(files: Any, base: Path) -> Any:
    """A path, or each of a list of them; what is none stays for who checks it."""
    if isinstance(files, list | tuple):
        return [_all_placed(file, base) for file in files]
    return _placed(files, base) if files and isinstance(files, str | Path) else files


def _placed(path: str | Path, base: Path) -> str:
    return os.path.normpath(base / os.path.expanduser(path))  # noqa: PTH111 (never raises)


def _kinds_named(plain: Mapping[str, Any]) -> Plain:
    """What is given by the name of its kind alone."""
    found: Plain = {}
    if plain.get("casting") in ("random", "adaptive"):
        found["casting"] = {"policy": plain["casting"]}
    if isinstance(verifiers := plain.get("verifiers"), list | tuple):
        found["verifiers"] = [_verifier(given) for given in verifiers]
    return found


def _verifier(given: Any) -> Any:
    """A verifier by its name alone, or with a kind of its own where `use` names code."""
    if isinstance(given, str):
        return {"type": given}
    return {"type": "plugin", **given} if isinstance(given, Mapping) and "use" in given else given


def _code_placed(value: Any, base: Path) -> Any:
    """Plain data with the files of code in it, which `use` names, made absolute; a plugin's options are its own."""
    if isinstance(value, list | tuple):
        return [_code_placed(item, base) for item in value]
    if not isinstance(value, Mapping):
        return value
    placed = {key: item if key == "options" else _code_placed(item, base) for key, item in value.items()}
    if isinstance(use := placed.get("use"), str) and ".py:" in use:
        placed["use"] = _placed(use, base)
    return placed


def _has(plain: object, key: KeyPath) -> bool:
    """Whether the value at a key comes from here; a whole list does if any of it does."""
    for part in key:
        if isinstance(plain, Mapping) and part not in plain:
            return False
        plain = child(plain, part)
    return True


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Plain:
    """Blocks are merged key by key, anything else is replaced, lists too."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and not _another_kind(old, value):
            value = _merged(old, value)
        merged[key] = value
    return merged


def _another_kind(old: Any, new: Any) -> bool:
    """Whether a block says that it is something else than what it lies over: another gate, another source."""
    if any(tag in new and new[tag] != old.get(tag) for tag in TAGS):
        return True
    sources = ("catalogue", "base_url", "backend")
    return any(mine in new and other in old for mine in sources for other in sources if mine != other)
