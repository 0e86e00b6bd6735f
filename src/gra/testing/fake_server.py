"""A fake OpenAI-compatible server that speaks real HTTP: for tests, and for dry runs without a model.

    async with FakeServer(["qwen", "gemma"]) as server:
        ... server.base_url ...

or, as a process of its own, `python -m gra.testing.fake_server --port 0 --models qwen,gemma`, which prints its URL.

It answers as `fake_answers` says, slowly, badly or not at all as told, and remembers what it was asked. Knows nothing
of the client: it imports nothing of `gra` but its own answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import time
import zlib
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any, Self

from aiohttp import web

from gra.testing.fake_answers import (
    FakeModel,
    digest,
    embedding,
    first_tokens,
    prompt_of,
    prompt_text,
    prompt_tokens,
    reply,
    tokens_in,
)
from gra.testing.occupancy import Occupancy

FAULTS = ("429", "500", "503", "reset", "torn", "stall", "html", "cut", "empty", "utf8", "huge")
"""Names of faults; any other HTTP status is one too. `reset` ends the connection before an answer, `torn` within it;
`stall` never answers; `cut` is half the JSON, `huge` a valid body of 10 MB. Beside these there is `length`: a proper
answer whose reply is only half there, and says so (`finish_reason: length`)."""
_SPOILING = ("torn", "cut", "length")
_HUGE = 10_000_000


class FakeServer:
    """The server. Counters and the log are there to be read by tests at any time.

    Args:
        models: Served models, by name for plain ones.
        latency_s: Seconds that an answer takes.
        spread: If positive, the latency is lognormal with this sigma and median `latency_s`, drawn from the request.
        slots: Requests worked on at once; others wait.
        faults: Share of requests that meet each fault, by its name. Drawn from the request and how often it came, so
            a request sent again has new luck.
        retry_after: The header of a 429 and a 503.
        key: If given, requests without it get 401.
        seed: Of the faults.
    """

    def __init__(
        self,
        models: Sequence[str | FakeModel] = ("fake",),
        *,
        latency_s: float = 0.0,
        spread: float = 0.0,
        slots: int = 1024,
        faults: Mapping[str, float] | None = None,
        retry_after: str = "0",
        key: str | None = None,
        seed: int = 0,
        port: int = 0,
    ) -> None:
        self.models = {m.name: m for m in (FakeModel(m) if isinstance(m, str) else m for m in models)}
        self.next_faults: deque[str] = deque()
        """Faults that the next requests meet, in order, before any drawn ones; `ok` for none."""
        self.requests: Counter[str] = Counter()
        """Requests per model, faulty ones too."""
        self.answered: Counter[str] = Counter()
        """How often each request, by its digest, got a proper answer. 1 everywhere if no call was repeated."""
        self.bodies: list[dict[str, Any]] = []
        """Every body, in order of arrival."""
        self.peak = 0
        """The most requests that were in flight at once."""
        self.in_flight = 0
        """Requests that have come and are not answered yet."""
        self.occupancy = Occupancy(slots)
        """How busy the slots were; `GET /occupancy` tells it."""
        self.base_url = ""
        self._latency_s, self._spread, self._seed = latency_s, spread, seed
        self._faults = dict(faults or {})
        self._retry_after = retry_after
        self._key = key
        self._port = port
        self._slots = asyncio.Semaphore(slots)
        self._came: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/v1/models", self._list)
        app.router.add_get("/occupancy", self._tell)
        if any(model.tokenizer for model in self.models.values()):
            app.router.add_post("/tokenize", self._tokenize)
        for path in ("chat/completions", "completions", "embeddings"):
            app.router.add_post(f"/v1/{path}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._port = port  # the same again if the server is stopped and started
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        assert self._runner is not None
        await self._runner.cleanup()
        self._stopping.clear()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if not self._admits(request):
            return _error(401, "Invalid API Key")
        models = [
            {"id": model.name, "object": "model", "max_model_len": model.context} for model in self.models.values()
        ]
        return web.json_response({"object": "list", "data": models})

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        """As vLLM (`prompt`) and llama.cpp (`content`) answer it."""
        body = await request.json()
        model = self.models.get(str(body.get("model")))
        if model is None or model.tokenizer is None:
            return _error(404, "no tokeniser")
        return web.json_response({"tokens": model.tokenizer(str(body.get("prompt", body.get("content"))))})

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        """What it took so far: requests by model, slots busy in steady state, CPU seconds of this process."""
        seen = self.occupancy
        told = {"requests": dict(self.requests), "steady": seen.steady, "rate": seen.rate, "peak": seen.peak}
        return web.json_response({**told, "first": seen.first, "cpu_s": time.process_time()})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            async with self._slots:
                with self.occupancy.slot():
                    return await self._work(request)
        finally:
            self.in_flight -= 1

    async def _work(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        due = asyncio.get_running_loop().time()
        name = digest({"path": request.path, **body})
        self.bodies.append(body)
        self.requests[str(body.get("model"))] += 1
        self._came[name] += 1
        due += self._latency(name)
        fault = self._fault(name)
        # Made up before the wait, so that what that takes is part of the latency and does not come on top of it.
        response = self._proper(request, body) if fault in ("ok", *_SPOILING) else web.Response()
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        if fault == "stall":
            await self._stopping.wait()
            return web.Response(status=503)
        if fault not in ("ok", "reset", *_SPOILING):
            return self._broken(fault)
        if fault == "ok":
            self.answered[name] += response.status == 200
            return response
        return await self._spoiled(request, response, fault)

    async def _spoiled(self, request: web.Request, response: web.Response, fault: str) -> web.StreamResponse:
        """An answer that does not arrive whole."""
        assert isinstance(response.body, bytes | None)
        assert request.transport is not None
        whole = response.body or b""
        if fault == "length":
            return _shortened(whole)
        if fault == "cut":
            return web.Response(body=whole[: len(whole) // 2], content_type="application/json")
        if fault == "torn":
            half = web.StreamResponse(headers={"Content-Length": str(len(whole))})
            await half.prepare(request)
            await half.write(whole[: len(whole) // 2])
        request.transport.abort()
        return response

    def _latency(self, name: str) -> float:
        if not self._spread:
            return self._latency_s
        return self._latency_s * random.Random(f"latency {name}").lognormvariate(0, self._spread)  # noqa: S311

    def _fault(self, name: str) -> str:
        if self.next_faults:
            return self.next_faults.popleft()
        luck = random.Random(f"{self._seed} {name} {self._came[name]}").random()  # noqa: S311
        for fault, share in self._faults.items():
            luck -= share
            if luck < 0:
                return fault
        return "ok"

    def _broken(self, fault: str) -> web.Response:
        if fault.isdigit():
            headers = {"Retry-After": self._retry_after} if fault in ("429", "503") else {}
            return _error(int(fault), f"fault {fault} on purpose", headers)
        bodies = {
            "html": b"<html><body>\x1b[31mWelcome to the proxy</body></html>",
            "empty": b'{"object": "chat.completion", "choices": []}',
            "utf8": b'{"choices": [{"message": {"content": "\xff\xfe\xc3"}}]}',
            "huge": b'{"choices": [{"message": {"content": "' + b"a" * _HUGE + b'"}}]}',
        }
        return web.Response(body=bodies[fault], content_type="text/html" if fault == "html" else "application/json")

    def _proper(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        if not self._admits(request):
            return _error(401, f"Invalid API Key: {request.headers.get('Authorization', 'none')}")
        model = self.models.get(str(body.get("model")))
        if model is None:
            return _error(404, f"The model `{body.get('model')}` does not exist.")
        if request.path.endswith("/embeddings"):
            return _embeddings(model, body)
        tokens = tokens_in(prompt_of(body))
        if model.context is not None and tokens > model.context:
            return _error(400, f"request ({tokens} tokens) exceeds the available context size ({model.context})")
        chat = request.path.endswith("/chat/completions")
        wanted = (body.get("top_logprobs") if chat else body.get("logprobs")) or 0
        if 0 < model.top_logprobs < wanted:
            return _error(400, f"top_logprobs must be at most {model.top_logprobs}")
        answer = _completion(model, body, chat, wanted if model.top_logprobs else 0)
        if model.prompt_logprobs and (body.get("prompt_logprobs") is not None or body.get("echo")):
            return _with_prompt(answer, body, chat)
        return answer

    def _admits(self, request: web.Request) -> bool:
        return self._key is None or request.headers.get("Authorization") == f"Bearer {self._key}"


def _completion(model: FakeModel, body: dict[str, Any], chat: bool, wanted: int) -> web.Response:
    text, finish = reply(model, body)
    logprobs = None
    if wanted:
        tokens = first_tokens(model, body)
        if body.get("max_tokens") == 1:
            text, finish = tokens[0][0], "length"
        top = {token: math.log(max(p, 1e-30)) for token, p in tokens[:wanted]}
        listed = [{"token": token, "logprob": p} for token, p in top.items()]
        logprobs = {"content": [{**listed[0], "top_logprobs": listed}]} if chat else {"top_logprobs": [top]}
    said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    asked, answered = tokens_in(prompt_of(body)), tokens_in(text)
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": asked // 2},
    }
    choice = {"index": 0, "finish_reason": finish, "logprobs": logprobs, **said}
    kind = {"id": "fake", "object": "chat.completion" if chat else "text_completion", "created": 0}
    return web.json_response({**kind, "model": model.name, "choices": [choice], "usage": usage})


def _with_prompt(response: web.Response, body: dict[str, Any], chat: bool) -> web.Response:
    """The answer with the prompt's own tokens, as vLLM gives them: of a conversation, or of a text that is echoed."""
    assert isinstance(response.body, bytes)
    answer, text = json.loads(response.body), prompt_text(body)
    tokens = prompt_tokens(text)
    answer["usage"]["prompt_tokens"] = len(tokens)
    if chat:
        entries = [None if p is None else {str(zlib.crc32(t.encode())): _told_token(t, p)} for t, p in tokens]
        return web.json_response({**answer, "prompt_logprobs": entries})
    choice = answer["choices"][0]
    written = [*tokens, (choice["text"], -1.0)]
    lengths = [len(token) for token, _ in written]
    choice["text"] = text + choice["text"]
    choice["logprobs"] = {
        "tokens": [token for token, _ in written],
        "token_logprobs": [logprob for _, logprob in written],
        "text_offset": [sum(lengths[:n]) for n in range(len(written))],
    }
    return web.json_response(answer)


def _told_token(token: str, logprob: float) -> dict[str, Any]:
    return {"logprob": logprob, "rank": 1, "decoded_token": token}


def _shortened(whole: bytes) -> web.Response:
    answer = json.loads(whole)
    for choice in answer.get("choices", ()):
        choice["finish_reason"] = "length"
        for part, key in ((choice, "text"), (choice.get("message", {}), "content")):
            if key in part:
                part[key] = part[key][: len(part[key]) // 2]
    return web.json_response(answer)


def _embeddings(model: FakeModel, body: dict[str, Any]) -> web.Response:
    texts = [body["input"]] if isinstance(body["input"], str) else list(body["input"])
    longest = max(map(tokens_in, texts))
    if model.context is not None and longest > model.context:
        return _error(400, f"input ({longest} tokens) is too large to process")
    data = [{"object": "embedding", "index": i, "embedding": embedding(t)} for i, t in enumerate(texts)]
    usage = {"prompt_tokens": sum(map(tokens_in, texts))}
    return web.json_response({"object": "list", "data": data, "model": model.name, "usage": usage})


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": message, "code": status}}, status=status, headers=headers)


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until interrupted."""
    faults = {name: float(share) for name, share in (f.split("=") for f in arguments.fault)}
    server = FakeServer(
        [FakeModel(name, arguments.leniency) for name in arguments.models.split(",")],
        latency_s=arguments.latency,
        spread=arguments.spread,
        slots=arguments.slots,
        faults=faults,
        key=arguments.key,
        seed=arguments.seed,
        port=arguments.port,
    )
    async with server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gra.testing.fake_server", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--models", default="fake", help="names, separated by commas")
    parser.add_argument("--leniency", type=float, default=0.0, help="of all models; 10: everything has full marks")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--spread", type=float, default=0.0, help="sigma of a lognormal latency")
    parser.add_argument("--slots", type=int, default=1024)
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME=SHARE", help=", ".join((*FAULTS, "length"))
    )
    parser.add_argument("--key", default=None, help="API key that requests have to present")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    try:
        asyncio.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
