"""API keys: read from the environment, never shown. The key's text leaves an `ApiKey` only as an HTTP header."""

from __future__ import annotations

import os

from gra.errors import ConfigError


class ApiKey:
    """A secret that no repr, log, traceback or error message shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "ApiKey(…)"

    def __reduce__(self) -> str:
        raise TypeError("an API key is not written anywhere")

    def headers(self) -> dict[str, str]:
        """The HTTP headers that present the key."""
        return {"Authorization": f"Bearer {self._text}"}

    def hide_in(self, text: str) -> str:
        """`text` without the key: servers like to repeat it in their error messages."""
        return text.replace(self._text, "…")


def key_from_env(variable: str) -> ApiKey:
    """The key in an environment variable.

    Raises:
        ConfigError: the variable is not set, is empty, or holds what cannot be sent as a header.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        raise ConfigError(
            f"`api_key_env` names the environment variable {variable}, which is not set. "
            f"Set it to the API key (export {variable}=...), or remove `api_key_env`."
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(
            f"The environment variable {variable} does not hold an API key: it has spaces or characters that "
            "no HTTP header can carry. Set it again."
        )
    return ApiKey(text)
