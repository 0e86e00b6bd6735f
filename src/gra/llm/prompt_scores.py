"""Log-probabilities of a prompt's own tokens, which llama.cpp's server does not return: by its library's C interface.

The same shared object and the same file as the server's, in the same process; the file's pages are shared. What is
passed by value is passed as blocks that are larger than the structures, of which only the leading fields are known;
they are checked against their documented defaults first, so that another layout is refused and not misread.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 512
"""Tokens that are computed at once, and so rows of logits that are held."""
ROOM = 1024
"""Bytes that are passed where a structure of parameters is expected; the real ones have 72 and 160 or so."""
_DEFAULTS = (512, 2048, 512, 1)
"""`n_ctx`, `n_batch`, `n_ubatch`, `n_seq_max` of `llama_context_default_params`, its first fields."""
_THREADS = (6, 7)
"""Places of `n_threads` and `n_threads_batch` among the 32-bit fields; see `_layout`."""


class Unsupported(Exception):  # told to the parent as an answer, not an error of ours
    """This build of the library is laid out in another way."""


class _Params(ctypes.Structure):
    _fields_ = [("words", ctypes.c_int32 * (ROOM // 4))]


class _Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.c_void_p),
        ("seq_id", ctypes.c_void_p),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


class PromptScores:
    """A model loaded a second time, for scoring only. One text at a time.

    Args:
        gguf: its file.
        context: most tokens of a text.
        threads: cores to use.

    Raises:
        Unsupported: the library is not laid out as expected, or has no such model.
    """

    def __init__(self, gguf: Path, context: int, threads: int) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._lib = lib = _library()
        params = lib.llama_context_default_params()
        _check(params.words)
        self._model = lib.llama_model_load_from_file(str(gguf).encode(), lib.llama_model_default_params())
        if not self._model:
            raise Unsupported(f"the library cannot load {gguf} a second time")
        self._vocab = lib.llama_model_get_vocab(self._model)
        self._size = lib.llama_vocab_n_tokens(self._vocab)
        self._batch = min(BATCH, context)
        params.words[0], params.words[1], params.words[2] = context, self._batch, self._batch
        params.words[_THREADS[0]] = params.words[_THREADS[1]] = threads
        self._context = lib.llama_init_from_model(self._model, params)
        made = self._context and (lib.llama_n_ctx(self._context), lib.llama_n_batch(self._context))
        if not made or made[0] < context or made[1] != self._batch:
            raise Unsupported("the library made another context than it was asked for")

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text, marks of a chat template among them; with the mark of its beginning if it has one."""
        raw = text.encode("utf-8", "replace")
        most = len(raw) + 8
        found = (ctypes.c_int32 * most)()
        count = self._lib.llama_tokenize(self._vocab, raw, len(raw), found, most, True, True)
        if count < 0:
            raise ValueError("the text cannot be tokenised")
        ids = list(found[:count])
        return ids[1:] if len(ids) > 1 and ids[0] == ids[1] else ids  # the template had the mark already

    def end(self, after: str = "") -> int:
        """The token that ends a reply: the first such in what a chat template puts after one, else that of a text."""
        following = self.tokens(after) if after else []
        ends = (token for token in following if self._lib.llama_vocab_is_eog(self._vocab, token))
        return next(ends, int(self._lib.llama_vocab_eos(self._vocab)))

    def of_reply(self, prompt: str, reply: str, after: str = "") -> tuple[list[float], int]:
        """Log-probabilities of the tokens of a reply, its end with them, and how many tokens were read.

        Args:
            prompt: all that comes before the reply.
            reply: without a mark of its end.
            after: what a chat template puts after a reply.

        Raises:
            ValueError: the context does not hold it.
        """
        before, tokens = self.tokens(prompt), [*self.tokens(prompt + reply), self.end(after)]
        # The last token of a prompt may be another one with the reply after it: then it is scored too.
        common = next((n for n, (a, b) in enumerate(zip(before, tokens, strict=False)) if a != b), len(before))
        return self.scores(tokens, max(1, common)), len(tokens)

    def scores(self, tokens: Sequence[int], first: int = 1) -> list[float]:
        """Log-probability of each token from `first` on, given those before it; in nats.

        Raises:
            ValueError: there are more than the context holds.
        """
        if len(tokens) > self.context:
            raise ValueError(f"request ({len(tokens)} tokens) exceeds the available context size ({self.context})")
        with self._lock:
            self._lib.llama_memory_clear(self._lib.llama_get_memory(self._context), True)
            found: list[float] = []
            for start in range(0, len(tokens) - 1, self._batch):
                found += self._block(tokens, start, min(start + self._batch, len(tokens) - 1), first)
            return found

    def _block(self, tokens: Sequence[int], start: int, end: int, first: int) -> list[float]:
        """Scores of the tokens after `start` up to `end`, from `first` on; it goes on from the blocks before."""
        n = end - start
        ids, places = (ctypes.c_int32 * n)(*tokens[start:end]), (ctypes.c_int32 * n)(*range(start, end))
        skipped = min(n, max(0, first - 1 - start))
        wanted = (ctypes.c_int8 * n)(*[0] * skipped, *[1] * (n - skipped))
        if self._lib.llama_decode(self._context, _Batch(n, ids, None, places, None, None, wanted)):
            raise RuntimeError("the library could not compute a prompt")
        found = []
        for i in range(skipped, n):
            row = np.ctypeslib.as_array(self._lib.llama_get_logits_ith(self._context, i), shape=(self._size,))
            top = float(row.max())
            found.append(
                float(row[tokens[start + i + 1]]) - top - float(np.log(np.exp(row - top).sum(dtype=np.float64)))
            )
        return found


def _check(words: Any) -> None:
    """Raises `Unsupported` if the first fields are not at their documented defaults."""
    found, threads = tuple(words[:4]), [words[n] for n in _THREADS]
    if found != _DEFAULTS or words[4] or words[5] or not all(1 <= n <= 512 for n in threads):
        raise Unsupported(f"llama_context_params begins with {list(words[:8])}, which is another layout")


def _library() -> Any:
    spec = importlib.util.find_spec("xllamacpp.xllamacpp")
    if spec is None or spec.origin is None:
        raise Unsupported("xllamacpp has no shared object")
    lib = ctypes.CDLL(spec.origin)
    pointer, count = ctypes.c_void_p, ctypes.c_int32
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "llama_context_default_params": (_Params, []),
        "llama_model_default_params": (_Params, []),
        "llama_model_load_from_file": (pointer, [ctypes.c_char_p, _Params]),
        "llama_model_get_vocab": (pointer, [pointer]),
        "llama_vocab_n_tokens": (count, [pointer]),
        "llama_init_from_model": (pointer, [pointer, _Params]),
        "llama_n_ctx": (ctypes.c_uint32, [pointer]),
        "llama_n_batch": (ctypes.c_uint32, [pointer]),
        "llama_get_memory": (pointer, [pointer]),
        "llama_memory_clear": (None, [pointer, ctypes.c_bool]),
        "llama_decode": (count, [pointer, _Batch]),
        "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), [pointer, count]),
        "llama_tokenize": (
            count,
            [pointer, ctypes.c_char_p, count, ctypes.POINTER(count), count, ctypes.c_bool, ctypes.c_bool],
        ),
        "llama_vocab_is_eog": (ctypes.c_bool, [pointer, count]),
        "llama_vocab_eos": (count, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        try:
            function = getattr(lib, name)
        except AttributeError:
            raise Unsupported(f"this build of xllamacpp does not export {name}") from None
        function.restype, function.argtypes = result, arguments
    return lib
