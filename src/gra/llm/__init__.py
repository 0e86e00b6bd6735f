"""The road to a model: every one is an OpenAI-compatible endpoint, those that `gra` serves itself included.

Reading order: `client` (asking), `retry` (who retries what), `wire` (the format), `probe` (what a server can do),
`local` (the embedded server), `turns` (several of them on one machine), `backend` (a model that is the user's own
code).
"""

from gra.llm.backend import BackedModel, Backend, EmbeddingBackend
from gra.llm.client import Abilities, Endpoint
from gra.llm.key import ApiKey, key_from_env
from gra.llm.limits import Limit
from gra.llm.local import LocalServer, free_cores, threads_for
from gra.llm.probe import probe
from gra.llm.transport import open_session
from gra.llm.turns import Player, taking_turns

__all__ = [
    "Abilities",
    "ApiKey",
    "BackedModel",
    "Backend",
    "EmbeddingBackend",
    "Endpoint",
    "Limit",
    "LocalServer",
    "Player",
    "free_cores",
    "key_from_env",
    "open_session",
    "probe",
    "taking_turns",
    "threads_for",
]
