"""Reads `--set key=value`: the value as YAML, so that numbers, lists and words are what they look like."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from gra.errors import ConfigError


def parse_settings(settings: Sequence[str]) -> dict[str, object]:
    """The overrides by dotted key.

    Raises:
        ConfigError: one is not of the form `key=value`, is given twice, or its value is not YAML.
    """
    found: dict[str, object] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals or not key or not all(key.split(".")):
            raise ConfigError(f"--set {setting}: expected KEY=VALUE, for example --set target=100")
        if key in found:
            raise ConfigError(f"--set {key} is given twice")
        try:
            found[key] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"--set {key}: the value is not valid YAML ({reason}). Put it in quotes") from None
    return found
