"""Writes a first configuration from what was found: text with comments, for a person to go on from. Pure.

Names come from servers and file systems, so every one of them is written in quotes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gra.catalogue import ModelCard, load_catalogue
from gra.cli.surroundings import Machine, SeedFile, Server
from gra.config.taxonomy import PAPER_DOMAINS

MOST = 6
"""Models taken of all that servers offer; a sample needs four."""
NEEDED = 4
"""One generator, two reviewers and an adjudicator; with one less, one reviewer."""
LEAST_WRITER = 400_000_000
"""Parameters below which an embedded model only judges."""
SHARE_OF_MEMORY = 0.4
"""What the files of embedded models may take of the memory; their work takes some more."""
LEAST_SEEDS = 4
"""With fewer, no exam can be set."""


@dataclass(frozen=True, slots=True)
class Member:
    """One model of the pool: on a server, or a card of the catalogue."""

    name: str
    server: Server | None = None
    model: str = ""
    card: ModelCard | None = None

    def lines(self) -> Iterator[str]:
        """Its entry under `models`."""
        yield f"  - name: {quoted(self.name)}"
        if self.server:
            yield f"    base_url: {quoted(self.server.base_url)}"
            yield f"    model: {quoted(self.model)}"
            if self.server.key_env:
                yield f"    api_key_env: {quoted(self.server.key_env)}   # the variable, never the key itself"
        if self.card:
            yield f"    catalogue: {self.card.name}   # {self.card.bytes / 1e6:,.0f} MB, {self.card.licence}"
            if self.card.parameters < LEAST_WRITER:
                yield "    roles: [reviewer, adjudicator]   # small: it judges, but does not write"


def pool_of(servers: Sequence[Server], machine: Machine) -> list[Member]:
    """The models of the servers, and embedded ones as far as those are too few."""
    members: list[Member] = []
    for server in servers:
        for model in server.writers:
            if len(members) < MOST and all(model != member.model for member in members):
                members.append(Member(_name(model, members), server, model))
    if len(members) < NEEDED - 1:
        cards = _embedded(machine)
        for card in cards[: NEEDED - len(members)] if members else cards:
            members.append(Member(_name(card.name, members), card=card))
    return members


def _embedded(machine: Machine) -> list[ModelCard]:
    """Models that gra serves itself, the largest first, as many as fit into memory but three at least."""
    cards = [card for card in load_catalogue().values() if card.file and card.kind != "embedding"]
    cards.sort(key=lambda card: -card.bytes)
    while len(cards) > NEEDED - 1 and sum(c.bytes for c in cards) > SHARE_OF_MEMORY * machine.memory:
        cards.pop(0)
    return cards


def _name(model: str, others: Sequence[Member]) -> str:
    """A name that a pool may hold, unlike the others'."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", model.split("/")[-1])[:56].strip("-._") or "model"
    taken = {member.name for member in others}
    return next(name for name in (plain, *(f"{plain}-{n}" for n in range(2, MOST + 2))) if name not in taken)


def draft(
    path: Path, seeds: SeedFile, members: Sequence[Member], servers: Sequence[Server], machine: Machine, target: int
) -> str:
    """The text of the configuration."""
    embedded = any(member.card for member in members)
    blocks = [
        ["# What to make, and by whom. `gra check` tells what it takes, `gra run` makes it."],
        list(_what(path, seeds, target)),
        list(_models(members)),
        list(_left_out(members, servers)),
        list(_embeddings(servers)),
        list(_means(machine, embedded)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _what(path: Path, seeds: SeedFile, target: int) -> Iterator[str]:
    here = os.path.relpath(seeds.path, path.parent)
    shown = here if not here.startswith("..") else str(seeds.path.absolute())
    yield f"seeds: {quoted(shown)}   # what you want more of; usable records: {seeds.usable} ({seeds.form})"
    if set(seeds.domains) - {domain.name for domain in PAPER_DOMAINS}:
        yield "domains:   # as the seeds name them; say of each in a sentence what belongs there, models are shown it"
        for name in seeds.domains:
            yield f"  - {{name: {quoted(name)}, description: {quoted(f'questions of {name}')}}}"
    yield f"target: {target}   # stop when so many new samples are accepted"
    yield "rounds: 1   # with more, each learns from what the ones before accepted"
    if seeds.usable < LEAST_SEEDS:
        yield "gate: {type: paper}   # with fewer than four seeds, other gates ask about gra's own English exercises"


def _models(members: Sequence[Member]) -> Iterator[str]:
    yield "# For every sample one model generates, others review, and one more adjudicates: all of them different."
    yield f"reviewers: {min(2, len(members) - 2)}"
    yield "models:"
    for member in members:
        yield from member.lines()


def _left_out(members: Sequence[Member], servers: Sequence[Server]) -> Iterator[str]:
    taken = {member.model for member in members}
    others = [quoted(model) for server in servers for model in server.writers if model not in taken]
    if others:
        more = f" and {len(others) - 20} more" if len(others) > 20 else ""
        yield f"# Served as well, and left out: {', '.join(others[:20])}{more}."


def _embeddings(servers: Sequence[Server]) -> Iterator[str]:
    yield "# Tells what says the same again."
    for server in servers:
        if server.embedder:
            yield "embeddings:"
            yield f"  base_url: {quoted(server.base_url)}"
            yield f"  model: {quoted(server.embedder)}"
            if server.key_env:
                yield f"  api_key_env: {quoted(server.key_env)}"
            return
    yield "embeddings: {catalogue: all-minilm-l6-v2}   # a small one that gra serves itself"


def _means(machine: Machine, embedded: bool) -> Iterator[str]:
    if not embedded:
        yield "# budget: {tokens: 5_000_000}   # stop there, in good order; a larger budget goes on"
        return
    if machine.gpu:
        yield "# Embedded models do not use this machine's GPU: start some in vLLM, and `gra init --force` finds them."
    yield "generation: {max_tokens: 400}   # longest answer; shorter is faster"
    yield f"engine: {{concurrency: {2 * machine.cores + 1}}}   # samples in progress at once; enough for these cores"
    yield "budget: {minutes: 120}   # stop after two hours with what is there; `gra resume` goes on"


def quoted(text: str) -> str:
    """In quotes, ASCII throughout, as YAML and JSON read it."""
    return json.dumps(text)
