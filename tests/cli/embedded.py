"""Embedded servers without a model: the real child process, `gra.llm.serve`, with fake answers in llama.cpp's place."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cli_builders import EASY, NAMES, config_file

from gra.catalogue import find

CARD, EMBEDDINGS = "smollm2-135m-instruct", "all-minilm-l6-v2"
STAND_IN = """
import asyncio, os, threading
from types import SimpleNamespace
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

llama_pooling_type = SimpleNamespace(LLAMA_POOLING_TYPE_MEAN=1)

def CommonParams():
    return SimpleNamespace(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())

class Server:
    def __init__(self, params):
        (name,), (key,) = params.model_alias, params.api_keys
        if os.environ.get("GRA_TEST_BROKEN") == name:
            raise RuntimeError("failed to load model, 'it is \\x1b[31mbroken'")
        fake = FakeServer([FakeModel(name, judge=lambda body: 0.9)], latency_s=0.02, key=key)
        ready = threading.Event()

        async def serve():
            await fake.__aenter__()
            ready.set()
            await asyncio.Event().wait()

        threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
        ready.wait()
        self.listening_address = fake.base_url.removesuffix("/v1")
"""


def stand_in(folder: Path) -> dict[str, str]:
    """Put files in the place of models and of llama.cpp; returns the environment that finds them."""
    models = folder / "home" / "models"
    models.mkdir(parents=True)
    for name in (CARD, EMBEDDINGS):
        card = find(name)
        file = models / (card.file or "")
        file.write_bytes(b"no model")
        noted = {"origin": card.origin, "bytes": 8, "mtime_ns": file.stat().st_mtime_ns}
        file.with_name(file.name + ".json").write_text(json.dumps(noted))
    (folder / "lib").mkdir()
    (folder / "lib" / "xllamacpp.py").write_text(STAND_IN)
    path = os.pathsep.join([str(folder / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"GRA_HOME": str(folder / "home"), "PYTHONPATH": path}


def embedded_config(folder: Path, target: int = 2) -> Path:
    """Four models on this machine and their embeddings."""
    models = [{"name": name, "catalogue": CARD} for name in NAMES]
    return config_file(
        folder,
        **EASY,
        target=target,
        models=models,
        embeddings={"catalogue": EMBEDDINGS},
        engine={"local": {"threads": 1}},
    )
