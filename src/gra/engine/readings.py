"""How each model's opinion is read, by what its server can do and by what its exam has shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from gra.config.plugin import Plugin
from gra.config.pool import judges
from gra.config.questions import DEAR_FORMS
from gra.config.synthesis import SynthesisConfig
from gra.engine.models import OpenModels
from gra.errors import ConfigError
from gra.events import Listener, Notice
from gra.llm import Abilities, Endpoint, spellings, unreadable
from gra.records import Reading as ReadingName
from gra.synthesis.forms import DIGITS, Way
from gra.synthesis.plugged import own_reading
from gra.synthesis.reading import Lanes, ProbabilityReading, Reading, WrittenReading


def choose_readings(config: SynthesisConfig, abilities: Mapping[str, Abilities]) -> dict[str, ReadingName]:
    """How each model's opinion is read.

    Raises:
        ConfigError: probabilities are asked for by name, and a server does not return them.
    """
    if isinstance(config.reading, Plugin):
        return dict.fromkeys(abilities, own_reading(config.reading, config).kind)
    chosen: dict[str, ReadingName] = {}
    for model, ability in abilities.items():
        if config.reading == "probability" and not ability.label_probabilities:
            raise ConfigError(
                f"`reading: probability` needs log-probabilities, and the server of `{model}` returns none. "
                "Use `reading: auto` (written where there are none) or `reading: written`."
            )
        read_off = ability.label_probabilities and config.reading != "written"
        chosen[model] = "probability" if read_off else "written"
    return chosen


async def check_labels(config: SynthesisConfig, models: OpenModels, listen: Listener) -> None:
    """See that the answers to one-token questions are one token each, where a server tells; else say what is wrong.

    Raises:
        ConfigError: a model cannot tell the labels apart, or none can be asked in a form that was chosen.
    """
    if isinstance(config.reading, Plugin) or config.reading == "written":
        return
    _check_forms(config, models, listen)
    sets = [config.criteria.labels, *([DIGITS] if config.examines and "digit" in config.questions.forms else [])]
    for name, labels in product(judges(config), sets):
        endpoint = models.endpoints.get(name)
        if not isinstance(endpoint, Endpoint) or not models.abilities[name].label_probabilities:
            continue
        told = {spelling: await endpoint.tokens_of(spelling) for label in labels for spelling in spellings(label)}
        problem = unreadable(labels, {spelling: tokens for spelling, tokens in told.items() if tokens})
        if "apart" in problem and labels == DIGITS:
            raise ConfigError(f"`questions.forms`: to `{name}`, the digit {problem}. Leave out `digit`")
        if "apart" in problem:
            raise ConfigError(
                f"`criteria.labels`: to `{name}`, {problem}. Choose two other words, or `reading: written`"
            )
        if problem:
            listen(Notice(f"to `{name}`, the label {problem}"))


def _check_forms(config: SynthesisConfig, models: OpenModels, listen: Listener) -> None:
    """Say which judges cannot be asked in the dear forms that were chosen; refuse if that is all of them."""
    chosen = [form for form in config.questions.forms if form in DEAR_FORMS] if config.examines else []
    asked = [name for name in judges(config) if name in models.abilities]
    unable = [name for name in asked if not models.abilities[name].label_probabilities]
    if not chosen or not unable:
        return
    said = f"`questions.forms`: `{chosen[0]}` needs log-probabilities, and the server of `{unable[0]}` returns none"
    if unable == asked:
        raise ConfigError(f"{said}, nor does that of any other judge. Leave out `{chosen[0]}`")
    for name in unable:
        listen(
            Notice(f"`{name}` is asked in no form: its server returns no log-probabilities, so it writes its scores")
        )


def make_readings(
    config: SynthesisConfig, chosen: Mapping[str, ReadingName], lanes: Mapping[str, Lanes]
) -> dict[str, Reading]:
    """The readings themselves; `lanes` says how many matters each model reads at once, and where."""
    if isinstance(config.reading, Plugin):
        return dict.fromkeys(chosen, own_reading(config.reading, config))
    readings: dict[str, Reading] = {}
    for model, kind in chosen.items():
        if kind == "probability":
            readings[model] = ProbabilityReading(lanes[model], config.templates, config.criteria, config.questions)
        else:
            readings[model] = WrittenReading(config)
    return readings


def as_examined(readings: Mapping[str, Reading], exam: Sequence[Mapping[str, Any]]) -> dict[str, Reading]:
    """The readings as the exam's rows say that each model is to be asked."""
    informed = dict(readings)
    for row in exam:
        reading = informed.get(row["model"])
        if row.get("way") and isinstance(reading, ProbabilityReading):
            informed[row["model"]] = reading.asking(row["stage"], Way.of(row["way"]))
    return informed
