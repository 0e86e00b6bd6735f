"""What each reviewer's presence decides: stored opinions go through the run's gate again, without it. Asks nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gra.config.plugin import Plugin
from gra.errors import StoreError
from gra.records import Opinion, Sample, Stage
from gra.report.opening import config_of
from gra.synthesis.decide import Gate, quorum, settled, usable
from gra.synthesis.domains import in_domain

if TYPE_CHECKING:
    from gra.store.reader import Reader

NO_VERDICT = "no verdict"
"""Too few of the committee are left, or could be read."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What would have been decided without one reviewer."""

    reviewer: str
    sat: int
    """Samples of which it judged the instruction or the response that counts."""
    changed: int
    """Of these, those that would have ended otherwise."""
    how: Mapping[str, int]
    """For example `accept to reject`; a dispute that nobody has ruled on stays `dispute`."""

    @property
    def share(self) -> float | None:
        """Share of the samples it judged whose end hangs on it, in [0, 1]; None if it judged none."""
        return self.changed / self.sat if self.sat else None


@dataclass
class Removals:
    """Counts sample by sample."""

    gate: Gate
    adjudication: Literal["model", "majority", "none"]
    """As in the configuration: how a dispute ends."""
    samples: int = 0
    sat: Counter[str] = field(default_factory=Counter)
    how: dict[str, Counter[str]] = field(default_factory=dict)
    anew: Mapping[int, Gate] = field(default_factory=dict)
    """Gates of rounds that have one of their own."""
    unlike: int = 0
    """Samples on which the gate, given all stored opinions, does not say what was decided when they were made."""

    def add(self, sample: Sample) -> None:
        """Count one, if there is something to decide again."""
        judges = judges_of(sample)
        if not judges:
            return
        try:
            was = self.end(sample)
            ends = {model: self.end(sample, model) for model in judges}
        except (KeyError, ValueError, ZeroDivisionError):  # somebody of whom the exam that is stored knows nothing
            self.unlike += 1
            return
        self.samples += 1
        final = sample.best.final if sample.best else sample.verdict
        self.unlike += final is not None and was not in (final.outcome, NO_VERDICT)
        for model, end in ends.items():
            self.sat[model] += 1
            self.how.setdefault(model, Counter())
            if end != was:
                self.how[model][f"{was} to {end}"] += 1

    def end(self, sample: Sample, without: str = "") -> str:
        """`accept`, `reject`, `dispute` or `no verdict`, for the instruction and the version that counts."""
        gate = in_domain(self.anew.get(sample.round, self.gate), sample.domain)
        if sample.opinions:
            end = _judged(gate, "instruction", sample.opinions, without)
            if end != "accept":
                return end
        version = sample.best
        if version is None or not version.opinions:
            return "accept" if sample.opinions else NO_VERDICT
        end = _judged(gate, "response", version.opinions, without)
        if end != "dispute":
            return end
        kept = _left(version.opinions, without)
        if version.ruling:
            return gate.rule(version.ruling.opinion, kept).outcome
        if self.adjudication == "model":
            return end  # nobody has ruled on it
        return settled(gate.judge("response", kept), self.adjudication).outcome

    def found(self) -> tuple[Removal, ...]:
        """For each reviewer, in the alphabet's order."""
        return tuple(
            Removal(model, self.sat[model], sum(self.how[model].values()), dict(self.how[model].most_common()))
            for model in sorted(self.sat)
        )


def _judged(gate: Gate, stage: Stage, opinions: Sequence[Opinion], without: str) -> str:
    left = _left(opinions, without)
    if not usable(left) or not quorum(left):
        return NO_VERDICT
    return gate.judge(stage, left).outcome


def judges_of(sample: Sample) -> list[str]:
    """Those who could be read on the instruction or on the response that counts, each once."""
    version = sample.best
    opinions = [*sample.opinions, *(version.opinions if version else ())]
    return list(dict.fromkeys(opinion.model for opinion in opinions if opinion.usable))


def removals_of(reader: Reader) -> Removals | None:
    """An empty count with the run's gate, by the exams that are stored.

    None where nothing is reviewed, the gate is code of the user's own, which a look at a run does not start, or an exam
    is not stored as it is needed.
    """
    from gra.engine.opening import RULING_EXAM, known_gate  # with the engine: not for those who only count
    from gra.engine.recalibrating import gate_of

    try:
        config = config_of(reader.run).synthesis
        if config.review == "none" or isinstance(config.gate, Plugin):
            return None
        gate = known_gate(config, reader.fact("exam") or (), reader.fact(RULING_EXAM) or ())
        anew = {round.number: gate_of(gate, round.number, reader) for round in reader.rounds()}
    except (StoreError, KeyError):
        return None
    return Removals(gate, config.adjudication, anew=anew)


def _left(opinions: Sequence[Opinion], without: str) -> list[Opinion]:
    return [opinion for opinion in opinions if opinion.model != without]
