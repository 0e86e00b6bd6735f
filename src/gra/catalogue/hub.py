"""Model files from the Hugging Face hub, or whatever HF_ENDPOINT names.

The download itself runs in a child process (`gra.catalogue.hub_child`). `huggingface_hub` reads its environment
when it is imported, draws progress bars and logs to stderr; a child honours the environment of this very moment,
keeps its noise to itself, and can be killed.

Before that comes a probe with a short deadline: asked for a file on an unreachable hub, `huggingface_hub` 2.x first
fails, then tries six more times with growing pauses, 23 seconds in all. Its `etag_timeout` does not change that, and
no timeout bounds the look-up of a name. A machine that has only a package index must not wait for either.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from gra.catalogue.cards import ModelCard
from gra.catalogue.fetching import Report, SourceFailed, bytes_below, digest_of, require_digest, run_child

PROBE_S = 3.0
_SLACK = 64 << 20
_TRUE = {"1", "ON", "YES", "TRUE"}


def endpoint() -> str:
    """The hub's address."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def space_needed(card: ModelCard) -> int:
    """Bytes that a pull takes at its peak; a converted file counts as large as what it is made from."""
    return card.bytes * (2 if card.convert else 1)


def fetch(card: ModelCard, folder: Path, report: Report) -> None:
    """Leave every ingredient of `card` in `folder`, checked."""
    assert card.hub is not None
    report("asking", 0)
    require_reachable()
    job = {
        "repo": card.hub.repo,
        "revision": card.hub.revision,
        "folder": str(folder),
        "files": [
            {"file": card.hub.file or member.path, "path": member.path, "bytes": member.bytes, "sha256": member.sha256}
            for member in card.ingredients
        ],
    }

    def watch() -> None:
        there = bytes_below(folder)
        if there > 2 * card.bytes + _SLACK:
            raise SourceFailed(f"{endpoint()} sent more than the {card.bytes:,} bytes of {card.name}")
        report("downloading", there)

    folder.mkdir(parents=True, exist_ok=True)
    ended = run_child(
        [sys.executable, "-P", "-m", "gra.catalogue.hub_child", json.dumps(job)],
        # Telemetry would, besides, ask the hub for one more file and wait for it up to 3 seconds.
        environment={"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
        stop=threading.Event(),
        watch=watch,
    )
    if ended.status:
        raise SourceFailed(ended.lines[-1] if ended.lines else f"ended with status {ended.status}")
    report("checking", card.bytes)
    for member in card.ingredients:
        _check(folder / member.path, member.sha256, f"{member.path} of {card.hub.repo} on {endpoint()}")


def _check(path: Path, expected: str, what: str) -> None:
    try:
        require_digest(digest_of(path), expected, what)
    except SourceFailed:
        path.unlink()
        raise


def require_reachable() -> None:
    """See that the hub answers at all, within `PROBE_S`.

    Raises:
        SourceFailed: it does not, or the environment says to stay offline.
    """
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in _TRUE:
            raise SourceFailed(f"{name} is set")
    if not endpoint().startswith(("http://", "https://")):
        raise SourceFailed(f"HF_ENDPOINT is {endpoint()!r}, which is no web address")
    # A thread, because only so has the look-up of a name a deadline. If it hangs, it ends with the process.
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(_why_unreachable(endpoint())), daemon=True)
    asking.start()
    asking.join(PROBE_S + 0.5)
    reason = answers[0] if answers else f"no answer within {PROBE_S:g} s"
    if reason:
        raise SourceFailed(f"{endpoint()} cannot be reached: {reason}")


def _why_unreachable(address: str) -> str:
    """An empty string if something answers, whatever it answers: the child knows what to make of that."""
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - the scheme is checked by the caller
    try:
        with urllib.request.urlopen(request, timeout=PROBE_S):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return ""
    except urllib.error.URLError as error:
        # `huggingface_hub` has certificates of its own, which may do where the system's do not.
        return "" if isinstance(error.reason, ssl.SSLCertVerificationError) else str(error.reason)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
