"""A process that makes samples for the run of another. Started by `crew.Crew` only.

It has an event loop, HTTP connections and a reading connection to the run's database; the run's folder tells it
everything but `lent.Orders`. It writes nothing and keeps nothing: it may end at any moment. It ends when the process
that leads does, however that ended: its channel closes, and on Linux the kernel sees to it even while code of the
user's own keeps the event loop from noticing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket

from gra.calls import CallId, Reply, Request
from gra.config.load import RunConfig
from gra.config.models import EndpointConfig
from gra.engine.channel import Channel
from gra.engine.desk import Desk
from gra.engine.lent import LentHand, LentModel, LentPurse, LentScorer, LentServer, LentSlots, Met, Orders
from gra.engine.models import EMBEDDINGS
from gra.engine.opening import RULING_EXAM, known_gate
from gra.engine.readings import as_examined, make_readings
from gra.engine.studies import PASSAGES, Studies, lived
from gra.engine.vectors import Embedder
from gra.engine.verifiers import known_abilities, make_verifiers
from gra.events import Event
from gra.llm import ApiKey, Endpoint, Model, key_from_env, open_session
from gra.llm.serve import die_with
from gra.records import Passage, Sample, Status
from gra.records import Reading as ReadingName
from gra.store.ledger import Ledger
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.synthesis.sample import Study


def main(handle: int, parent: int) -> None:
    """Work until the channel closes."""
    die_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the process that leads, which then calls off what is here
    asyncio.run(_work(socket.socket(fileno=handle)))


async def _work(connection: socket.socket) -> None:
    worker = Worker()
    worker.channel = Channel(worker, lambda: os._exit(0))
    await asyncio.get_running_loop().create_connection(lambda: worker.channel, sock=connection)
    await asyncio.get_running_loop().create_future()


class Worker:
    """What the process that leads may ask for."""

    channel: Channel

    def __init__(self) -> None:
        self._round = 0
        self._study: Study | None = None

    async def open(self, orders: Orders) -> None:
        """Make ready.

        Raises:
            ConfigError: code of the user's own cannot be loaded here.
            StoreError: the run cannot be read.
        """
        config = RunConfig.model_validate_json(orders.config)
        synthesis, run = config.synthesis, open_run(orders.run)
        self._reader = Reader(run)
        others = [open_run(folder) for folder in orders.others]
        ledger = Ledger(LentHand(self.channel, run), others)
        self._purse = LentPurse(self.channel, spent=orders.spent)
        self._session = open_session()
        known = {**{m.name: m for m in synthesis.models}, EMBEDDINGS: synthesis.embeddings}
        models = {
            name: self._model(name, known.get(name), orders.models.get(name), config) for name in orders.identities
        }
        desk = Desk(ledger, models, orders.identities, self._purse, self._tell)
        beside = LentPurse(self.channel, beside=True)
        self._unbounded = Desk(ledger, models, orders.identities, beside, self._tell)
        self._embedder = Embedder(ledger, models[EMBEDDINGS], orders.identities[EMBEDDINGS])
        stored = self._reader.fact("readings")
        chosen: dict[str, ReadingName] = {name: stored[name] for name in known_abilities(stored)}
        readings = make_readings(synthesis, chosen, {name: LentSlots(self.channel, name) for name in chosen})
        readings |= make_verifiers(synthesis, known_abilities(stored), self._embedder.of_call)
        exam = self._reader.fact("exam") or ()
        readings = as_examined(readings, exam)
        gate = known_gate(synthesis, exam, self._reader.fact(RULING_EXAM) or ())
        passages = tuple(Passage(**row) for row in self._reader.fact(PASSAGES) or ())
        self._studies = Studies(synthesis, self._reader, readings, gate, desk, passages)

    async def sample(self, number: int, index: int) -> Sample:
        """A candidate at its end; where it has passed, the ledger knows its vector."""
        if self._study is None or self._round != number:
            self._round, self._study = number, self._studies.of(number, self._reader.entries())
        sample = await lived(self._study, number, index)
        if sample.status is Status.PASSED:
            await self._embedder.vectors([sample.instruction])
        return sample

    async def ask(self, call: CallId, request: Request) -> Reply:
        """An answer, whatever is spent."""
        return await self._unbounded(call, request)

    def spent(self, statement: str) -> None:
        """Nothing more may be asked."""
        self._purse.spent = statement

    async def end(self) -> None:
        """Wait for what has been called off; what it had to say is said before this is answered."""
        await self.channel.settled()

    def _tell(self, event: Event) -> None:
        self.channel.tell("event", event)

    def _model(self, name: str, config: EndpointConfig | None, met: Met | None, run: RunConfig) -> Model:
        if met is None or config is None:
            return LentModel(self.channel, name)
        key = ApiKey(met.secret) if met.secret else key_from_env(config.api_key_env) if config.api_key_env else None
        slots = LentSlots(self.channel, name) if met.has_slots else None
        endpoint = self._endpoint(name, met.url, LentServer(self.channel, name), met, key, run, slots)
        endpoint.schema_field, endpoint.top_logprobs = met.schema_field, met.top_logprobs
        if met.scoring_url:
            endpoint.scorer = self._endpoint(name, met.scoring_url, LentScorer(self.channel, name), met, key, run)
        (endpoint.scorer or endpoint).scoring = met.scoring
        return endpoint

    def _endpoint(
        self,
        name: str,
        url: str,
        server: LentServer,
        met: Met,
        key: ApiKey | None,
        run: RunConfig,
        slots: LentSlots | None = None,
    ) -> Endpoint:
        return Endpoint(
            name,
            url,
            self._session,
            server,
            model=met.served,
            key=key,
            slots=slots,
            format=met.format,
            timeout_s=run.engine.timeout_s,
            retries=run.engine.retries,
            listen=self._tell,
            revive=server.revive if met.secret else None,
        )
