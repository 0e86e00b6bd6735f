from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gra.config.fingerprint import EMBEDDINGS, EXCLUDED, OF_A_FORM, fingerprint
from gra.config.material import SeedsConfig
from gra.config.models import EmbeddingConfig, ModelConfig
from gra.config.plugin import Plugin, PluginCasting, PluginGate, PluginReading
from gra.config.questions import Form, QuestionsConfig
from gra.config.synthesis import Budget, PaperGate, SynthesisConfig

NAMES = ("a", "b", "c", "d")
BASE = SynthesisConfig(
    seeds=SeedsConfig(path=Path("s.json")),
    target=5,
    models=tuple(ModelConfig(name=name, base_url="http://x", model="m") for name in NAMES),
)


def of(config: SynthesisConfig, seeds: str = "s", prompts: str = "p", documents: str = "", **identities: str) -> str:
    models = dict.fromkeys(NAMES, "sha256:0") | {EMBEDDINGS: "e"} | identities
    return fingerprint(config, seeds_digest=seeds, models=models, prompts_digest=prompts, documents_digest=documents)


def test_it_says_its_version_and_hash() -> None:
    assert re.fullmatch(r"v1:sha256:[0-9a-f]{64}", of(BASE))


def test_what_is_handed_in_counts() -> None:
    others = of(BASE, seeds="t"), of(BASE, prompts="q"), of(BASE, documents="d"), of(BASE, a="sha256:1")
    assert len({of(BASE), *others}) == 5


def test_code_of_ones_own_counts_by_its_digest() -> None:
    given: dict[str, Any] = {"seeds_digest": "s", "models": dict.fromkeys(NAMES, "x"), "prompts_digest": "p"}
    found = [fingerprint(BASE, **given, plugins=plugins) for plugins in ({}, {"gate": "1"}, {"gate": "2"})]
    assert len(set(found)) == 3


def test_every_model_needs_an_identity() -> None:
    with pytest.raises(ValueError, match="no identity given for b, c, d"):
        fingerprint(BASE, seeds_digest="s", models={"a": "x"}, prompts_digest="p")


def leaves(value: Any, annotation: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any, Any]]:
    """Every single value of a configuration, with its type and path."""
    if isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from leaves(getattr(value, name), info.annotation, (*path, name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from leaves(item, get_args(annotation)[0], (*path, index))
    else:
        yield path, value, annotation


def another(value: Any, annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType] or [annotation]
    kinds = [get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds]
    if get_origin(annotation) is Literal or get_origin(kinds[0]) is Literal:
        options = [option for kind in kinds for option in (get_args(kind) or [kind])]
        return next((option for option in options if option != value), None)
    if issubclass(kinds[0], BaseModel):  # a block that is left out
        if kinds[0] is Plugin:
            return Plugin.model_validate({"use": "a.py:A"})
        needed = {n: another(None, i.annotation) for n, i in kinds[0].model_fields.items() if i.is_required()}
        return kinds[0].model_validate(needed)
    if kinds[0] is Path:
        return Path("another")
    if get_origin(annotation) is Mapping:
        return {"response": "[user]\n{{instruction}}"} if get_args(annotation)[1] is str else {"bar": 3}
    return "another" if kinds[0] is str else kinds[0]((value or 0) + 1)


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    head, *rest = path
    if isinstance(head, int):
        return (*value[:head], replaced(value[head], tuple(rest), new), *value[head + 1 :])
    return value.model_copy(update={head: replaced(getattr(value, head), tuple(rest), new)})


BOTH_GATES = (BASE, BASE.model_copy(update={"gate": PaperGate()}))
OWN_CODE = BASE.model_copy(
    update={
        "gate": PluginGate(use="a.py:Gate"),
        "reading": PluginReading(use="a.py:Reading"),
        "casting": PluginCasting(use="a.py:Casting"),
    }
)
ALL_FORMS = BASE.model_copy(update={"questions": QuestionsConfig(forms=get_args(Form))})
CASES = [
    pytest.param(config, path, another(value, annotation), id=f"{config.gate.type}:{'.'.join(map(str, path))}")
    for config in (*BOTH_GATES, OWN_CODE, ALL_FORMS)
    for path, value, annotation in leaves(config, SynthesisConfig)
    if another(value, annotation) is not None  # a gate's type has one value only; another gate is another case
]


@pytest.mark.parametrize(("config", "path", "new"), CASES)
def test_every_key_counts_but_those_in_the_table(
    config: SynthesisConfig, path: tuple[str | int, ...], new: object
) -> None:
    names = ["*" if isinstance(part, int) else str(part) for part in path]
    keys = {".".join(names[:end]) for end in range(1, len(names) + 1)}
    excluded = bool(keys & {*EXCLUDED, *(key for key, form in OF_A_FORM.items() if form not in config.questions.forms)})
    changed = replaced(config, path, new)
    assert changed != config
    identities = {model.name: "sha256:0" for model in changed.models}
    assert (of(changed, **identities) == of(config, **identities)) == excluded


def test_another_gate_counts() -> None:
    assert of(BOTH_GATES[0]) != of(BOTH_GATES[1])


places = st.fixed_dictionaries(
    {
        "base_url": st.text(),
        "api_key_env": st.none() | st.just("KEY"),
        "concurrency": st.none() | st.integers(1, 4096),
    }
)


@given(where=st.lists(places, min_size=4, max_size=4), embedding=places, path=st.text(), calls=st.integers(1))
def test_where_and_how_fast_it_runs_does_not_count(
    where: list[dict[str, Any]], embedding: dict[str, Any], path: str, calls: int
) -> None:
    here = BASE.model_copy(update={"embeddings": EmbeddingConfig(base_url="http://e")})
    there = here.model_copy(
        update={
            "models": tuple(m.model_copy(update=place) for m, place in zip(here.models, where, strict=True)),
            "embeddings": here.embeddings.model_copy(update=embedding),
            "seeds": SeedsConfig(path=Path(path)),
            "budget": Budget(calls=calls),
        }
    )
    assert of(here) == of(there)


@given(order=st.permutations(NAMES))
def test_the_order_in_which_identities_are_handed_in_does_not_count(order: list[str]) -> None:
    models = {name: f"sha256:{name}" for name in order}
    expected = fingerprint(BASE, seeds_digest="s", models=dict(sorted(models.items())), prompts_digest="p")
    assert fingerprint(BASE, seeds_digest="s", models=models, prompts_digest="p") == expected
