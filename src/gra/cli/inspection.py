"""Looks at everything a configuration needs, and goes on past what is missing, so that all of it is told at once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gra.catalogue import find, local_file
from gra.config.load import RunConfig
from gra.config.models import EndpointConfig, ModelConfig
from gra.config.pool import members
from gra.config.synthesis import SynthesisConfig
from gra.config.verifiers import CodeVerifier, LikelihoodVerifier
from gra.engine.compute import sizes_of
from gra.engine.energy import joules_of
from gra.engine.material import labelled_answers
from gra.engine.metering import meters_for
from gra.engine.plan import Plan, plan
from gra.engine.prices import prices_of
from gra.engine.verifiers import check_scorers
from gra.errors import CatalogueError, GraError
from gra.export.filters.chosen import chosen
from gra.records import Passage, Reading, Seed
from gra.sandbox import open_sandbox
from gra.synthesis.documents import read_documents
from gra.synthesis.plugged import try_plugins
from gra.synthesis.seeds import check_domains, read_seeds

if TYPE_CHECKING:
    from gra.llm import Abilities

EMBEDDINGS = "(embeddings)"
"""Stands for the embedding model; no model can be called so."""
PROBE_RETRIES = 1
"""A person is waiting; a run is more patient."""
PROBE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was found out about one model."""

    name: str
    place: str
    """Its catalogue name, its URL or its code."""
    state: str
    """`answers`, `here`, `to be fetched`, `loads` or `fails`."""
    detail: str = ""
    served: str = ""
    json_schema: bool | None = None
    label_probabilities: bool | None = None
    prompt_logprobs: bool | None = None
    """Asked only where the verifier `likelihood` wants to know."""
    context: int | None = None


@dataclass
class Inspection:
    """What was found out."""

    config: RunConfig
    seeds: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    plan: Plan | None = None
    measured: list[str] = field(default_factory=list)
    """Parts of this machine whose energy will be measured."""
    unmeasured: list[str] = field(default_factory=list)
    """Why some that are there will not be, and what to do."""
    problems: list[str] = field(default_factory=list)
    exit_code: int = 0

    def problem(self, error: GraError) -> None:
        """Note an error; the first one's exit code counts."""
        self.problems.append(str(error))
        self.exit_code = self.exit_code or error.exit_code

    def holds(self, check: Callable[[], object]) -> None:
        """Note what a check has against it."""
        try:
            check()
        except GraError as error:
            self.problem(error)

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "usable": not self.problems,
            "problems": self.problems,
            "seeds": self.seeds,
            "documents": self.documents,
            "models": [asdict(look) for look in self.looks],
            "plan": None if self.plan is None else _plain_plan(self.plan),
            "energy": {"measured": self.measured, "problems": self.unmeasured},
        }


async def inspect(config: RunConfig, start: bool) -> Inspection:
    """Look at seeds, documents and models, and estimate the run.

    The configuration itself has been checked by loading it.
    """
    found = Inspection(config)
    checks: tuple[Callable[[SynthesisConfig], object], ...] = (sizes_of, prices_of, joules_of, try_plugins)
    for check in checks:
        found.holds(partial(check, config.synthesis))
    found.holds(partial(chosen, config.export))
    if config.synthesis.exam and config.synthesis.examines:
        found.holds(partial(labelled_answers, config.synthesis.exam))
    _energy(found)
    if config.synthesis.runs_code:
        try:
            await open_sandbox()
        except GraError as error:
            found.problem(error)
    seeds, passages = _seeds(found), _documents(found)
    await _models(found, start)
    lacking = {look.name for look in found.looks if look.prompt_logprobs is False}
    found.holds(partial(check_scorers, config.synthesis, lacking))
    synthesis = config.synthesis
    if bool(seeds) == bool(synthesis.seeds) and bool(passages) == bool(synthesis.documents):
        found.plan = plan(synthesis, seeds, _readings(found), passages)
    return found


def _energy(found: Inspection) -> None:
    """Which meters a run would have. They are opened once more when it begins."""
    for meter, problem in ((each.meter, each.problem) for each in meters_for(found.config.synthesis)):
        if meter:
            found.measured += meter.parts
            meter.close()
        if problem:
            found.unmeasured.append(problem)


def _seeds(found: Inspection) -> tuple[Seed, ...]:
    synthesis = found.config.synthesis
    if synthesis.seeds is None:
        return ()
    try:
        report = read_seeds(synthesis.seeds, synthesis.random_seed)
        check_domains(report.seeds, synthesis.leaves)
    except GraError as error:
        found.problem(error)
        return ()
    found.seeds = {
        "path": str(synthesis.seeds.path),
        "kind": report.kind,
        "form": report.form,
        "records": report.records,
        "usable": report.usable,
        "used": len(report.seeds),
        "empty": report.empty,
        "duplicates": report.duplicates,
        "malformed": report.malformed,
        "problems": list(report.problems),
    }
    return report.seeds


def _documents(found: Inspection) -> tuple[Passage, ...]:
    wanted = found.config.synthesis.documents
    if wanted is None:
        return ()
    try:
        report = read_documents(wanted)
    except GraError as error:
        found.problem(error)
        return ()
    found.documents = {
        "path": str(wanted.path),
        "files": report.files,
        "passages": len(report.passages),
        "short": report.short,
        "duplicates": report.duplicates,
        "problems": list(report.problems),
    }
    return report.passages


async def _models(found: Inspection, start: bool) -> None:
    synthesis = found.config.synthesis
    playing = members(synthesis)
    wanted: dict[str, EndpointConfig] = {m.name: m for m in synthesis.models if m.name in playing}
    wanted[EMBEDDINGS] = synthesis.embeddings
    started = await _started(found) if start else {}
    for name, model in wanted.items():
        if name in started:
            found.looks.append(started[name])
            continue
        try:
            if model.catalogue:
                found.looks.append(_on_disk(name, model.catalogue))
            elif model.backend:
                found.looks.append(_loaded(name, model))
            else:
                found.looks.append(await _asked(found.config, name, model))
        except GraError as error:
            found.problem(error)
            place = model.catalogue or model.base_url or (model.backend.use if model.backend else "")
            found.looks.append(Look(name, place, "fails", str(error)))


def _on_disk(name: str, catalogue: str) -> Look:
    card = find(catalogue)
    if card.file is None:
        raise CatalogueError(card.serving_advice())
    state = "here" if local_file(card) else "to be fetched"
    return Look(name, card.name, state, f"{card.bytes / 1e6:,.0f} MB, {card.licence}", context=card.context)


def _loaded(name: str, model: EndpointConfig) -> Look:
    """Load the user's own code. It is not asked: what it answers with may cost something."""
    from gra.engine.models import backed_model
    from gra.llm import Server

    assert model.backend is not None, "the model has a backend"
    abilities = backed_model(name, model, Server(1)).abilities
    return Look(name, model.backend.use, "loads", label_probabilities=abilities.label_probabilities)


async def _asked(config: RunConfig, name: str, model: EndpointConfig) -> Look:
    """Ask a server of the user's own."""
    from gra.llm import Endpoint, Server, key_from_env, open_session, probe

    assert model.base_url is not None, "a model is of the catalogue or has a URL"
    async with open_session() as session:
        endpoint = Endpoint(
            name,
            model.base_url,
            session,
            Server(1),
            model=model.model,
            key=key_from_env(model.api_key_env) if model.api_key_env else None,
            format=(model.format if isinstance(model, ModelConfig) else None) or "chat",
            timeout_s=min(config.engine.timeout_s, PROBE_TIMEOUT_S),
            retries=min(config.engine.retries, PROBE_RETRIES),
        )
        if name == EMBEDDINGS:
            await endpoint.embed(["A short text."])
            return Look(name, model.base_url, "answers", served=model.model or "")
        scoring = _wants_scores(config.synthesis)
        return _answering(name, model.base_url, await probe(endpoint, scoring), scoring)


async def _started(found: Inspection) -> dict[str, Look]:
    """Start the embedded models together, as a run does, and ask them. They come up all or none."""
    from gra.engine.models import open_models
    from gra.events import ignore

    synthesis = found.config.synthesis
    embedded = tuple(m for m in synthesis.models if m.catalogue)
    places = {m.name: m.catalogue or "" for m in embedded}
    if synthesis.embeddings.catalogue:
        places[EMBEDDINGS] = synthesis.embeddings.catalogue
    if not places:
        return {}
    others = tuple(verifier for verifier in synthesis.verifiers if not isinstance(verifier, CodeVerifier))
    alone = synthesis.model_copy(update={"models": embedded, "verifiers": others})
    only = found.config.model_copy(update={"synthesis": alone})
    try:
        with tempfile.TemporaryDirectory(prefix="gra-check-") as logs:
            async with open_models(only, ignore, Path(logs)) as models:
                looks = {
                    name: _answering(name, places[name], able, able.prompt_logprobs)
                    for name, able in models.abilities.items()
                }
    except GraError as error:
        found.problem(error)
        return {name: Look(name, place, "fails") for name, place in places.items()}
    if EMBEDDINGS in places:
        looks[EMBEDDINGS] = Look(EMBEDDINGS, places[EMBEDDINGS], "answers")
    return looks


def _wants_scores(config: SynthesisConfig) -> bool:
    return any(isinstance(verifier, LikelihoodVerifier) for verifier in config.verifiers)


def _answering(name: str, place: str, found: Abilities, scoring: bool = False) -> Look:
    return Look(
        name,
        place,
        "answers",
        served=found.served,
        json_schema=found.json_schema,
        label_probabilities=found.label_probabilities,
        prompt_logprobs=found.prompt_logprobs if scoring else None,
        context=found.context,
    )


def _readings(found: Inspection) -> Mapping[str, Reading]:
    """How opinions will be read, of the models that were asked."""
    if found.config.synthesis.reading == "written":
        return {}
    asked = {look.name: look.label_probabilities for look in found.looks if look.label_probabilities is not None}
    return {name: "probability" if able else "written" for name, able in asked.items()}


def _plain_plan(found: Plan) -> dict[str, Any]:
    return {
        "assumptions": list(found.assumptions),
        "scenarios": [{**asdict(scenario), "total": asdict(scenario.total)} for scenario in found.scenarios],
    }
