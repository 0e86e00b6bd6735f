"""A run from its configuration to its dataset. Starting and resuming are the same: what was done is found done."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gra.config.fingerprint import fingerprint, resolved
from gra.config.load import RunConfig
from gra.config.pool import check_pool
from gra.config.synthesis import Budget, bounded
from gra.engine.closing import Closing
from gra.engine.compute import sizes_of
from gra.engine.crew import Crew
from gra.engine.desk import BudgetSpent, Desk, Spending, spent_so_far
from gra.engine.energy import joules_of
from gra.engine.examining import kept_exams
from gra.engine.figuring import store_figures
from gra.engine.forecast import Outlook
from gra.engine.honeypots import look_again
from gra.engine.material import Material, read_material
from gra.engine.merits import store_odds
from gra.engine.metering import Energy, metering
from gra.engine.models import EMBEDDINGS, OpenModels, identities, open_models
from gra.engine.opening import Known, hold_exam, make_gate, seed_pool
from gra.engine.pair_exams import examine_pairs
from gra.engine.prices import prices_of
from gra.engine.readings import check_labels, choose_readings, make_readings
from gra.engine.recalibrating import store_learned
from gra.engine.revising import store_worth
from gra.engine.rounds import Limits, Round
from gra.engine.studies import JUDGED, LABELLED, PASSAGES, Studies, share
from gra.engine.vectors import Embedder
from gra.engine.verifiers import kinds, make_verifiers
from gra.errors import StoreError
from gra.events import Listener, Notice, PhaseStarted, RoundClosed, ignore
from gra.plugins import digest
from gra.records import Entry, Sample, Status
from gra.store.kept_answers import KeptAnswers
from gra.store.ledger import Ledger
from gra.store.reader import Reader
from gra.store.run_dir import RunDir, create_run, update_run
from gra.store.writer import Writer
from gra.synthesis.bootstrap import Annotator
from gra.synthesis.plugged import try_plugins
from gra.synthesis.sample import Study, concluded
from gra.together import called_off_gently


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run came to."""

    accepted: int
    target: int
    statement: str
    """Why there are fewer than asked for; empty if there are not."""
    folder: Path
    used_up: bool = False
    """In refinement: every seed was tried."""

    @property
    def complete(self) -> bool:
        """True if the dataset is as large as it was asked to be, or as it can be."""
        return self.used_up or self.accepted >= self.target


async def synthesise(
    config: RunConfig, folder: Path, listen: Listener = ignore, others: Sequence[RunDir] = ()
) -> Ending:
    """Run a configuration in a folder to its end, from wherever it stands there.

    Args:
        config: the run.
        folder: where it lies, or is to lie.
        listen: hears of everything.
        others: runs whose answers are taken where they were given to the same call; they become this run's own.

    Raises:
        GraError: something that a person can mend; what was answered is stored, and the same call goes on from it.
    """
    check_pool(config.synthesis)
    # A budget that cannot be reckoned, or code that cannot be used, is told of before anything is fetched.
    sizes_of(config.synthesis)
    prices_of(config.synthesis)
    joules_of(config.synthesis)
    try_plugins(config.synthesis)
    material = read_material(config.synthesis, folder)
    for problem in material.problems:
        listen(Notice(problem))
    config = config.model_copy(update={"synthesis": bounded(config.synthesis, len(material.seeds))})
    wanted = document(config, material)
    run = create_run(folder, wanted)
    async with Writer(run) as writer:
        if run.document["config"] != wanted["config"]:
            run = update_run(run, wanted)  # the same data by other means: a larger budget, another address
        with Reader(run) as reader:
            state = Progress(config, run, writer, reader, listen)
            await state.keep(material)
            await store_figures(config.synthesis, reader, writer)
            if not state.owed():
                return state.ending("")
            async with (
                metering(config.synthesis, reader, writer, listen) as energy,
                open_models(config, listen, run.logs) as models,
            ):
                try:
                    with Ledger(writer, others) as ledger, KeptAnswers(kept_exams()) as kept:
                        await check_labels(config.synthesis, models, listen)
                        patience = config.engine.finish_s
                        work = state.go_on(models, ledger, material, energy, kept)
                        return await called_off_gently(work, lambda: models.finish(patience))
                finally:
                    await state.keep_accounts(models)


def document(config: RunConfig, material: Material) -> dict[str, Any]:
    """What `run.json` says: which run this is, and how to carry on with it."""
    known, prompts = identities(config.synthesis), config.synthesis.templates.digest
    code = {key: digest(plugin.use, plugin.options) for key, plugin in config.synthesis.plugins.items()}
    return {
        "fingerprint": fingerprint(
            config.synthesis,
            seeds_digest=material.seeds_digest,
            models=known,
            prompts_digest=prompts,
            documents_digest=material.documents_digest,
            labelled_digest=material.labelled_digest,
            plugins=code,
        ),
        "config": resolved(config),
        "models": known,
        "seeds": material.seeds_digest,
        "documents": material.documents_digest,
        "labelled_answers": material.labelled_digest,
        "prompts": prompts,
        "plugins": code,
        "versions": {"gra-synth": version("gra-synth"), "python": sys.version.split()[0]},
    }


@dataclass(frozen=True, slots=True)
class Progress:
    """A run under way."""

    config: RunConfig
    run: RunDir
    writer: Writer
    reader: Reader
    listen: Listener

    def owed(self) -> int:
        """Accepted samples still to come."""
        return 0 if self.reader.used_up() else self.config.synthesis.target - self.accepted()

    def accepted(self) -> int:
        """Accepted samples of closed rounds."""
        return self.reader.funnel().by_status.get(Status.ACCEPTED, 0)

    def ending(self, statement: str) -> Ending:
        """The end of the run as it stands."""
        return Ending(self.accepted(), self.config.synthesis.target, statement, self.run.path, self.reader.used_up())

    async def keep(self, material: Material) -> None:
        """See that what others may change is on record, before anything is waited for."""
        facts = {
            PASSAGES: [asdict(passage) for passage in material.passages],
            LABELLED: [asdict(pair) for pair in material.labelled],
            JUDGED: material.judged,
        }
        for name, fact in facts.items():
            if fact and self.reader.fact(name) is None:
                await self.writer.put_fact(name, fact)

    async def go_on(
        self,
        models: OpenModels,
        ledger: Ledger,
        material: Material,
        energy: Energy | None = None,
        kept: KeptAnswers | None = None,
    ) -> Ending:
        """Everything that is left to do; without `energy` none is counted.

        `kept` are answers to exam questions that other runs have put.
        """
        synthesis = self.config.synthesis
        energy = energy or Energy()
        spending = spent_so_far(synthesis, self.reader.totals(), energy)
        desk = Desk(ledger, models.endpoints, models.identities, spending, self.listen, kept)
        # A full round is closed as it would be without a budget: what the pool says of it shapes the next round.
        beside = Spending(Budget(), energy=energy)
        unbounded = Desk(ledger, models.endpoints, models.identities, beside, self.listen)
        embedder = Embedder(ledger, models.endpoints[EMBEDDINGS], models.identities[EMBEDDINGS])
        try:
            chosen = choose_readings(synthesis, models.abilities)
            verifiers = make_verifiers(synthesis, models.abilities, embedder.of_call, self.listen)
            await self._same("readings", {**chosen, **kinds(verifiers)})
            await self._same("models", dict(models.identities))
            lanes = models.make_lanes()
            readings = {**make_readings(synthesis, chosen, lanes), **verifiers}
            entries: Sequence[Entry] = self.reader.entries()
            if material.seeds and not entries:
                entries = await seed_pool(desk, synthesis, material.seeds, self.writer, self.listen)
            known = Known(entries, material.labelled, readings)
            known = await hold_exam(desk, synthesis, known, self.reader, self.writer, self.listen)
            gate = await make_gate(desk, synthesis, known, self.reader, self.writer, self.listen)
            await examine_pairs(desk, synthesis, gate, known, self.reader, self.writer, self.listen)
            if kept and kept.problem:
                self.listen(Notice(kept.problem))
            studies = Studies(synthesis, self.reader, known.readings, gate, desk, material.passages)
            full = await self._reopen_short()
            await self.writer.put_fact("asked", dict(Counter(studies.order)))
            async with AsyncExitStack() as stack:
                crew = None
                if self.config.engine.processes > 1:
                    crew = Crew(self.config, ledger, models, lanes, self.writer, spending, beside, self.listen)
                    await stack.enter_async_context(crew)
                closing = Annotator(crew.ask if crew else unbounded, synthesis)
                for number in range(full + 1, min(synthesis.rounds, synthesis.target) + 1):
                    entries = self.reader.entries()
                    await look_again(desk, synthesis, known, number, self.reader, self.writer, self.listen)
                    await store_learned(gate, number, self.reader, self.writer, self.listen)
                    await store_odds(synthesis, gate, number, self.reader, self.writer)
                    await store_worth(synthesis, number, self.reader, self.writer)
                    study = studies.of(number, entries)
                    outlook = self._outlook(spending)
                    statement = await self._round(study, number, embedder, closing, entries, outlook, crew)
                    if statement:
                        return self.ending(statement)
        except BudgetSpent as reached:
            return self.ending(f"{reached} before the first round could begin")
        return self.ending("")

    async def keep_accounts(self, models: OpenModels) -> None:
        """Add what has happened at the servers to what earlier attempts had to tell."""
        kept = self.reader.fact("servers") or {}
        now = {name: account.plus(kept.get(name, {})) for name, account in models.accounts.items()}
        await self.writer.put_fact("servers", dict(sorted({**kept, **now}.items())))
        for name, account in models.accounts.items():
            if account.faults:
                self.listen(Notice(f"{name}: {account}; {account.retries} tries again"))

    def _outlook(self, spending: Spending) -> Outlook:
        """Tells of what is still to come, from what the run has come to."""
        counts = Counter(self.reader.funnel().by_status)
        kept = counts[Status.ACCEPTED] + counts[Status.PASSED]
        ended = counts.total() - counts[Status.SURPLUS] - counts[Status.FAILED]
        return Outlook(self.listen, spending, max(0, self.config.synthesis.target - kept), kept, ended)

    async def _reopen_short(self) -> int:
        """Reopen the round that an earlier attempt closed short of its target, if any; returns how many are full."""
        full = 0
        for known in self.reader.rounds():
            if known.state == "closed" and known.accepted < known.target:
                await self.writer.reopen_round(known.number, self._reopened(known.number))
            elif known.state == "closed":
                full = known.number
        return full

    def _reopened(self, number: int) -> Iterator[Sample]:
        """The samples of a round as they were before it was closed, where that has changed them."""
        for status in (Status.ACCEPTED, Status.DUPLICATE, Status.SURPLUS):
            for sample in self.reader.iter_samples(status, number):
                summary = sample.summary if sample.seed else ""
                yield concluded(replace(sample, duplicate_of="", similarity=None, summary=summary))

    async def _same(self, fact: str, now: dict[str, Any]) -> None:
        """One run is made by the same models, their opinions read in the same way, from beginning to end.

        Raises:
            StoreError: an earlier attempt found something else.
        """
        before = self.reader.fact(fact)
        if before is not None and before != now:
            differ = ", ".join(f"`{m}` ({before.get(m)} before, {now[m]} now)" for m in now if before.get(m) != now[m])
            raise StoreError(
                f"This run began with other {fact}: {differ}. Start the servers as they were, or begin a new run with "
                "another --out."
            )
        await self.writer.put_fact(fact, now)

    async def _round(
        self,
        study: Study,
        number: int,
        embedder: Embedder,
        closing: Annotator,
        entries: Sequence[Entry],
        outlook: Outlook,
        crew: Crew | None,
    ) -> str:
        """One round; returns why the run cannot go on, or nothing."""
        synthesis, target = study.config, share(study.config, number)
        candidates = int(target * synthesis.budget.candidates_per_accepted)
        if synthesis.task == "refine":
            candidates, target = (min(n, study.pool.seeds) for n in (candidates, target))
        limits = Limits(
            target=target,
            candidates=candidates,
            concurrency=self.config.engine.concurrency,
        )
        await self.writer.open_round(number, target)
        self.listen(PhaseStarted("round", f"{number} of {synthesis.rounds}", target))
        # A seed would be the duplicate of itself: what is refined is compared with its own kind only.
        pool = await embedder.known([] if synthesis.task == "refine" else entries)
        away = crew.sample if crew else None
        this = Round(study, number, limits, pool, embedder, self.writer, outlook, away)
        outcome = await this.run(self.reader.iter_ended(number))
        annotator = Annotator(study.ask, synthesis) if outcome.statement else closing
        await Closing(number, outcome, self.reader, self.writer).close(annotator, limits.concurrency)
        await store_figures(synthesis, self.reader, self.writer)
        candidates = self.reader.rounds()[number - 1].candidates
        self.listen(RoundClosed(number, len(outcome.accepted), target, candidates))
        return outcome.statement
