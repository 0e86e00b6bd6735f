"""The processes that make samples for a run, seen from the one that leads it.

The process that leads keeps everything that there is one of: rounds, de-duplication, the budget, the run's lock, the
one hand that writes, and each server's limit. A candidate is a function of its number and of the ledger, so whichever
process makes it, and however often one that died left it undone, it becomes the same sample.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from gra.calls import CallId, Reply, Request, Usage
from gra.config.load import RunConfig
from gra.engine.channel import Channel, Closed
from gra.engine.desk import BudgetSpent, Spending
from gra.engine.lending import Lender
from gra.engine.lent import Met, Orders
from gra.engine.models import OpenModels
from gra.errors import ProcessLost, Refused
from gra.events import Event, Listener, Notice
from gra.llm import Endpoint
from gra.llm.retry import plain
from gra.records import Sample
from gra.store.ledger import Ledger
from gra.store.writer import Writer
from gra.synthesis.reading import Lanes
from gra.together import together

DEATHS = 5
"""Processes that may die over one candidate, or one after the other as they start, before the run stops."""
END_S = 5.0
"""How long one that is told to end may take."""
_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[3])
from gra.engine.worker import main
main(int(sys.argv[1]), int(sys.argv[2]))
"""


class Crew:
    """`async with Crew(...) as crew`: as many processes as `engine.processes` says, until it is left.

    Raises:
        ProcessLost: one does not come up.
    """

    def __init__(
        self,
        config: RunConfig,
        ledger: Ledger,
        models: OpenModels,
        lanes: Mapping[str, Lanes],
        writer: Writer,
        spending: Spending,
        beside: Spending,
        listen: Listener,
    ) -> None:
        self._config = config
        self._models = models
        self._lanes = lanes
        self.writer = writer
        self._others = tuple(run.path for run in ledger.others)
        self._spending = spending
        self._beside = beside
        self.spent = ""
        """Why nothing more may be asked; empty if it may."""
        self.listen = listen
        self._told: set[str] = set()
        self._members = [Member(self, number + 1) for number in range(config.engine.processes)]

    async def __aenter__(self) -> Self:
        try:
            await together(member.ready() for member in self._members)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def sample(self, number: int, index: int) -> Sample:
        """Candidate `index` of round `number` at its end, made by the process that has the fewest under way.

        Raises:
            EndpointError, BudgetSpent, StoreError, ConfigError: as `run_sample`.
            ProcessLost: several processes have died over it.
        """
        sample: Sample = await self._done("sample", number, index)
        return sample

    async def ask(self, call: CallId, request: Request) -> Reply:
        """An `Ask` without a budget: for what the process that leads has to know, asked by one of the others.

        Raises:
            Refused, EndpointError, ProcessLost: as for a sample.
        """
        reply: Reply = await self._done("ask", call, request)
        return reply

    async def _done(self, what: str, *given: object) -> Any:
        member = self._members[0]
        for _ in range(DEATHS):
            member = min(self._members, key=lambda member: member.busy)
            with suppress(Closed):
                return await member.do(what, *given)
        raise member.lost("died again and again")

    def orders(self) -> Orders:
        """What a process is told that begins now."""
        endpoints = {name: e for name, e in self._models.endpoints.items() if isinstance(e, Endpoint)}
        met = {name: self._met(name, endpoint) for name, endpoint in endpoints.items()}
        config, run = self._config.model_dump_json(), self.writer.run.path
        return Orders(config, run, self._others, dict(self._models.identities), met, self.spent)

    def lender(self) -> Lender:
        """What a process that begins now may ask for."""
        return Lender(self._models, self._lanes, self.writer, self._count, self._hear)

    def _count(self, model: str, usage: Usage | None, beside: bool) -> None:
        """Add a call of a model to what is spent; when that is all there was, everybody is told."""
        purse = self._beside if beside else self._spending
        purse.count(model, Refused() if usage is None else Reply("", usage=usage))
        if self.spent:
            return
        try:
            self._spending.check()
        except BudgetSpent as reached:
            self.spent = str(reached)
            for member in self._members:
                member.tell("spent", self.spent)

    def _hear(self, event: Event) -> None:
        """Pass on what a process has to tell; trouble that several have with one server is told once."""
        if isinstance(event, Notice):
            if event.text in self._told:
                return
            self._told.add(event.text)
        self.listen(event)

    def _met(self, name: str, endpoint: Endpoint) -> Met:
        local = self._models.local.get(name)
        served, schema, logprobs = self._served(name), endpoint.schema_field, endpoint.top_logprobs
        slots, secret = name in self._models.slots, local.secret if local else ""
        scoring = (endpoint.scorer or endpoint).scoring
        other = endpoint.scorer.url if endpoint.scorer else ""
        return Met(endpoint.url, served, schema, logprobs, endpoint.format, slots, secret, scoring, other)

    def _served(self, name: str) -> str | None:
        ability = self._models.abilities.get(name)
        if ability is not None:
            return ability.served
        return name if name in self._models.local else self._config.synthesis.embeddings.model

    async def _end(self) -> None:
        await asyncio.gather(*(member.end() for member in self._members))


class Member:
    """One process, started again when it has died."""

    def __init__(self, crew: Crew, number: int) -> None:
        self._crew = crew
        self._name = f"process-{number}"
        self._log = crew.writer.run.logs / f"{self._name}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self.busy = 0
        """Pieces of work that it has under way, or that wait for it."""

    async def ready(self) -> Channel:
        """The channel to it, once it can make samples; another one is started if it has died.

        Raises:
            ProcessLost: it dies before it can.
        """
        async with self._opening:
            for _ in range(DEATHS + 1):
                if self._channel is not None and not self._channel.is_closed:
                    return self._channel
                if self._process is not None:
                    await self._process.wait()
                    self._crew.listen(Notice(f"{self._name} of the run died{self._death()}; another takes its place"))
                with suppress(Closed):
                    self._channel = await self._start()
            raise self.lost("did not come up")

    async def do(self, what: str, *given: object) -> Any:
        """What a method of `worker.Worker` gives there.

        Raises:
            Closed: it died before it had.
        """
        self.busy += 1
        try:
            return await (await self.ready()).call(what, *given)
        except Closed:
            if self._process is not None:
                await self._process.wait()
            raise
        finally:
            self.busy -= 1

    def tell(self, name: str, *given: object) -> None:
        """Tell it something, if it is there."""
        if self._channel is not None:
            self._channel.tell(name, *given)

    def lost(self, how: str) -> ProcessLost:
        """The error to raise when it is no use to start it once more."""
        return ProcessLost(
            f"{self._name} of the run {how}{self._death()}. Its log: {self._log}, which ends: {self._tail()}. Every "
            f"answer so far is stored; go on with: gra resume {self._crew.writer.run.path} (one process is tried with "
            "--set engine.processes=1)"
        )

    async def end(self) -> None:
        """End it, when all that it has to say is on disk; kill it if it does not come to its end."""
        channel, process = self._channel, self._process
        try:
            if channel is not None:
                with suppress(Closed, TimeoutError):
                    async with asyncio.timeout(END_S):
                        await channel.call("end")
                        await channel.settled()
        finally:
            if channel is not None:
                channel.close()
            if process is not None:
                await self._ended(process)

    async def _ended(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _start(self) -> Channel:
        ours, theirs = socket.socketpair()
        lender = self._crew.lender()
        channel = Channel(lender, lender.gone)
        try:
            with theirs:
                await self._spawn(theirs)
            await asyncio.get_running_loop().create_connection(lambda: channel, sock=ours)
        except BaseException:
            ours.close()
            raise
        try:
            await channel.call("open", self._crew.orders())
        except BaseException:
            channel.close()
            raise
        if self._crew.spent:  # since it was given its orders
            channel.tell("spent", self._crew.spent)
        return channel

    async def _spawn(self, connection: socket.socket) -> None:
        numbers = str(connection.fileno()), str(os.getpid())
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            # A new interpreter, as `multiprocessing` spawns one, but without running the main module once more.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _BOOT, *numbers, json.dumps(sys.path)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(connection.fileno(),),
            )

    def _death(self) -> str:
        code = self._process.returncode if self._process else None
        if code is None:
            return ""
        return f" (by signal {-code})" if code < 0 else f" (exit code {code})"

    def _tail(self) -> str:
        lines = _last(self._log).decode("utf-8", "replace").splitlines()
        return " | ".join(plain(line, 160) for line in lines[-4:]) or "(nothing)"


def _last(log: Path) -> bytes:
    """The end of a log."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - 4000))
            return stream.read()
    except OSError:
        return b""
