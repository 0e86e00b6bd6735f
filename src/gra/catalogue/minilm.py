"""all-MiniLM-L6-v2 as a GGUF file, so that embeddings too come from a llama.cpp server.

The model is published as safetensors. One conversion, done once after the download, spares every install
torch (about 1 GB) and lets the near-duplicate search talk to `/v1/embeddings`, as it would to any endpoint.

Only this architecture is known here: a post-norm BERT encoder with absolute positions, mean pooling and
uncased WordPiece. Pooling is written into the file; the final L2 norm is left to the server, its default.
The result is the same byte for byte on every machine, so the catalogue may pin its hash.

Sources: the key and tensor names are those of llama.cpp's own converter,
https://github.com/ggml-org/llama.cpp/blob/master/conversion/bert.py, and
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; safetensors:
https://huggingface.co/docs/safetensors/index#format.
"""

from __future__ import annotations

import json
import math
import os
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from gra.errors import CatalogueError, MissingExtra

Array = npt.NDArray[np.float32]
Precision = Literal["f32", "f16", "q8_0"]

MAX_HEADER_BYTES = 100_000_000
"""What the reference implementation of safetensors allows; a longer header is a damaged length field."""

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Weight(NamedTuple):
    """Where one tensor comes from, where it goes, and the shape it has to have."""

    source: str
    name: str
    shape: tuple[int, ...]


def convert(folder: Path, target: Path, precision: Precision = "f16") -> None:
    """Write the model of `folder` as one GGUF file.

    Args:
        folder: holds `config.json`, `vocab.txt` and `model.safetensors`.
        target: the file to write. It appears whole or not at all.
        precision: of the matrices. Norms, biases, positions and token types stay float32, as in
            llama.cpp's converter: they are small, and its kernels expect that.

    Raises:
        CatalogueError: a file is missing or is not what this converter understands, or `target` cannot
            be written.
        MissingExtra: the `gguf` package is not installed.
    """
    try:
        import gguf  # optional: only the `local` extra brings it
    except ImportError as error:
        raise MissingExtra("Converting the embedding model", "local") from error
    config = _read_config(folder / "config.json")
    tokens = _read_tokens(folder / "vocab.txt", config["vocab_size"])
    weights = _weights(config)
    stored = read_safetensors(folder / "model.safetensors", {weight.source for weight in weights})

    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with closing(gguf.GGUFWriter(partial, "bert")) as writer:
            _add_hyperparameters(writer, config)
            _add_tokenizer(writer, tokens, config["type_vocab_size"])
            for weight in weights:
                _add_weight(writer, weight, stored[weight.source], precision)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise CatalogueError(
            f"The embedding model cannot be written to {target}: {error}. "
            "Free some space there, or point the model cache to another folder."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def read_safetensors(path: Path, wanted: set[str]) -> dict[str, Array]:
    """Read the `wanted` float32 tensors of a safetensors file.

    The format is eight bytes of header length, a JSON header, then the raw data; the `safetensors` package
    would be a compiled dependency for these few lines. Every number of the header is checked against the
    file before it is used, because the file comes from outside.

    Raises:
        CatalogueError: the file is missing, cut short or damaged, or a wanted tensor is not in it as
            float32.
    """
    data = _read(path)
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise _damaged(path, f"its header claims {length} bytes and the file has {len(data)}")
    try:
        header = json.loads(data[8 : 8 + length])
        return {name: _tensor(header[name], memoryview(data)[8 + length :]) for name in sorted(wanted)}
    except KeyError as error:
        raise _damaged(path, f"it has no {error}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error


def _tensor(entry: dict[str, Any], body: memoryview) -> Array:
    """One tensor, as a view into the file's data, after its header entry has been checked."""
    shape, (begin, end) = entry["shape"], entry["data_offsets"]
    if entry["dtype"] != "F32":
        raise ValueError(f"a tensor is stored as {entry['dtype']} where F32 is expected")
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise ValueError("a shape or an offset is not a whole number")
    if not begin <= end <= len(body) or end - begin != 4 * math.prod(shape):
        raise ValueError(f"a tensor of shape {shape} claims bytes {begin} to {end} of {len(body)}")
    return np.frombuffer(body[begin:end], dtype="<f4").reshape(shape)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CatalogueError(
            f"The embedding model has no readable {path.name}: {error}. Fetch the model again."
        ) from error


def _damaged(path: Path, cause: str) -> CatalogueError:
    return CatalogueError(f"{path} cannot be used for embeddings: {cause}. Delete it, then fetch the model again.")


def _read_config(path: Path) -> dict[str, Any]:
    """The model's `config.json`, once it is sure that the graph of llama.cpp computes this very model."""
    try:
        config = json.loads(_read(path))
        sizes = [
            config[key]
            for key in (
                "vocab_size",
                "hidden_size",
                "intermediate_size",
                "num_hidden_layers",
                "num_attention_heads",
                "max_position_embeddings",
                "type_vocab_size",
            )
        ]
        kind = (config["model_type"], config["hidden_act"], config["position_embedding_type"])
        epsilon = config["layer_norm_eps"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"it is not a BERT configuration ({error!r})") from error
    if kind != ("bert", "gelu", "absolute"):
        raise _damaged(path, f"only BERT with gelu and absolute positions is known, and this is {kind}")
    if not all(type(size) is int and size > 0 for size in sizes) or type(epsilon) is not float:
        raise _damaged(path, "a size in it is not a positive whole number")
    return dict(config)


def _read_tokens(path: Path, expected: int) -> list[str]:
    """The vocabulary in the order of its ids."""
    try:
        # Not `splitlines`: it also splits at U+0085 and U+2028, which a vocabulary may hold as tokens.
        tokens = _read(path).decode("utf-8").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise _damaged(path, f"it is not UTF-8 ({error})") from error
    missing = set(SPECIAL_TOKENS) - set(tokens)
    if missing or len(tokens) != expected:
        raise _damaged(path, f"it has {len(tokens)} tokens of {expected}, and lacks {sorted(missing) or 'none'}")
    return tokens


def _weights(config: dict[str, Any]) -> list[Weight]:
    """Every tensor of the encoder, in the order of the file. The pooler is left out: pooling is the mean."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    weights = [
        Weight("embeddings.word_embeddings.weight", "token_embd.weight", (config["vocab_size"], width)),
        Weight(
            "embeddings.position_embeddings.weight",
            "position_embd.weight",
            (config["max_position_embeddings"], width),
        ),
        Weight(
            "embeddings.token_type_embeddings.weight",
            "token_types.weight",
            (config["type_vocab_size"], width),
        ),
        Weight("embeddings.LayerNorm.weight", "token_embd_norm.weight", (width,)),
        Weight("embeddings.LayerNorm.bias", "token_embd_norm.bias", (width,)),
    ]
    parts: list[tuple[str, str, tuple[int, ...]]] = [
        ("attention.self.query", "attn_q", (width, width)),
        ("attention.self.key", "attn_k", (width, width)),
        ("attention.self.value", "attn_v", (width, width)),
        ("attention.output.dense", "attn_output", (width, width)),
        ("attention.output.LayerNorm", "attn_output_norm", (width,)),
        ("intermediate.dense", "ffn_up", (inner, width)),
        ("output.dense", "ffn_down", (width, inner)),
        ("output.LayerNorm", "layer_output_norm", (width,)),
    ]
    for layer in range(config["num_hidden_layers"]):
        for source, name, shape in parts:
            prefix, block = f"encoder.layer.{layer}.{source}", f"blk.{layer}.{name}"
            weights.append(Weight(f"{prefix}.weight", f"{block}.weight", shape))
            weights.append(Weight(f"{prefix}.bias", f"{block}.bias", shape[:1]))
    return weights


def _add_hyperparameters(writer: Any, config: dict[str, Any]) -> None:
    import gguf  # optional: see `convert`

    writer.add_name("all-MiniLM-L6-v2")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)


def _add_tokenizer(writer: Any, tokens: list[str], token_types: int) -> None:
    import gguf  # optional: see `convert`

    special = set(SPECIAL_TOKENS)
    writer.add_tokenizer_model("bert")
    writer.add_token_type_count(token_types)
    writer.add_token_list([token if token in special else _phantom(token) for token in tokens])
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens])
    ids = {token: tokens.index(token) for token in SPECIAL_TOKENS}
    # BERT's [CLS] ... [SEP] frame: llama.cpp has no `cls` key of its own and puts `bos` and `sep` around.
    writer.add_bos_token_id(ids["[CLS]"])
    writer.add_unk_token_id(ids["[UNK]"])
    writer.add_sep_token_id(ids["[SEP]"])
    writer.add_pad_token_id(ids["[PAD]"])
    writer.add_mask_token_id(ids["[MASK]"])


def _phantom(token: str) -> str:
    """WordPiece marks what continues a word (`##ing`); llama.cpp marks what begins one (`▁ing`) instead."""
    return token[2:] if token.startswith("##") else "\u2581" + token


def _add_weight(writer: Any, weight: Weight, values: Array, precision: Precision) -> None:
    import gguf  # optional: see `convert`

    if values.shape != weight.shape:
        raise CatalogueError(
            f"Tensor `{weight.source}` of the embedding model has shape {values.shape} where its "
            f"configuration asks for {weight.shape}. Delete the model's folder, then fetch it again."
        )
    plain = len(weight.shape) == 1 or weight.name in ("position_embd.weight", "token_types.weight")
    kind = gguf.GGMLQuantizationType["F32" if plain else precision.upper()]
    writer.add_tensor(weight.name, gguf.quants.quantize(values, kind), raw_dtype=kind)
