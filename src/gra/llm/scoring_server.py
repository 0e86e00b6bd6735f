"""Beside an embedded server, in its child process: a small one on loopback that says how probable a reply is.

`POST /v1/score` with `messages` (or, of a model without a chat template, `prompt`) and `scored` gives `logprobs`, one
for each token of the reply and one for the end of its turn. The conversation is rendered by the embedded server itself.
The model is loaded when it is first asked, a second time but from the same pages of its file.
"""

from __future__ import annotations

import hmac
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gra.llm.prompt_scores import PromptScores, Unsupported

MARK = "Vexil"
"""A reply that no template has a place for: what follows on it there is what ends a turn."""
_WRONG = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError, Unsupported)
LARGEST = 4_000_000
"""Bytes of a request."""


class Scorer:
    """What answers: the embedded server for the template, and the model, loaded when it is first needed."""

    def __init__(self, server: str, key: str, load: Callable[[], PromptScores]) -> None:
        self.key = key
        self._server, self._load = server, load
        self._loading = threading.Lock()
        self._model: PromptScores | None = None
        self._after: str | None = None

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request; raises whatever is wrong with it."""
        with self._loading:
            self._model = self._model or self._load()
        if "prompt" in body:
            logprobs, count = self._model.of_reply(body["prompt"], body["scored"])
        else:
            logprobs, count = self._model.of_reply(
                self._rendered(body["messages"]), body["scored"], self._after_reply()
            )
        return {"logprobs": logprobs, "usage": {"prompt_tokens": count, "completion_tokens": 0}}

    def _after_reply(self) -> str:
        if self._after is None:
            turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": MARK}]
            self._after = self._rendered([*turns, turns[0]]).partition(MARK)[2]
        return self._after

    def _rendered(self, messages: object) -> str:
        """The conversation as the model sees it, up to where its reply begins."""
        request = urllib.request.Request(  # noqa: S310 (our own server, on loopback)
            f"{self._server}/apply-template",
            json.dumps({"messages": messages}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return str(json.load(answer)["prompt"])
        except urllib.error.HTTPError as error:
            raise ValueError(f"the chat template takes no such conversation (HTTP {error.code})") from None


def serve_scores(server: str, key: str, load: Callable[[], PromptScores]) -> str:
    """Serve in a thread, until the process ends; returns the address.

    Args:
        server: address of the embedded server, which knows the model's chat template.
        key: that requests have to present, here and there.
        load: gives the model; called once.
    """
    scorer, wanted = Scorer(server, key, load), f"Bearer {key}".encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            if not hmac.compare_digest(self.headers.get("Authorization", "").encode("utf-8", "replace"), wanted):
                return self._say(401, {"error": {"message": "Invalid API Key"}})
            try:
                size = int(self.headers.get("Content-Length") or 0)
                if self.path != "/v1/score" or not 0 < size <= LARGEST:
                    raise ValueError("not a request for scores")
                return self._say(200, scorer.answer(json.loads(self.rfile.read(size))))
            except _WRONG as error:
                return self._say(400, {"error": {"message": f"{type(error).__name__}: {error}"}})

        def _say(self, status: int, answer: Mapping[str, Any]) -> None:
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if status != 200:
                self.send_header("Connection", "close")  # what else there is of the request was not read
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: the log would hold a line for each call."""

    front = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{front.server_address[1]}"
