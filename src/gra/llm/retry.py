"""Who retries what. The one page; nothing else in `gra` repeats a request.

    what went wrong with a try                        what happens to the request   what it says of the server
    ------------------------------------------------  ----------------------------  --------------------------
    connection refused, reset, cut; name unknown      again, after reviving the     silence
                                                      server if gra runs it itself
    no complete answer within the timeout; 504        again                         silence, overload
    503                                               again                         silence, overload
    502                                               again                         silence
    429, 529                                          again                         overload
    408, 425, other 5xx (but 501)                     again                         -
    200 with a body that is no answer                 again                         -
    400, 413, 414, 422; llama.cpp's 500 "too large"   Refused: others go on         -
    401, 403                                          KeyRefused, at once           out of service
    any other status (3xx, 402, 404, 405, 501 ...)    OutOfService, at once         out of service

**Again**: up to `retries` further tries with exponential back-off and full jitter: before the n-th further try a wait
drawn evenly from 0 to min(10 s, 0.5 s * 2^n). It gives its place at the server to others meanwhile, and comes back in
the order of urgency. When its tries are used up: EndpointError, and its sample ends as `failed`. A fault that is none
of the request's uses up no try: a silence while nobody else is answered either, and a 429 while others are (but after
50 tries it may be the request after all: one that is larger than a quota is answered with 429 as well).

**Greeting**: a request that met silence, with nobody answered since, may be alone with a server that it kills or that
takes too long for it. So its next try begins with the least that can be asked of the same model: one token, or the
embedding of a full stop. If that meets silence too, that is the try. If it is answered, with whatever words, the server
is there, the request is sent, and now its silence uses up a try: the same request fails at any concurrency. A list of
models would be cheaper to ask for, but gateways give it with nobody behind them.

**Overload** halves the requests at once at the server (`limits.Limit`), for all its models, but once for all that were
under way together; every success adds to them again. `Retry-After` (at most 120 s of it) pauses the server for all its
models. After any pause one request goes first, then two, then four.

**Silence**: five in a row with nothing between open the server's circuit (`circuit.Circuit`). Then nobody is sent to it
but one request or its greeting after 1 s, 2 s, 4 s ... at most 30 s, until one is answered. Requests wait for that, so
their samples stay as far as they are, neither failed nor replaced, and samples that do not need the server go on: which
samples a dataset has does not depend on who was down when. A server that is silent for longer than `patience_s` is out
of service. One that has never answered is not waited for: its silences use up tries.

**Out of service** ends the run in good order, to be resumed: OutOfService. So do `give_up_after` requests in a row that
one server failed for good, nothing answered between: that is no fault of theirs.

A *reply* that the method cannot use (no JSON, a score out of range, cut at `max_tokens`) is not a fault: it is data,
and its repair turn belongs to `gra.synthesis`.

Deciding is pure: this module sends nothing and reads no clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from gra.errors import EndpointError, KeyRefused, OutOfService, Refused

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
LONGEST_RETRY_AFTER_S = 120.0
TRIES_IN_TURN = 50
"""Tries after which 429 counts against the request though others are answered."""
SAID_LIMIT = 300
"""Characters of what a server said that enter an error message."""

_TERMINAL_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with one try of a request."""

    kind: Literal["connection", "timeout", "status", "body"]
    said: str = ""
    """The server's or the operating system's words, already `plain`."""
    status: int = 0
    retry_after_s: float | None = None

    @property
    def name(self) -> str:
        """In a word or two."""
        return f"HTTP {self.status}" if self.kind == "status" else _NAMES[self.kind]


_NAMES = {"connection": "no connection", "timeout": "no answer in time", "body": "unusable answer"}


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after a wait."""

    after_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Raise this error."""

    error: type[EndpointError]


def decide(
    fault: Fault, failed_tries: int, retries: int, luck: float, spared: int = 0, lost: bool = False
) -> Again | GiveUp:
    """What to do after a fault.

    Args:
        fault: What went wrong.
        failed_tries: Tries of this request that failed so far, this one included.
        retries: Further tries allowed.
        luck: A number drawn evenly from [0, 1) for the jitter.
        spared: Those of the failed tries that do not count (`counts`).
        lost: The server is silent, and not waited for any longer.
    """
    final = _final(fault)
    if final is not None:
        return GiveUp(final)
    if lost and is_silence(fault):
        return GiveUp(OutOfService)
    if failed_tries - spared > retries:
        return GiveUp(EndpointError)
    return Again(luck * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failed_tries, 16)))


def counts(fault: Fault, failed_tries: int, others_answered: bool, silent: bool, ever: bool) -> bool:
    """Whether a fault uses up one of the request's tries.

    Args:
        fault: What went wrong.
        failed_tries: See `decide`.
        others_answered: The server has answered somebody, or a greeting, since the request's last fault.
        silent: The server's circuit is open.
        ever: The server has answered anybody at any time.
    """
    if is_silence(fault):
        return not ever or (others_answered and not silent)
    return not (fault.status == 429 and others_answered and failed_tries < TRIES_IN_TURN)


def is_silence(fault: Fault) -> bool:
    """Nobody answered, or a gateway with nobody behind it."""
    return fault.kind in ("connection", "timeout") or fault.status in (502, 503, 504)


def is_overload(fault: Fault) -> bool:
    """The server is asked for too much at once."""
    return fault.kind == "timeout" or fault.status in (429, 503, 504, 529)


def is_refusal(fault: Fault) -> bool:
    """The server is well and will not answer this one request."""
    return _final(fault) is Refused


def pause_s(fault: Fault) -> float:
    """Seconds that the server asks everybody to wait."""
    return min(fault.retry_after_s or 0.0, LONGEST_RETRY_AFTER_S)


def _final(fault: Fault) -> type[EndpointError] | None:
    """The error that no further try can mend, or None."""
    if fault.kind != "status" or fault.status in (408, 425, 429):
        return None
    if fault.status in (400, 413, 414, 422):
        return Refused
    if fault.status in (401, 403):
        return KeyRefused
    if fault.status == 500 and "too large to process" in fault.said:
        return Refused  # llama.cpp says so of a text too long to embed
    return None if fault.status >= 500 and fault.status != 501 else OutOfService


def failure(error: type[EndpointError], fault: Fault, name: str, url: str, tries: int) -> EndpointError:
    """The error to raise, saying the cause and what to do next. `url` must hold no secret."""
    cause, advice = _cause_and_advice(fault)
    count = f" ({tries} tries)" if tries > 1 else ""
    said = f": {fault.said}" if fault.said else ""
    return error(f"Model `{name}` at {url}: {cause}{count}{said}. {advice}")


def _cause_and_advice(fault: Fault) -> tuple[str, str]:
    if fault.kind == "connection":
        return "no connection", "Check that the server runs and that `base_url` is right."
    if fault.kind == "timeout":
        return "no answer in time", "Raise `timeout_s`, or lower the endpoint's `concurrency`."
    if fault.kind == "body":
        return "the answer cannot be used", "Check that `base_url` is the root of an OpenAI-compatible API."
    return _status_words(fault)


def _status_words(fault: Fault) -> tuple[str, str]:
    status = fault.status
    if status in (401, 403):
        return (
            f"the API key was not accepted (HTTP {status})",
            "Put the key into an environment variable, and name that in the model's `api_key_env`.",
        )
    if status == 404:
        if "model" in fault.said.casefold():
            return "the server does not know the model (HTTP 404)", "Set `model` to a name that it serves."
        return (
            "the server has no such address (HTTP 404)",
            "Check `base_url`; on most servers it ends in `/v1`.",
        )
    if status in (400, 413, 414, 422):
        return (
            f"the request was refused (HTTP {status})",
            "If it is too long, give the model more context.",
        )
    if status == 429:
        return (
            "too many requests (HTTP 429)",
            "Lower the endpoint's `concurrency`, or check the account's quota.",
        )
    if 300 <= status < 400:
        return f"the server redirects (HTTP {status})", "Set `base_url` to the address that it redirects to."
    if status == 501:
        return "the server cannot do this (HTTP 501)", "Use another server or model for it."
    if status >= 500:
        return f"the server failed (HTTP {status})", "Look at the server's log."
    return f"unexpected HTTP status {status}", "Check `base_url`, `model` and the account."


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks to wait: a number, or an HTTP date; None if it says nothing."""
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def said(body: bytes, hide: Callable[[str], str] = str) -> str:
    """What an error body says, as one bounded line of plain text; `hide` takes out what must not be shown."""
    text = body[:65_536].decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return plain(hide(text))
    return plain(hide(error_message(value) or text))


def error_message(value: Any) -> str:
    """The message in a JSON error body as the common servers write it; empty if there is none."""
    if not isinstance(value, Mapping):
        return ""
    for name in ("error", "message", "detail"):
        found = value.get(name)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, Mapping) and isinstance(found.get("message"), str):
            return str(found["message"])
    return ""


def plain(text: str, limit: int = SAID_LIMIT) -> str:
    """Text from outside made safe to print: one line, printable characters only, at most `limit` of them."""
    text = _TERMINAL_ESCAPE.sub("", text)
    text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= limit else text[: limit - 1] + "…"
