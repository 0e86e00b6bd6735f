"""The paper's ablations, and casting by merit: one configuration in several variants, each with one thing otherwise.

Every variant is a run like any other, in a folder of its own, and complete in itself. What it has in common with a
variant that was run before, down to the last token of a request, is answered from that one's ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gra.config.fingerprint import resolved
from gra.config.load import RunConfig
from gra.config.pool import check_pool, may_play
from gra.config.synthesis import AdaptiveCasting, FixedCasting, RandomCasting, SingleCasting, SynthesisConfig
from gra.engine.compute import sizes_of
from gra.engine.energy import joules_of
from gra.engine.prices import prices_of
from gra.errors import ConfigError
from gra.ids import rng
from gra.store.reader import Reader
from gra.store.run_dir import RunDir, open_run
from gra.synthesis.casting import make_casting

FULL = "full"
VARIANTS: Mapping[str, str] = {
    FULL: "as configured",
    "single_model": "one model plays all parts",
    "fixed_roles": "one cast for all samples",
    "adaptive": "cast by merit",
    "no_review": "whatever is usable passes",
    "one_reviewer": "a committee of one",
    "majority": "disputes go by the reviewers' votes",
    "no_adjudication": "what is disputed is rejected",
    "no_revision": "what is rejected is gone",
}
"""Every variant, in the order in which they are run, with what is different."""


def variants(config: RunConfig, names: Sequence[str] = (), model: str | None = None) -> dict[str, RunConfig]:
    """The configurations to compare, by name, in their order.

    Args:
        config: what `full` is.
        names: which; by default all that change anything.
        model: plays all parts in `single_model`; by default the first that may generate.

    Raises:
        ConfigError: there is no such variant, or one that is named changes nothing here.
    """
    check_pool(config.synthesis)
    if unknown := [name for name in names if name not in VARIANTS]:
        raise ConfigError(f"there is no variant `{unknown[0]}`; there are: {', '.join(VARIANTS)}")
    changes = _changes(config.synthesis, model)
    found = {}
    for name in VARIANTS:
        synthesis = config.synthesis.model_copy(update=changes[name])
        idle = name != FULL and synthesis == config.synthesis
        if idle and name in names:
            raise ConfigError(
                f"the variant `{name}` changes nothing: the configuration says so already, or its pool is too small"
            )
        if name in (names or VARIANTS) and not idle:
            check_pool(synthesis)
            sizes_of(synthesis)
            prices_of(synthesis)
            joules_of(synthesis)
            found[name] = config.model_copy(update={"synthesis": synthesis})
    return found


def _changes(config: SynthesisConfig, model: str | None) -> dict[str, dict[str, object]]:
    return {
        FULL: {},
        "single_model": {"casting": SingleCasting(model=model or may_play(config, "generator")[0])},
        "fixed_roles": _fixed_roles(config),
        "adaptive": _adaptive(config),
        "no_review": {"review": "none"},
        "one_reviewer": {"review": "one"},
        "majority": {"adjudication": "majority"},
        "no_adjudication": {"adjudication": "none"},
        "no_revision": {"max_revisions": 0},
    }


def _fixed_roles(config: SynthesisConfig) -> dict[str, object]:
    """A cast for all samples, drawn once; nothing where it is fixed already, or the pool is too small to draw from."""
    if isinstance(config.casting, FixedCasting):
        return {}
    anybody = config.model_copy(update={"casting": RandomCasting()})
    try:
        cast = make_casting(anybody).draw(rng(config.random_seed, "fixed roles"))
    except ConfigError:
        return {}
    fixed = FixedCasting(generator=cast.generator, reviewers=cast.reviewers, adjudicator=cast.adjudicator or None)
    return {"casting": fixed}


def _adaptive(config: SynthesisConfig) -> dict[str, object]:
    """Casting by merit with its defaults; nothing where that is so already, or the pool is too small to draw from."""
    if isinstance(config.casting, AdaptiveCasting):
        return {}
    by_merit: dict[str, object] = {"casting": AdaptiveCasting()}
    try:
        check_pool(config.model_copy(update=by_merit))
    except ConfigError:
        return {}
    return by_merit


def others(folder: Path, name: str) -> list[RunDir]:
    """The other variants' runs that are there, to take answers from."""
    places = [folder / other for other in VARIANTS if other != name]
    return [open_run(place) for place in places if (place / "run.json").exists()]


def gave_up(config: RunConfig, folder: Path) -> bool:
    """Whether a run ended in good order short of its target, and nothing is said that would take it further."""
    if not (folder / "run.json").exists():
        return False
    run = open_run(folder)
    with Reader(run) as reader:
        short = any(round.state == "closed" and round.accepted < round.target for round in reader.rounds())
    return short and bool(run.document["config"] == resolved(config))
