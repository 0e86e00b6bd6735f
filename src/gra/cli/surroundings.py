"""What is there to work with: seed files, servers that run, and what this machine can serve itself. Only looks."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gra.config.material import SeedsConfig
from gra.errors import EndpointError, MissingExtra, SeedError
from gra.synthesis.seeds import read_seeds

USUAL_PORTS = {8000: "vLLM", 30000: "SGLang", 11434: "Ollama", 8080: "llama.cpp", 23333: "LMDeploy"}
"""Where servers listen unless they are told otherwise."""
PATIENCE_S = 3.0
"""A server on this machine that takes longer to list its models is not asked again."""
MOST_FILES = 20
SEED_FILES = (".json", ".jsonl", ".csv", ".tsv", ".parquet")
LONGEST_NAME = 200
_NOT_A_WRITER = re.compile(r"embed|minilm|rerank|whisper|tts|(^|[/_-])(bge|e5|gte)([/_.-]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Server:
    """An OpenAI-compatible server that answers."""

    base_url: str
    kind: str
    """What usually listens there; empty if the user named it."""
    models: tuple[str, ...]
    key_env: str | None = None

    @property
    def writers(self) -> list[str]:
        """Models that can write; those for embeddings and the like go by their names."""
        return [name for name in self._named if not _NOT_A_WRITER.search(name)]

    @property
    def embedder(self) -> str | None:
        """A model for embeddings, if one has such a name."""
        return next((name for name in self._named if re.search(r"embed|minilm", name, re.IGNORECASE)), None)

    @property
    def _named(self) -> list[str]:
        """The models whose names a person could have written."""
        return [name for name in self.models if name.isprintable() and len(name) <= LONGEST_NAME]


@dataclass(frozen=True, slots=True)
class SeedFile:
    """A file that seeds can be read from."""

    path: Path
    usable: int
    form: str
    domains: tuple[str, ...] = ()
    """Those that its records name."""


def find_seeds(folder: Path) -> SeedFile:
    """The file of a folder with the most usable seeds.

    Raises:
        SeedError: there is none.
        MissingExtra: what there is can only be read with a library that is not installed.
    """
    found: list[SeedFile] = []
    lacking: list[MissingExtra] = []
    here = folder.iterdir() if folder.is_dir() else ()
    for path in sorted(p for p in here if p.suffix in SEED_FILES)[:MOST_FILES]:
        with suppress(SeedError):
            try:
                found.append(look_at_seeds(path))
            except MissingExtra as missing:
                lacking.append(missing)
    if lacking and not found:
        raise lacking[0]
    if not found:
        raise SeedError(
            f"no file in {folder.absolute()} can be read as seeds, the questions with answers that you want more of. "
            "Name one with --seeds. A configuration can do without, too, from `documents` or `domains` alone: "
            "docs/topics.md"
        )
    return max(found, key=lambda file: file.usable)


def look_at_seeds(path: Path) -> SeedFile:
    """What a file holds.

    Raises:
        SeedError: it cannot be read, or nothing in it is usable.
    """
    report = read_seeds(SeedsConfig(path=path))
    named = sorted({seed.domain for seed in report.seeds if seed.domain})
    return SeedFile(path, len(report.seeds), report.form, tuple(named))


def find_servers(urls: Sequence[str], key_env: str | None) -> list[Server]:
    """The servers that are named; without names, those that answer where servers usually listen on this machine.

    Raises:
        ConfigError: an address is none, or the key's variable is not set.
        EndpointError: a server that is named does not answer.
    """
    if urls:
        return [server for server in asyncio.run(_ask_all([(url, "", key_env) for url in urls])) if server]
    usual = [(f"http://127.0.0.1:{port}/v1", kind, None) for port, kind in USUAL_PORTS.items()]
    return [server for server in asyncio.run(_ask_all(usual)) if server]


async def _ask_all(places: Sequence[tuple[str, str, str | None]]) -> list[Server | None]:
    from gra.together import together

    return await together(_ask(*place) for place in places)


async def _ask(url: str, kind: str, key_env: str | None) -> Server | None:
    """A server, or None where one was looked for at random and is not."""
    from gra import llm

    key = llm.key_from_env(key_env) if key_env else None
    async with llm.open_session() as session:
        endpoint = llm.Endpoint(f"at {url}", url, session, llm.Server(1), key=key, timeout_s=PATIENCE_S, retries=0)
        try:
            listed = await endpoint.models()
        except EndpointError:
            if kind:
                return None
            raise
    return Server(url, kind, tuple(sorted(listed)), key_env)


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, as far as serving models goes."""

    cores: int
    memory: int
    """Bytes that may be used."""
    gpu: bool
    """Whether there is an NVIDIA GPU. gra's own servers do not use it, vLLM does."""


def look_at_machine() -> Machine:
    """Cores and memory that this process may use, and whether there is a GPU."""
    from gra.llm import free_cores

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # a container may use less than there is
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return Machine(free_cores(), memory, Path("/proc/driver/nvidia/gpus").exists())
