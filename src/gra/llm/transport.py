"""One try of one HTTP request, within bounds of time and size: a JSON object comes back, or a `Fault`.

A server's bytes are hostile here: too many, cut, not UTF-8, not JSON, not an object. Knows nothing of models,
prompts or retrying.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from yarl import URL

from gra.errors import ConfigError
from gra.llm.key import ApiKey
from gra.llm.retry import Fault, error_message, plain, retry_after, said

LARGEST_BODY = 8 * 1024 * 1024
"""Bytes of a reply, after decompression. A long reply with log-probabilities has some 100 kB, a batch of the longest
embeddings 3 MB."""
CONNECT_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent."""

    url: str
    key: ApiKey | None = None
    body: Mapping[str, Any] | None = None
    """Sent as JSON by POST; without one the call is a GET."""

    def hide(self, text: str) -> str:
        """The text without the key, for whatever is quoted: servers like to repeat it, and cutting could halve it."""
        return self.key.hide_in(text) if self.key else text


def open_session() -> aiohttp.ClientSession:
    """A session for all endpoints. How many requests run at once is the business of `limits`, not of the pool."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=0),
        headers={"User-Agent": "gra", "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def base_of(name: str, base_url: str) -> URL:
    """The root of a model's API.

    Raises:
        ConfigError: it is no HTTP address, or it holds a password or a query.
    """
    try:
        url = URL(base_url)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"Model `{name}`: `base_url` must be an address such as http://localhost:8000/v1.")
    if url.user or url.password or url.query_string or url.fragment:
        raise ConfigError(
            f"Model `{name}`: `base_url` holds a user name, a password or a query. Secrets are not written in a "
            "configuration: remove it, and name the variable that holds the API key in `api_key_env`."
        )
    return url


async def send(session: aiohttp.ClientSession, call: Call, timeout_s: float) -> dict[str, Any] | Fault:
    """Send once. Redirects are not followed: the key goes where it was meant to go, and nowhere else."""
    timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(timeout_s, CONNECT_TIMEOUT_S))
    try:
        async with session.request(
            "GET" if call.body is None else "POST",
            call.url,
            headers=call.key.headers() if call.key else {},
            json=call.body,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            body = await _bounded(response)
            if body is None:
                return Fault("body", f"more than {LARGEST_BODY} bytes", response.status)
            if response.status != 200:
                return _refusal(response, body, call.hide)
            return _object(body, call.hide)
    except TimeoutError:
        return Fault("timeout", f"{timeout_s:g} s passed")
    except aiohttp.ClientError as error:
        return Fault("connection", plain(call.hide(str(error)) or type(error).__name__))
    except OSError as error:
        return Fault("connection", plain(call.hide(str(error))))


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, or None as soon as it is too large."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(262_144):
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _refusal(response: aiohttp.ClientResponse, body: bytes, hide: Callable[[str], str]) -> Fault:
    words = said(body, hide)
    if 300 <= response.status < 400:
        words = plain("to " + hide(response.headers.get("Location", "nowhere").split("?")[0]))
    wait = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
    return Fault("status", words, response.status, wait)


def _object(body: bytes, hide: Callable[[str], str]) -> dict[str, Any] | Fault:
    try:
        value = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        return Fault("body", "it is not valid UTF-8")
    except (ValueError, RecursionError):
        return Fault("body", f"it is not JSON but begins: {plain(hide(body.decode('utf-8'))[:200], 80)}")
    if not isinstance(value, dict):
        return Fault("body", "it is not a JSON object")
    if value.get("error"):  # some gateways report an upstream's failure with status 200
        return Fault("body", plain(hide(error_message(value) or "it reports an error")))
    return value
