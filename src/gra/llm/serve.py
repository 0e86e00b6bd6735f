"""The child process that serves one GGUF file: `python -m gra.llm.serve`. Started by `local.LocalServer` only.

Its parent writes one line to it, the key that requests have to present. It listens on loopback, at a port of the
system's choice; when it is ready it writes one line, its address (with `--scoring` a second one behind it, see
`scoring_server`). Its log goes to stderr. It ends when its standard
input does, so with its parent, however that ended; on Linux the kernel sees to it even while the model loads
(xllamacpp holds the interpreter's lock then).

Knows nothing of `gra` but this contract.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

PROMPT_CACHE_MIB = 1024
"""Prompts kept in memory beside the slots. xllamacpp's own 8 GiB per server is too much for several on a laptop."""
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve until standard input ends."""
    arguments = _arguments()
    die_with(arguments.parent)
    address = os.fdopen(os.dup(1), "w")  # what llama.cpp prints to fd 1 is log, not address
    os.dup2(2, 1)
    key = sys.stdin.buffer.readline().decode("ascii").strip()
    if not key:  # the parent is gone, or it is a person trying this by hand
        return 1
    try:
        server = _server(arguments, key)
    except (RuntimeError, ValueError, MemoryError) as error:
        print(f"gra: {error}", file=sys.stderr, flush=True)
        return 1
    print(server.listening_address, *_scores(arguments, key, server), file=address, flush=True)
    address.close()
    sys.stdin.buffer.read()
    os._exit(0)  # leaving by way of the interpreter's end crashes with a live server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gra.llm.serve")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--embedding", action="store_true")
    parser.add_argument("--scoring", action="store_true")
    return parser.parse_args()


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent has (Linux)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


def _scores(arguments: argparse.Namespace, key: str, server: Any) -> list[str]:
    """The address of the server for scores, if there is to be one."""
    if not arguments.scoring:
        return []
    from gra.llm.prompt_scores import PromptScores
    from gra.llm.scoring_server import serve_scores

    def load() -> PromptScores:
        return PromptScores(Path(arguments.model), arguments.context, arguments.threads)

    return [serve_scores(server.listening_address, key, load)]


def _server(arguments: argparse.Namespace, key: str) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = arguments.model
    params.model_alias = {arguments.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.ui = False
    params.endpoint_slots = False  # it would show other requests' prompts
    params.verbosity = 2
    params.n_parallel = arguments.slots
    params.n_ctx = arguments.context * arguments.slots
    params.cpuparams.n_threads = arguments.threads
    params.cpuparams_batch.n_threads = arguments.threads
    params.cache_prompt = True
    # Models with a sliding window (Gemma) keep no prefix at all without their full cache.
    params.swa_full = True
    params.cache_ram_mib = PROMPT_CACHE_MIB
    if arguments.embedding:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        # an embedded text has to fit one batch
        params.n_batch = params.n_ubatch = arguments.context
    return xllamacpp.Server(params)


if __name__ == "__main__":
    sys.exit(main())
