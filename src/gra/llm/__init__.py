"""The road to a model: every one is an OpenAI-compatible endpoint, those that `gra` serves itself included.

Reading order: `client` (asking), `retry` (who retries what), `server` (one server, with its `limits` and its
`circuit`), `wire` (the format), `probe` (what a server can do), `local` (the embedded server), `slots` (its caches),
`turns` (several of them on one machine), `backend` (a model that is the user's own code).
"""

from gra.llm.backend import BackedModel, Backend, EmbeddingBackend
from gra.llm.client import Abilities, Endpoint, Model
from gra.llm.key import ApiKey, key_from_env
from gra.llm.labels import spellings, unreadable
from gra.llm.local import LocalServer, free_cores, threads_for
from gra.llm.probe import probe
from gra.llm.server import Account, Condition, Place, Server
from gra.llm.slots import Slots
from gra.llm.transport import open_session
from gra.llm.turns import Player, taking_turns

__all__ = [
    "Abilities",
    "Account",
    "ApiKey",
    "BackedModel",
    "Backend",
    "Condition",
    "EmbeddingBackend",
    "Endpoint",
    "LocalServer",
    "Model",
    "Place",
    "Player",
    "Server",
    "Slots",
    "free_cores",
    "key_from_env",
    "open_session",
    "probe",
    "spellings",
    "taking_turns",
    "threads_for",
    "unreadable",
]
