"""Where a configuration names code of the user's own, in place of what gra has. Data only: nothing is loaded here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from gra.config.settings import Settings
from gra.plugins import SYNTAX


class Plugin(Settings):
    """Code of your own ([extending.md](extending.md) has an example of each kind)."""

    use: str = Field(pattern=SYNTAX)
    """`FILE.py:NAME`, relative to this file's folder, or `package.module:NAME` of what is installed."""
    options: Mapping[str, JsonValue] = {}
    """Keyword arguments for it."""


class PluginGate(Plugin):
    """A gate of your own. A block with `use` is one."""

    type: Literal["plugin"] = "plugin"


class PluginCasting(Plugin):
    """A casting policy of your own. A block with `use` is one."""

    policy: Literal["plugin"] = "plugin"


class PluginReading(Plugin):
    """A reading of your own."""
