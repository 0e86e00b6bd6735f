"""The names of the filters of an export. Without pydantic, as the help page has them too."""

from __future__ import annotations

from typing import Literal, get_args

FilterName = Literal["secrets", "personal", "refusals", "boilerplate", "repetition", "duplicates"]
FILTERS: tuple[FilterName, ...] = get_args(FilterName)
