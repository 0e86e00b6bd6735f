"""Gates, castings, readings and post-processors of the user's own: made as the configuration says, and looked at.

What they give is checked before it is believed, since a verdict that is none, or a cast of strangers, would show much
later and as something else. Knows no backend and no exporter.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, get_args

from gra.calls import Ask, CallId
from gra.config.models import Part
from gra.config.plugin import Plugin
from gra.config.pool import adjudicated, committee_size, may_play
from gra.config.synthesis import SynthesisConfig
from gra.errors import ConfigError
from gra.plugins import made
from gra.records import Cast, Opinion, Outcome, Sample, Stage, Status, Verdict
from gra.records import Reading as ReadingName
from gra.synthesis.casting import Able, Casting, Odds, make_casting
from gra.synthesis.decide import Gate
from gra.synthesis.economy import WORST_AND_BEST
from gra.synthesis.evidence.verifier import Finding, Verifier
from gra.synthesis.reading import Matter, Reading

SCALES: tuple[ReadingName, ...] = ("written", "probability")
"""How opinions of models are read."""


class PostProcessor(Protocol):
    """Sees a sample that passed the review, before de-duplication. It must depend on nothing but the sample."""

    def __call__(self, sample: Sample) -> Sample:
        """The sample as it is, with more `notes`, or `dropped`."""
        ...


def dropped(sample: Sample, reason: str) -> Sample:
    """The sample as a post-processor ends it: `filtered`, for this reason."""
    return replace(sample, status=Status.FILTERED, reason=reason)


# --- made by the configuration ----------------------------------------------------------------------------------------


def own_gate(plugin: Plugin, config: SynthesisConfig) -> Gate:
    """The gate that `plugin` makes of the configuration and its options.

    Raises:
        ConfigError: it cannot be made; or, from every method, what it gives is no verdict.
    """
    gate = made(plugin.use, plugin.options, ("judge", "rule", "mendable"), config)
    able = getattr(gate, "able", None)
    try:
        said = None if able is None else {stage: frozenset(able.get(stage, ())) for stage in get_args(Stage)}
    except (AttributeError, TypeError):
        raise ConfigError(f"`{plugin.use}`: its `able` must say, by stage, which models can tell.") from None
    return CheckedGate(gate, plugin.use, said)


def cast_by(config: SynthesisConfig, able: Able | None = None, odds: Odds | None = None) -> Casting:
    """The casting of the configuration: one of gra's, or what a plugin makes of the configuration, `able` and options.

    `odds` are for `policy: adaptive`.

    Raises:
        ConfigError: it cannot be made; or, from `draw`, what it gives is no cast of this pool.
    """
    plugin = config.casting
    if not isinstance(plugin, Plugin):
        return make_casting(config, able, odds)
    return CheckedCasting(made(plugin.use, plugin.options, ("draw",), config, able=able), plugin.use, config)


def own_reading(plugin: Plugin, config: SynthesisConfig) -> Reading:
    """The reading that `plugin` makes of the configuration and its options; one for all models.

    Raises:
        ConfigError: it cannot be made, or its `kind` is none.
    """
    reading: Reading = made(plugin.use, plugin.options, ("kind", "read"), config)
    if reading.kind not in SCALES:
        kinds = " or ".join(repr(name) for name in SCALES)
        raise ConfigError(f"`{plugin.use}`: its `kind` says what scale its scores are on, and must be {kinds}.")
    return CheckedReading(reading, plugin.use, reading.kind)


def own_verifier(plugin: Plugin, config: SynthesisConfig) -> Verifier:
    """The verifier that `plugin` makes of the configuration and its options.

    Raises:
        ConfigError: it cannot be made; or, from `verify`, what it gives is no finding.
    """
    return CheckedVerifier(made(plugin.use, plugin.options, ("verify",), config), plugin.use)


def try_plugins(config: SynthesisConfig) -> None:
    """Make everything of the user's own once, so that what is wrong with it is known before a run costs anything.

    Raises:
        ConfigError: something cannot be made.
    """
    if isinstance(config.gate, Plugin):
        own_gate(config.gate, config)
    if isinstance(config.reading, Plugin):
        own_reading(config.reading, config)
    for verifier in config.verifiers:
        if isinstance(verifier, Plugin):
            own_verifier(verifier, config)
    cast_by(config)
    own_processors(config)


def own_processors(config: SynthesisConfig) -> tuple[PostProcessor, ...]:
    """The post-processors of the configuration, in their order.

    Raises:
        ConfigError: one cannot be made; or, when called, what it gives is not the sample that it was given.
    """
    return tuple(
        CheckedProcessor(made(plugin.use, plugin.options, ("__call__",), config), plugin.use)
        for plugin in config.postprocess
    )


def processed(sample: Sample, processors: Sequence[PostProcessor]) -> Sample:
    """The sample after as many of the post-processors as let it through, and the one that does not."""
    for process in processors:
        if sample.status is not Status.PASSED:
            break
        sample = process(sample)
    return sample


# --- looked at --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckedGate:
    """A gate whose verdicts are verdicts."""

    gate: Any
    use: str
    able: Mapping[Stage, frozenset[str]] | None = None

    def judge(self, stage: Stage, opinions: Sequence[Opinion]) -> Verdict:
        """Its verdict."""
        verdict = self._checked("judge", self.gate.judge(stage, opinions))
        if stage == "instruction" and verdict.outcome == "dispute":
            raise ConfigError(f"`{self.use}`: `judge` disputes an instruction; only a response can be disputed.")
        return verdict

    def rule(self, opinion: Opinion, reviews: Sequence[Opinion]) -> Verdict:
        """Its ruling."""
        verdict = self._checked("rule", self.gate.rule(opinion, reviews))
        if verdict.outcome == "dispute":
            raise ConfigError(f"`{self.use}`: `rule` must accept or reject; it disputes.")
        return verdict

    def mendable(self, verdict: Verdict) -> bool:
        """Whether it would have the response revised."""
        return bool(self.gate.mendable(verdict))

    def _checked(self, method: str, verdict: object) -> Verdict:
        if not isinstance(verdict, Verdict):
            raise ConfigError(f"`{self.use}`: `{method}` must return a `Verdict`, and gave {type(verdict).__name__}.")
        if problem := _verdict_problem(verdict):
            raise ConfigError(f"`{self.use}`: {problem} of the `Verdict` that `{method}` returns.")
        return replace(verdict, score=float(verdict.score), spread=float(verdict.spread))


def _verdict_problem(verdict: Verdict) -> str:
    if verdict.outcome not in get_args(Outcome):
        return f"{verdict.outcome!r} is no `outcome`"
    for name in ("score", "spread"):
        if not _is_number(getattr(verdict, name), -math.inf, math.inf):
            return f"{getattr(verdict, name)!r} is no finite number, as the `{name}`"
    for name in ("weights", "votes"):
        if not isinstance(getattr(verdict, name), Mapping):
            return f"a {type(getattr(verdict, name)).__name__} cannot be the `{name}`"
    return "" if isinstance(verdict.reason, str) else f"a {type(verdict.reason).__name__} cannot be the `reason`"


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and low <= value <= high


@dataclass(frozen=True, slots=True)
class CheckedReading:
    """A reading whose opinions are on the scale that it names."""

    reading: Any
    use: str
    kind: ReadingName

    async def read(self, ask: Ask, model: str, matter: Matter, call: CallId) -> Opinion:
        """Its opinion."""
        opinion = await self.reading.read(ask, model, matter, call)
        if not isinstance(opinion, Opinion):
            raise ConfigError(f"`{self.use}`: `read` must return an `Opinion`, and gave {type(opinion).__name__}.")
        if (opinion.model, opinion.stage, opinion.reading) != (model, matter.stage, self.kind):
            raise ConfigError(f"`{self.use}`: `read` gave an `Opinion` of another model, stage or reading.")
        if not opinion.failure and not opinion.scores:
            raise ConfigError(f"`{self.use}`: `read` gave an `Opinion` without scores, and no `failure`.")
        low, high = WORST_AND_BEST[self.kind, matter.stage]
        for name, score in opinion.scores.items():
            if not _is_number(score, low, high):
                raise ConfigError(
                    f"`{self.use}`: `read` scores {name} with {score!r}; a score is from {low:g} to {high:g} here."
                )
        return opinion


@dataclass(frozen=True, slots=True)
class CheckedVerifier:
    """A verifier whose findings are numbers."""

    verifier: Any
    use: str

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """Its finding."""
        found = await self.verifier.verify(ask, matter, call)
        if isinstance(found, str) and found:
            return found
        if not isinstance(found, Finding) or not isinstance(found.comment, str):
            given = f"a {type(found).__name__}" if found else "nothing"
            raise ConfigError(f"`{self.use}`: `verify` must return a `Finding` or, in words, why not; it gave {given}.")
        if not _is_number(found.value, -math.inf, math.inf):
            raise ConfigError(f"`{self.use}`: `verify` found {found.value!r}, which is no finite number.")
        return found


@dataclass(frozen=True, slots=True)
class CheckedCasting:
    """A casting policy whose casts can be played."""

    casting: Any
    use: str
    config: SynthesisConfig

    def draw(self, rng: random.Random, generator: str | None = None) -> Cast:
        """Its cast."""
        cast = self.casting.draw(rng, generator)
        if not isinstance(cast, Cast):
            raise ConfigError(f"`{self.use}`: `draw` must return a `Cast`, and gave {type(cast).__name__}.")
        most = len(cast.reviewers) if self.config.review == "committee" else committee_size(self.config)
        judge = cast.adjudicator if adjudicated(self.config) else ""
        cast = Cast(cast.generator, tuple(cast.reviewers[:most]), judge)
        if problem := self._problem(cast, generator):
            raise ConfigError(f"`{self.use}`: {problem}.")
        return cast

    def _problem(self, cast: Cast, generator: str | None) -> str:
        pool = [model.name for model in self.config.models]
        parts: list[tuple[Part, object]] = [("generator", cast.generator)]
        parts += [("reviewer", name) for name in cast.reviewers]
        parts += [("adjudicator", cast.adjudicator)] if cast.adjudicator != "" else []
        for part, name in parts:
            if name not in pool:
                return f"it casts `{name}`, which is none of the `models`: {', '.join(pool)}"
            if name not in may_play(self.config, part):
                return f"it casts `{name}` as {part}, which its `roles`, or a `share` of 0, do not allow"
        if len({*cast.reviewers}) < len(cast.reviewers):
            return "it casts one Reviewer twice"
        if generator and cast.generator != generator:
            return f"a revision is by the sample's own Generator, `{generator}`, and it casts `{cast.generator}`"
        if committee_size(self.config) and not cast.reviewers:
            return "it casts no Reviewer. Give it one, or set `review: none`"
        if adjudicated(self.config) and not cast.adjudicator:
            return "it casts no Adjudicator. Give it one, or set `adjudication` to `majority` or `none`"
        return ""


@dataclass(frozen=True, slots=True)
class CheckedProcessor:
    """A post-processor that leaves alone what was reviewed."""

    process: Any
    use: str

    def __call__(self, sample: Sample) -> Sample:
        """Its sample."""
        after = self.process(sample)
        if not isinstance(after, Sample):
            raise ConfigError(f"`{self.use}` must return a `Sample`, and gave {type(after).__name__}.")
        try:
            json.dumps(dict(after.notes), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"`{self.use}`: its `notes` cannot be stored: {error}.") from None
        if after.status not in (Status.PASSED, Status.FILTERED):
            raise ConfigError(f"`{self.use}` must let a sample pass or drop it, and made it `{after.status}`.")
        if replace(after, notes=sample.notes, status=sample.status, reason=sample.reason) != sample:
            raise ConfigError(
                f"`{self.use}` changed the sample {sample.id}. What was reviewed stays as it is: a post-processor may "
                "add `notes` to it, or drop it."
            )
        return after
