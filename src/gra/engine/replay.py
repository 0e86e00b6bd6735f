"""A whole run once more, from its ledger alone: no server, no network, no model's file, no seed file.

Everything is decided again, in the order of the candidates' numbers, from what the models answered then. So a replay
shows that a dataset follows from its ledger, and where it does not, it names the answer that is missing. What servers
refused, and candidates that they failed, are taken as the run has them on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gra.calls import CallId, Reply
from gra.config.load import RunConfig
from gra.config.synthesis import Budget, SynthesisConfig
from gra.engine.desk import BudgetSpent
from gra.engine.material import Material, on_record
from gra.engine.models import OpenModels
from gra.engine.run import Ending, Progress
from gra.engine.studies import JUDGED, LABELLED, PASSAGES
from gra.engine.verifiers import known_abilities
from gra.errors import EndpointError, StoreError
from gra.events import Listener, ignore
from gra.ids import sample_id
from gra.llm import Endpoint, Server, open_session
from gra.plugins import digest
from gra.records import Seed, Status
from gra.store.ledger import Ledger, Vector
from gra.store.reader import Reader
from gra.store.run_dir import RunDir
from gra.store.transcript import transcribe
from gra.store.writer import Writer

NOWHERE = "http://replay.invalid/v1"
"""An address that cannot exist (RFC 2606)."""
KEPT = ("readings", "models", PASSAGES, LABELLED, JUDGED)
"""Facts that no call tells: what servers could do, which models they served, the documents and labelled answers."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a run came to, as far as it does not follow from its calls."""

    lost: Mapping[str, str] = field(default_factory=dict)
    """Candidates that endpoints failed, with the reason."""
    end: str = ""
    """The first candidate that counts no more, where the run did not come to its target."""
    statement: str = ""
    """Why it did not."""


async def replay(original: RunDir, config: RunConfig, folder: Path, listen: Listener = ignore) -> Ending:
    """Make a run's dataset again, in a new folder.

    Args:
        original: only read.
        config: its own.
        folder: does not exist yet, or is empty.
        listen: hears of everything.

    Raises:
        StoreError: the ledger lacks an answer, or the run is of another version of gra; the message says which.
    """
    synthesis = config.synthesis
    _same_prompts(original, synthesis)
    _same_code(original, synthesis)
    with Reader(original) as reader:
        past, material = _past(reader, synthesis), _material(reader, synthesis)
        facts = {key: reader.fact(key) for key in KEPT}
    copy = transcribe(original, folder, KEPT)
    # One candidate at a time: then none is begun that the run's own result does not depend on.
    engine = config.engine.model_copy(update={"processes": 1, "concurrency": 1, "give_up_after": 10**9})
    # Where a budget ended the run is on record; what made it end, a clock for example, cannot be had again.
    budget = Budget(candidates_per_accepted=synthesis.budget.candidates_per_accepted)
    alike = RunConfig(synthesis=synthesis.model_copy(update={"budget": budget}), engine=engine)
    async with Writer(copy) as writer, open_session() as session:
        with Reader(copy) as reader, Record(writer, past) as ledger:
            servers = {name: Server(1) for name in facts["models"]}
            silent = {name: Endpoint(name, NOWHERE, session, server) for name, server in servers.items()}
            models = OpenModels(silent, known_abilities(facts["readings"]), facts["models"], {}, servers)
            return await Progress(alike, copy, writer, reader, listen).go_on(models, ledger, material)


class Record(Ledger):
    """A ledger that is all there is: what it does not hold is missing, and is not asked of anybody."""

    def __init__(self, writer: Writer, past: Past) -> None:
        super().__init__(writer)
        self._past = past
        self._asking = ""
        """The candidate of the last call, and so the one whose text is embedded: there is one at a time."""

    def asking(self, call: CallId) -> None:
        """Note the candidate.

        Raises:
            BudgetSpent: here the run ended.
        """
        self._asking = call.sample
        if call.sample == self._past.end:
            raise BudgetSpent(self._past.statement)

    def find(self, call: CallId, digest: str) -> Reply:
        """The reply to a call.

        Raises:
            Refused: that was the answer.
            EndpointError: the candidate was given up at some call, and has come to one that has no answer.
            BudgetSpent: here the run ended.
            StoreError: the reply is missing.
        """
        self.asking(call)
        reply = super().find(call, digest)
        if reply is not None:
            return reply
        if (refusal := self.find_refusal(call, digest)) is not None:
            raise refusal
        if call.sample in self._past.lost:
            raise EndpointError(self._past.lost[call.sample])
        if self._past.end and call.step.startswith("summary."):  # a run that has spent its budget does without
            raise BudgetSpent(self._past.statement)
        raise StoreError(self._missing(call))

    def find_vectors(self, model: str, digests: Iterable[str]) -> dict[str, Vector]:
        """The embeddings of these texts, all of them.

        Raises:
            EndpointError: the candidate was given up. It has all its answers, so it was given up here.
            StoreError: one is missing.
        """
        # Its text may have been embedded for another candidate since; that does not bring it back.
        if self._asking in self._past.lost:
            raise EndpointError(self._past.lost[self._asking])
        wanted = list(digests)
        found = super().find_vectors(model, wanted)
        if lacking := [digest for digest in wanted if digest not in found]:
            raise StoreError(
                f"the run cannot be replayed: {len(lacking)} embeddings that it needs are missing in its database, the "
                f"first of the text with the digest {lacking[0]}. Restore the folder from a copy"
            )
        return found

    def _missing(self, call: CallId) -> str:
        of = f"`{call.step}` of {call.sample}" + (f" (repair turn {call.attempt})" if call.attempt else "")
        if self.knows(call):
            why = (
                "its ledger has an answer there, but to another question. Something before it was edited, or was read "
                "in another way by the gra that made the run"
            )
        else:
            why = "its ledger has no answer there; the gra that made the run may have asked something else"
        return f"the run cannot be replayed beyond {of}: {why}. `gra verify` names rows that were edited"


def _past(reader: Reader, config: SynthesisConfig) -> Past:
    """Raises a StoreError if there is nothing to replay yet."""
    rounds = reader.rounds()
    if not rounds:
        raise StoreError(f"{reader.run.path} has not begun its first round, so there is nothing to replay")
    lost = {s.id: s.reason for s in reader.iter_samples(Status.FAILED)}
    last = rounds[-1]
    if last.state == "open":
        return Past(lost, sample_id(last.number, 0), "the run that is replayed has not finished this round")
    if statement := str(last.detail.get("statement", "")):
        return Past(lost, sample_id(last.number, last.detail["decided"]), statement)
    if last.number < min(config.rounds, config.target):
        return Past(lost, sample_id(last.number + 1, 0), "the run that is replayed has not begun this round")
    return Past(lost)


def _material(reader: Reader, config: SynthesisConfig) -> Material:
    """What the run was made from, as its own folder has it."""
    material = on_record(reader)
    if config.documents and not material.passages:
        raise StoreError(f"{reader.run.path} was made by a gra that did not keep passages, so it cannot be replayed")
    return replace(material, seeds=tuple(_seeds(reader)))


def _seeds(reader: Reader) -> list[Seed]:
    """The seeds as their file gave them: without what a model was asked for."""
    found = []
    for entry in (e for e in reader.pool() if e.round == 0):
        asked = {stored.task for stored in reader.calls_of(entry.id)}
        found.append(
            Seed(
                entry.id,
                entry.instruction,
                entry.response,
                domain=None if "domain" in asked else entry.domain,
                keywords=() if "seed_keywords" in asked else entry.keywords,
                summary="" if "summary" in asked else entry.summary,
            )
        )
    return found


def _same_prompts(run: RunDir, config: SynthesisConfig) -> None:
    if run.document.get("prompts") != config.templates.digest:
        raise StoreError(
            f"{run.path} was made with other prompts than this gra has, so none of its answers would fit. "
            f"Replay it with the gra that made it ({run.made_by or 'another version'})"
        )


def _same_code(run: RunDir, config: SynthesisConfig) -> None:
    """Raises a StoreError if code of the user's own is not what the run was made with."""
    now = {key: digest(plugin.use, plugin.options) for key, plugin in config.plugins.items()}
    if changed := [key for key, made_with in run.document.get("plugins", {}).items() if now.get(key) != made_with]:
        raise StoreError(
            f"{run.path} was made with other code of your own under {', '.join(f'`{key}`' for key in changed)} than is "
            "there now, so it cannot be replayed. Put back what was there"
        )
