"""Which models take part and how each is reached. Data only."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from gra.config.plugin import Plugin
from gra.config.settings import Settings

Part = Literal["generator", "reviewer", "adjudicator"]
ALL_PARTS: tuple[Part, ...] = ("generator", "reviewer", "adjudicator")


class EndpointConfig(Settings):
    """A model: one of the catalogue, served by `gra` itself, one on any OpenAI-compatible API, or code of your own."""

    catalogue: str | None = None
    """Name in the catalogue (`gra models list`): pulled, checked and served on loopback by `gra`."""
    base_url: str | None = None
    """Root of an OpenAI-compatible API, for example `http://localhost:8000/v1`; without a query."""
    backend: Plugin | None = None
    """Code of your own that answers in the model's place, or reaches it in a way of its own."""
    model: str | None = None
    """The model's name on that server. Found out by asking the server if it serves just one."""
    api_key_env: str | None = Field(default=None, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the API key. The key itself is never written anywhere."""
    concurrency: int | None = Field(default=None, ge=1, le=4096)
    """The most requests under way at once at this model's server, for all of its models; if several state it, the
    largest counts. By default 32 (an embedded server: its slots). A server that is asked for too much gets fewer."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if [self.catalogue, self.base_url, self.backend].count(None) != 2:
            raise ValueError(
                "give one of `catalogue` (a model that gra serves itself), `base_url` (an API) or `backend` (your code)"
            )
        if self.base_url is not None and "@" in self.base_url.split("//")[-1].split("/")[0]:
            raise ValueError("`base_url` must not hold a user or password; name the key's variable in `api_key_env`")
        if self.base_url is not None and ("?" in self.base_url or "#" in self.base_url):
            raise ValueError("`base_url` must end before its `?`: what is a key there would be stored in every run")
        if self.base_url is None and (self.model or self.api_key_env):
            source = "a `catalogue` model" if self.catalogue else "a `backend`"
            raise ValueError(f"`model` and `api_key_env` belong to a `base_url`, not to {source}")
        return self


class Price(Settings):
    """What a million tokens of a model cost, in the run's `currency`. Only what a run costs is reckoned from it."""

    prompt: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)
    """Prompt tokens that the server says it had in its cache; as `prompt` if it is not given."""
    completion: float = Field(ge=0)


class Joules(Settings):
    """What a token of a model takes where it is served, in joules. A watt-hour is 3,600."""

    prompt: float = Field(ge=0)
    """For each token of a prompt that was not cached."""
    completion: float = Field(ge=0)


class ModelConfig(EndpointConfig):
    """One member of the pool."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Unique in the pool; appears in every record."""
    format: Literal["chat", "base"] | None = None
    """`base` for a model without a chat template: it is given patterns to complete. Catalogue models know."""
    parameters: float | None = Field(default=None, gt=0)
    """How many it has, for example 7.6e9; of a mixture of experts, those active for a token. Only what a run costs is
    reckoned from it. Catalogue models know."""
    price: Price | None = None
    """What its tokens cost. A catalogue model costs nothing unless this says otherwise."""
    joules: Joules | None = None
    """What its tokens take in energy, in place of what gra assumes (docs/performance.md). A model that says this is
    taken to work on another machine, also where its address is on this one (a tunnel)."""
    roles: tuple[Part, ...] = ALL_PARTS
    """The parts this model may be drawn for."""
    share: float = Field(default=1.0, ge=0)
    """How often it is drawn as Generator, relative to the others. 0: never; it then annotates nothing either."""

    @model_validator(mode="after")
    def _roles_named(self) -> Self:
        if not self.roles:
            raise ValueError("`roles` must name at least one of generator, reviewer, adjudicator")
        return self


class EmbeddingConfig(EndpointConfig):
    """The model that sentence embeddings come from."""
