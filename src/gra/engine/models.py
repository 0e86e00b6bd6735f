"""Opening the models of a run: catalogue files pulled and served, servers asked what they can do."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from yarl import URL

from gra.catalogue import ModelCard, find
from gra.config.load import RunConfig
from gra.config.models import EndpointConfig, ModelConfig
from gra.config.pool import members
from gra.config.synthesis import SynthesisConfig
from gra.config.verifiers import LikelihoodVerifier
from gra.engine.fetching import fetched
from gra.errors import MissingExtra
from gra.events import Listener, PhaseAdvanced, PhaseStarted
from gra.llm import (
    Abilities,
    Account,
    BackedModel,
    Endpoint,
    LocalServer,
    Model,
    Player,
    Server,
    Slots,
    free_cores,
    key_from_env,
    open_session,
    probe,
    taking_turns,
    threads_for,
)
from gra.plugins import digest, made
from gra.programs import SANDBOX
from gra.sandbox import open_sandbox
from gra.synthesis.reading import EqualLanes, Lanes
from gra.together import together

EMBEDDINGS = "@embeddings"
"""Stands for the embedding model where names of models are asked for; no model can be called so."""
API_CONCURRENCY = 32
"""The most requests under way at an API unless the configuration says otherwise."""
API_FIRST = 4
"""Requests under way at an API to begin with; how many it really takes is found out."""
LOOK_S = 0.05
"""How often it is looked at whether the last answers have come, when a run is stopped."""


@dataclass(frozen=True, slots=True)
class OpenModels:
    """Models that answer."""

    endpoints: Mapping[str, Model]
    """Those models, and the sandbox, if code is run, under the name `SANDBOX`."""
    abilities: Mapping[str, Abilities]
    """Of the pool's models; the embedding model is not asked."""
    identities: Mapping[str, str]
    """What each model is, one build told from another; part of every call's key."""

    slots: Mapping[str, Slots]
    """Of the models that are served here."""
    servers: Mapping[str, Server]
    """What is behind each model; one for all that are behind one address."""
    local: Mapping[str, LocalServer] = field(default_factory=dict)
    """What serves the models that are served here."""

    async def finish(self, patience_s: float) -> None:
        """Let no new request begin, and wait for those under way, so many seconds at most."""
        limits = [server.limit for server in self.servers.values()]
        for limit in limits:
            limit.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while any(limit.taken for limit in limits):  # noqa: ASYNC110 (at the end of a run, some seconds at most)
                    await asyncio.sleep(LOOK_S)

    @property
    def accounts(self) -> Mapping[str, Account]:
        """What has happened at each server, by its name."""
        return {server.name: server.account for server in self.servers.values()}

    def make_lanes(self) -> dict[str, Lanes]:
        """Where each model reads as many matters at once as do not lose one another's cached prefix."""
        return {name: self.slots.get(name) or self._lanes(name) for name in self.abilities}

    def _lanes(self, name: str) -> Lanes:
        if self.identities[name].startswith("file:"):
            return EqualLanes(1)  # llama.cpp's caches are one to a slot, and it mixes up two matters that begin alike
        return EqualLanes(max(1, self.servers[name].limit.places // 2))


def identities(config: SynthesisConfig) -> dict[str, str]:
    """What is known of each model before any server is asked: a file's digest, or a name on a server.

    Raises:
        CatalogueError: a name is not in the catalogue.
    """
    return {name: _identity(c) for name, c in _all(config).items()}


@asynccontextmanager
async def open_models(
    config: RunConfig, listen: Listener, logs: Path, only: Collection[str] | None = None
) -> AsyncIterator[OpenModels]:
    """Pull, start and probe all models that take part, or `only` these; embedded servers end with the context.

    Args:
        config: the run.
        listen: hears of the progress.
        logs: for the logs of embedded servers.
        only: names of models; by default all that are cast, and the one for embeddings.

    Raises:
        CatalogueError: a model cannot be had.
        EndpointError: a server cannot be reached or does not come up.
        ConfigError: a key's variable is not set, a server does not serve the model, or code is to be run and there is
            no sandbox.
    """
    playing = {*members(config.synthesis), EMBEDDINGS} if only is None else set(only)
    sandbox = {SANDBOX: await open_sandbox()} if only is None and config.synthesis.runs_code else {}
    wanted = {name: c for name, c in _all(config.synthesis).items() if name in playing}
    shared = _servers(wanted, config, listen)
    backed = {name: backed_model(name, c, shared[name]) for name, c in wanted.items() if c.backend}
    cards = {name: find(c.catalogue) for name, c in wanted.items() if c.catalogue}
    if cards and importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtra(f"Serving {', '.join(c.name for c in cards.values())} on this machine", "local")
    listen(PhaseStarted("models", ", ".join(n for n in wanted if n != EMBEDDINGS), len(wanted)))
    files = {name: await fetched(card, listen) for name, card in cards.items()}
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())
        scored = _scored(config.synthesis, cards)
        servers = {
            name: _server(name, cards[name], file, config, listen, logs, name in scored) for name, file in files.items()
        }
        for server in servers.values():
            stack.push_async_callback(server.stop)
        loading = asyncio.Semaphore(2)  # one reads its file while another warms up; more would slow each other down
        ready = len(wanted) - len(servers)  # the user's own servers run already

        async def start(server: LocalServer) -> None:
            nonlocal ready
            async with loading:
                await server.start()
            ready += 1
            listen(PhaseAdvanced(ready))

        await together(start(server) for server in servers.values())
        local = config.engine.local
        slots = {name: Slots(local.slots) for name in servers if local.pin_slots and name != EMBEDDINGS}
        endpoints = {
            name: _endpoint(
                name, c, cards.get(name), servers.get(name), slots.get(name), session, shared[name], config, listen
            )
            for name, c in wanted.items()
            if name not in backed
        }
        for name, server in servers.items():
            if server.scoring_url:
                endpoints[name].scorer = _scorer(name, endpoints[name], server, session, config)
        threads = config.engine.local.threads or threads_for()
        players = [_player(server, shared[name]) for name, server in servers.items() if name != EMBEDDINGS]
        await stack.enter_async_context(taking_turns(players, max(1, free_cores() // threads)))
        pool = [name for name in endpoints if name != EMBEDDINGS]
        scoring = any(isinstance(verifier, LikelihoodVerifier) for verifier in config.synthesis.verifiers)
        # A server of ours tells it where it was started to; another of ours is not asked.
        asked = {name: scoring and (name not in servers or endpoints[name].scorer is not None) for name in pool}
        found = await together(probe(endpoints[name], asked[name]) for name in pool)
        abilities = {name: model.abilities for name, model in backed.items() if name != EMBEDDINGS}
        abilities |= dict(zip(pool, found, strict=True))
        known = identities(config.synthesis)
        for name in pool:
            if name not in cards:
                known[name] = f"api:{abilities[name].served}"
        known |= {name: box.identity for name, box in sandbox.items()}
        yield OpenModels({**endpoints, **backed, **sandbox}, abilities, known, slots, shared, servers)


def _all(config: SynthesisConfig) -> dict[str, EndpointConfig]:
    return {**{m.name: m for m in config.models}, EMBEDDINGS: config.embeddings}


def backed_model(name: str, config: EndpointConfig, server: Server) -> BackedModel:
    """The model that the user's own code answers for.

    Raises:
        ConfigError: that code cannot be loaded, or is no backend.
    """
    assert config.backend is not None, "the model has a backend"
    needs = ("embed",) if name == EMBEDDINGS else ("complete",)
    backend = made(config.backend.use, config.backend.options, needs, config)
    return BackedModel(name, backend, config.backend.use, server)


def _identity(config: EndpointConfig) -> str:
    if config.backend:
        return f"plugin:{digest(config.backend.use, config.backend.options)}"
    return f"file:{find(config.catalogue).origin}" if config.catalogue else f"api:{config.model or ''}"


def _scored(config: SynthesisConfig, cards: Mapping[str, ModelCard]) -> tuple[str, ...]:
    """Of the models that are served here, those that are to say how probable a reply is: the named, or the smallest."""
    wanted = [verifier for verifier in config.verifiers if isinstance(verifier, LikelihoodVerifier)]
    pool = sorted((name for name in cards if name != EMBEDDINGS), key=lambda name: cards[name].parameters)
    return tuple(name for verifier in wanted for name in verifier.models or pool[:1])


def _scorer(
    name: str, endpoint: Endpoint, server: LocalServer, session: aiohttp.ClientSession, run: RunConfig
) -> Endpoint:
    return Endpoint(
        name,
        server.scoring_url,
        session,
        endpoint.server,
        model=name,
        key=server.key,
        format=endpoint.format,
        timeout_s=run.engine.timeout_s,
        retries=run.engine.retries,
        listen=endpoint.listen,
        revive=server.revive_scoring,
    )


def _server(
    name: str, card: ModelCard, file: Path, config: RunConfig, listen: Listener, logs: Path, scoring: bool
) -> LocalServer:
    local = config.engine.local
    embedding = card.kind == "embedding"
    logs.mkdir(parents=True, exist_ok=True)
    return LocalServer(
        name,
        file,
        logs / f"{name}.server.log",
        # One slot keeps embeddings the same bit for bit, whatever else is asked; 512 is MiniLM's position table.
        context=512 if embedding else min(local.context, card.context),
        slots=1 if embedding else local.slots,
        threads=1 if embedding else local.threads or threads_for(),
        embedding=embedding,
        scoring=scoring,
        start_timeout_s=local.start_timeout_s,
        listen=listen,
    )


def _player(server: LocalServer, shared: Server) -> Player:
    return Player(pid=lambda: server.pid, busy=lambda: shared.limit.taken > 0)


def _servers(wanted: Mapping[str, EndpointConfig], run: RunConfig, listen: Listener) -> dict[str, Server]:
    """The server of each model, by the model's name: one for all that are behind one URL, however it is written."""
    behind: dict[str, list[EndpointConfig]] = {}
    for name, c in wanted.items():
        behind.setdefault(_address(name, c), []).append(c)
    servers = {address: _shared(address, models, run, listen) for address, models in behind.items()}
    return {name: servers[_address(name, c)] for name, c in wanted.items()}


def _address(name: str, config: EndpointConfig) -> str:
    """What tells one server from another, and what it is called: an embedded model, or a backend, has one to itself."""
    if config.base_url is None:
        return f"the {'backend' if config.backend else 'server'} of {name.removeprefix('@')}"
    url = URL(config.base_url)
    return str(url.with_host("127.0.0.1") if url.host in ("localhost", "::1") else url).rstrip("/")


def _shared(address: str, models: Sequence[EndpointConfig], run: RunConfig, listen: Listener) -> Server:
    """A server with as many places as the largest number that one of its models states."""
    stated = max(c.concurrency or 0 for c in models)
    # The slots of a server of our own are known; what another takes is found out. A backend never says "too much".
    most = run.engine.local.slots if models[0].catalogue else API_CONCURRENCY
    first = API_FIRST if models[0].base_url else None
    patience_s, give_up_after = run.engine.patience_s, run.engine.give_up_after
    return Server(
        stated or most, first, name=address, patience_s=patience_s, give_up_after=give_up_after, listen=listen
    )


def _endpoint(
    name: str,
    config: EndpointConfig,
    card: ModelCard | None,
    server: LocalServer | None,
    slots: Slots | None,
    session: aiohttp.ClientSession,
    shared: Server,
    run: RunConfig,
    listen: Listener,
) -> Endpoint:
    url = server.base_url if server else config.base_url
    assert url is not None, "an endpoint has a server of ours or a URL"
    key = server.key if server else key_from_env(config.api_key_env) if config.api_key_env else None
    stated = config.format if isinstance(config, ModelConfig) else None
    return Endpoint(
        name,
        url,
        session,
        shared,
        model=name if server else config.model,
        key=key,
        slots=slots,
        format=stated or ("base" if card and card.kind == "base" else "chat"),
        timeout_s=run.engine.timeout_s,
        retries=run.engine.retries,
        listen=listen,
        revive=server.revive if server else None,
    )
