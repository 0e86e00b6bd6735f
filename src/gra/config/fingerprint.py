"""The identity of a run: one hash over everything that decides what its data will be.

Two runs with the same fingerprint may share a run folder: one goes on where the other stopped. Reads no files; the
digests of seeds, documents, models and prompts are handed in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any

from gra.config.load import RunConfig
from gra.config.questions import Form
from gra.config.synthesis import SynthesisConfig

VERSION = "v1"
"""Raised when what goes into the hash changes; hashes of different versions are never equal."""

EMBEDDINGS = "@embeddings"
"""Under this name the identity of the embedding model is handed in; no model of a pool can be called so."""

EXCLUDED: Mapping[str, str] = {
    # key                      why it cannot change the data
    "models.*.base_url": "where a model is served; what is served is in its identity",
    "models.*.api_key_env": "how we are let in",
    "models.*.concurrency": "every draw depends on names, never on the order of arrival",
    "models.*.parameters": "what a token costs; what is said does not depend on it",
    "models.*.price": "as for its size",
    "models.*.joules": "as for its size",
    "currency": "what prices are called",
    "embeddings.base_url": "as for models",
    "embeddings.api_key_env": "as for models",
    "embeddings.concurrency": "as for models",
    "seeds.path": "where the seeds lie; what they are is in their digest",
    "seeds.columns": "what their file calls things; as for its path",
    "exam.pairs": "as for seeds; what the labelled answers are is in their digest",
    "exam.graded": "as for the pairs",
    "exam.people": "as for the pairs",
    "documents.path": "as for seeds; the names of the files within are in the digest",
    "prompts": "all texts in use, these among them, are in the prompts' digest",
    # Of a plugin its name, its text and its options are in a digest, a backend's in its model's identity.
    "gate.use": "where the code lies; what it is is in its digest",
    "casting.use": "as for the gate",
    "reading.use": "as for the gate",
    "verifiers.*.use": "as for the gate",
    "postprocess": "as for the gate",
    "models.*.backend": "as for the gate",
    "embeddings.backend": "as for the gate",
    "opinions": "nobody is left out who could change what becomes of a sample (synthesis/economy.py)",
    "comments": "whoever reads them gets the same ones, asked earlier or later",
    # A budget says where to stop, not how a sample is decided: a run that ran dry may go on with a larger one.
    "budget": "samples are decided in the same way and order; fewer or more of them are",
}

OF_A_FORM: Mapping[str, Form] = {
    # key                                 the only form of question that reads it; without it nothing depends on it
    "criteria.instruction.*.paraphrases": "paraphrased",
    "criteria.response.*.paraphrases": "paraphrased",
    "questions.reasons": "reasoned",
}


def fingerprint(
    config: SynthesisConfig,
    *,
    seeds_digest: str,
    models: Mapping[str, str],
    prompts_digest: str,
    documents_digest: str = "",
    labelled_digest: str = "",
    plugins: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The versioned hash of a run.

    Args:
        config: what is synthesised.
        seeds_digest: hash of the usable seeds; empty if there are none.
        models: what each model of the pool is (a file's digest, a name on a server), and, under `EMBEDDINGS`, what
            the embedding model is.
        prompts_digest: hash of all prompt texts.
        documents_digest: hash of the passages; empty if there are none.
        labelled_digest: hash of the labelled answers in the exam; empty if there are none.
        plugins: digests of the user's own code, by the key that names it.

    Raises:
        ValueError: the identity of a model is missing.
    """
    missing = [model.name for model in config.models if model.name not in models]
    if missing:
        raise ValueError(f"no identity given for {', '.join(missing)}")
    unread = {key for key, form in OF_A_FORM.items() if form not in config.questions.forms}
    body = {
        "config": _included(config.model_dump(mode="json"), "", EXCLUDED.keys() | unread),
        "seeds": seeds_digest,
        "documents": documents_digest,
        "labelled": labelled_digest,
        "models": dict(models),
        "prompts": prompts_digest,
        "plugins": dict(plugins),
    }
    # Without `default=`: a value that JSON does not know is a mistake to hear of, not to print somehow.
    text = json.dumps(body, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f"{VERSION}:sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def resolved(config: RunConfig) -> dict[str, Any]:
    """The configuration with every default and preset written out; `load_config` reads it back as it is."""
    plain = config.synthesis.model_dump(mode="json")
    for key in ("seeds", "documents"):
        if block := getattr(config.synthesis, key):
            plain[key]["path"] = str(block.path.absolute())
    if exam := config.synthesis.exam:
        files = {
            key: str(path.absolute()) if path else None
            for key, path in (("pairs", exam.pairs), ("graded", exam.graded))
        }
        plain["exam"] = {**files, "people": [str(folder.absolute()) for folder in exam.people]}
    export = config.export.model_dump(mode="json")
    export["contamination"] = [str(path.absolute()) for path in config.export.contamination]
    return {**plain, "engine": config.engine.model_dump(mode="json"), "export": export}


def _included(value: Any, path: str, excluded: Set[str]) -> Any:
    """What is left of plain data without the excluded keys; list entries all count as `*`."""
    if isinstance(value, dict):
        keys = ((key, f"{path}.{key}".lstrip(".")) for key in value)
        return {key: _included(value[key], below, excluded) for key, below in keys if below not in excluded}
    if isinstance(value, list):
        return [_included(item, f"{path}.*", excluded) for item in value]
    return value
