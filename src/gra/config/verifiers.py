"""Which verifiers sit on committees, and how each is set. Data only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gra.config.plugin import Plugin
from gra.config.settings import Settings


class RelevanceVerifier(Settings):
    """How near the response is to the instruction in meaning: the cosine of their embeddings."""

    type: Literal["relevance"] = "relevance"


class LikelihoodVerifier(Settings):
    """How likely a model finds the response: two members of the committee for each model.

    One goes by the mean log-probability of a token given the instruction, one by how much the instruction adds to it
    (pointwise mutual information).
    """

    type: Literal["likelihood"] = "likelihood"
    models: tuple[str, ...] = ()
    """Names of the pool whose server returns prompt log-probabilities. By default the smallest that does, if any."""


class ConstraintsVerifier(Settings):
    """What the instruction states itself and a rule can check: lengths, counts, format, words to use or to avoid."""

    type: Literal["constraints"] = "constraints"


class MathVerifier(Settings):
    """Whether models that work the instruction out for themselves come to the response's result. Off by default."""

    type: Literal["math"] = "math"
    models: tuple[str, ...] = ()
    """Names of the pool; by default all that take part. They write whole solutions, so this is dear."""
    samples: int = Field(default=3, ge=1, le=32)
    """Solutions of each model."""
    max_tokens: int = Field(default=512, ge=16)
    """Longest solution in tokens."""
    domains: tuple[str, ...] = ()
    """Only samples of these; by default of all. Where a response comes to no result it abstains in any case."""


class CodeVerifier(Settings):
    """Whether the response's Python passes tests, run in a sandbox without network, files or processes.

    Off by default; Linux with bubblewrap only, and refused elsewhere (docs/sandbox.md).
    """

    type: Literal["code"] = "code"
    models: tuple[str, ...] = ()
    """Names of the pool that write tests, of what others wrote; by default all that take part."""
    samples: int = Field(default=1, ge=0, le=16)
    """Lists of tests of each model. With 0 only examples that the instruction states itself are tried."""
    max_tokens: int = Field(default=256, ge=16)
    """Longest list in tokens."""
    domains: tuple[str, ...] = ()
    """Only samples of these; by default of all. Where a response has no Python to call it abstains in any case."""


class PluginVerifier(Plugin):
    """A verifier of your own. A block with `use` is one."""

    type: Literal["plugin"] = "plugin"
    name: str = Field(default="own", min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """What it is called in every record, with `@` before it."""


Verifier = Annotated[
    RelevanceVerifier | LikelihoodVerifier | ConstraintsVerifier | MathVerifier | CodeVerifier | PluginVerifier,
    Field(discriminator="type"),
]
