"""The road to a model: every one is an OpenAI-compatible endpoint, those that `gra` serves itself included.

Reading order: `client` (asking), `retry` (who retries what), `wire` (the format), `probe` (what a server can do),
`local` (the embedded server).
"""

from gra.llm.client import Abilities, Endpoint
from gra.llm.key import ApiKey, key_from_env
from gra.llm.limits import Limit
from gra.llm.local import LocalServer, threads_for
from gra.llm.probe import probe
from gra.llm.transport import open_session

__all__ = [
    "Abilities",
    "ApiKey",
    "Endpoint",
    "Limit",
    "LocalServer",
    "key_from_env",
    "open_session",
    "probe",
    "threads_for",
]
