"""Gates, castings, readings and post-processors of the user's own: made as the configuration says, and looked at.

What they give is checked before it is believed, since a verdict that is none, or a cast of strangers, would show much
later and as something else. Knows no backend and no exporter.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, get_args

from gra.config.plugin import Plugin
from gra.config.pool import adjudicated, committee_size
from gra.config.synthesis import SynthesisConfig
from gra.errors import ConfigError
from gra.plugins import made
from gra.records import Cast, Opinion, Outcome, Sample, Stage, Status, Verdict
from gra.records import Reading as ReadingName
from gra.synthesis.casting import Able, Casting, make_casting
from gra.synthesis.decide import Gate
from gra.synthesis.reading import Reading


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
    return CheckedGate(gate, plugin.use, getattr(gate, "able", None))


def cast_by(config: SynthesisConfig, able: Able | None = None) -> Casting:
    """The casting of the configuration: one of gra's, or what a plugin makes of the configuration, `able` and options.

    Raises:
        ConfigError: it cannot be made; or, from `draw`, what it gives is no cast of this pool.
    """
    plugin = config.casting
    if not isinstance(plugin, Plugin):
        return make_casting(config, able)
    return CheckedCasting(made(plugin.use, plugin.options, ("draw",), config, able=able), plugin.use, config)


def own_reading(plugin: Plugin, config: SynthesisConfig) -> Reading:
    """The reading that `plugin` makes of the configuration and its options; one for all models.

    Raises:
        ConfigError: it cannot be made, or its `kind` is none.
    """
    reading: Reading = made(plugin.use, plugin.options, ("kind", "read"), config)
    if reading.kind not in get_args(ReadingName):
        kinds = " or ".join(repr(name) for name in get_args(ReadingName))
        raise ConfigError(f"`{plugin.use}`: its `kind` says what scale its scores are on, and must be {kinds}.")
    return reading


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
        if isinstance(verdict, Verdict) and verdict.outcome in get_args(Outcome):
            return verdict
        given = f"{type(verdict).__name__}" if not isinstance(verdict, Verdict) else f"outcome {verdict.outcome!r}"
        raise ConfigError(f"`{self.use}`: `{method}` must return a `Verdict`, and gave {given}.")


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
        if problem := self._problem(cast, generator):
            raise ConfigError(f"`{self.use}`: {problem}.")
        return cast

    def _problem(self, cast: Cast, generator: str | None) -> str:
        pool = [model.name for model in self.config.models]
        named = [cast.generator, *cast.reviewers, *([cast.adjudicator] if cast.adjudicator else [])]
        if strangers := [name for name in named if name not in pool]:
            return f"it casts `{strangers[0]}`, which is none of the `models`: {', '.join(pool)}"
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
