"""The verifiers of a run: which there are, by the configuration and by what servers can do, and how each is made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gra.config.synthesis import PaperGate, SynthesisConfig
from gra.config.verifiers import (
    CodeVerifier,
    ConstraintsVerifier,
    LikelihoodVerifier,
    MathVerifier,
    PluginVerifier,
    RelevanceVerifier,
    Verifier,
)
from gra.engine.compute import sizes_of
from gra.errors import ConfigError
from gra.events import Listener, Notice, ignore
from gra.llm import Abilities
from gra.records import VERIFIER
from gra.records import Reading as ReadingName
from gra.synthesis.evidence.code import Code
from gra.synthesis.evidence.constraints import Constraints
from gra.synthesis.evidence.likelihood import Information, Likelihood
from gra.synthesis.evidence.mathematics import Mathematics, library
from gra.synthesis.evidence.relevance import Relevance
from gra.synthesis.evidence.verifier import Embedding, EvidenceReading
from gra.synthesis.plugged import own_verifier
from gra.synthesis.reading import Reading


def make_verifiers(
    config: SynthesisConfig, abilities: Mapping[str, Abilities], embed: Embedding, listen: Listener = ignore
) -> dict[str, EvidenceReading]:
    """The verifiers by the names that they have on committees. Who has nobody to ask is left out, and told of.

    Raises:
        ConfigError: one cannot be made, or a model that is named for it cannot do what it needs.
    """
    if config.review == "none" or isinstance(config.gate, PaperGate):
        return {}
    found: dict[str, EvidenceReading] = {}
    for verifier in config.verifiers:
        made = _made(verifier, config, abilities, embed)
        if not made:
            listen(Notice(f"`{verifier.type}` has no say: no server returns log-probabilities of the prompt"))
        found |= made
    return found


def kinds(readings: Mapping[str, Reading]) -> dict[str, ReadingName]:
    """How each member of a committee is read, as it is stored."""
    return {name: reading.kind for name, reading in readings.items()}


def known_abilities(readings: Mapping[str, Any]) -> dict[str, Abilities]:
    """What servers were found to do, by the stored fact of how members are read, as far as it matters afterwards."""
    models = {name: kind for name, kind in readings.items() if not name.startswith(VERIFIER)}
    return {
        name: Abilities(name, False, kind == "probability", None, likelihood_name(name) in readings)
        for name, kind in models.items()
    }


def likelihood_name(model: str) -> str:
    """What the verifier by the likelihood of a model is called."""
    return f"{VERIFIER}likelihood.{model}"


def check_scorers(config: SynthesisConfig, lacking: Collection[str]) -> None:
    """See that every model which `likelihood` names tells what it needs.

    Args:
        config: what is asked for.
        lacking: models whose server tells no log-probabilities of a prompt.

    Raises:
        ConfigError: a named one does not.
    """
    for verifier in config.verifiers:
        named = verifier.models if isinstance(verifier, LikelihoodVerifier) else ()
        if blind := [name for name in named if name in lacking]:
            raise ConfigError(
                "`verifiers`: `likelihood` needs log-probabilities of the prompt, and the server of "
                f"`{blind[0]}` returns none. Name a model that vLLM, SGLang or llama-cpp-python serves, or leave "
                "`likelihood` out."
            )


def _made(
    verifier: Verifier, config: SynthesisConfig, abilities: Mapping[str, Abilities], embed: Embedding
) -> dict[str, EvidenceReading]:
    match verifier:
        case RelevanceVerifier():
            return {f"{VERIFIER}relevance": EvidenceReading(Relevance(embed))}
        case LikelihoodVerifier():
            return _likelihood(verifier, config, abilities)
        case MathVerifier():
            library()  # what is missing is told before anything is asked
            return {
                f"{VERIFIER}math": EvidenceReading(Mathematics(config, verifier, _named(verifier, abilities)), False)
            }
        case CodeVerifier():
            return {f"{VERIFIER}code": EvidenceReading(Code(config, verifier, _named(verifier, abilities)), False)}
        case PluginVerifier(name=name):
            return {f"{VERIFIER}{name}": EvidenceReading(own_verifier(verifier, config), cheap=False)}
        case ConstraintsVerifier():
            return {f"{VERIFIER}constraints": EvidenceReading(Constraints())}


def _named(verifier: MathVerifier | CodeVerifier, abilities: Mapping[str, Abilities]) -> tuple[str, ...]:
    if strangers := [name for name in verifier.models if name not in abilities]:
        raise ConfigError(
            f"`verifiers`: `{verifier.type}` names `{strangers[0]}`, which does not take part in this run."
        )
    return verifier.models or tuple(abilities)


def _likelihood(
    verifier: LikelihoodVerifier, config: SynthesisConfig, abilities: Mapping[str, Abilities]
) -> dict[str, EvidenceReading]:
    able = [name for name, ability in abilities.items() if ability.prompt_logprobs]
    check_scorers(config, {name for name in verifier.models if name not in able})
    sizes = sizes_of(config)
    able.sort(key=lambda name: sizes.get(name, float("inf")))  # of equals the first in the pool
    found = {}
    for name in verifier.models or able[:1]:
        found[likelihood_name(name)] = EvidenceReading(Likelihood(name))
        found[f"{VERIFIER}information.{name}"] = EvidenceReading(Information(name))
    return found
