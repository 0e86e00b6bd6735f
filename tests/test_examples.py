from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from gra.catalogue.cards import load_catalogue
from gra.config.load import load_config
from gra.config.models import EndpointConfig
from gra.config.synthesis import SynthesisConfig
from gra.synthesis.seeds import read_seeds

ROOT = Path(__file__).parents[1]
QUICKSTART = Path(str(files("gra"))) / "data" / "quickstart"
FILES = [*sorted((ROOT / "examples").rglob("*.yaml")), QUICKSTART / "quickstart.yaml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_configuration_of_the_repository_loads(path: Path) -> None:
    config = load_config(path).synthesis
    if path.stem in ("documents", "no_seeds"):
        assert config.seeds is None and config.allocation == "quota"
    else:
        assert config.seeds and config.seeds.path == path.parent / "seeds.json"
    assert bool(config.documents) == (path.stem == "documents")


def test_the_examples_are_the_ones_the_documentation_names() -> None:
    named = ["documents", "german", "hosted", "laptop", "no_seeds", "paper", "refine", "vllm", "quickstart"]
    assert [path.stem for path in FILES] == named


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_catalogue_model_named_is_in_the_catalogue(path: Path) -> None:
    known = set(load_catalogue())
    assert {name for name in catalogue_names(load_config(path).synthesis)} <= known


def catalogue_names(config: SynthesisConfig) -> Iterator[str]:
    endpoints: list[EndpointConfig] = [*config.models, config.embeddings]
    yield from (endpoint.catalogue for endpoint in endpoints if endpoint.catalogue)


def test_the_quickstart_comes_with_26_usable_short_seeds() -> None:
    config = load_config(QUICKSTART / "quickstart.yaml").synthesis
    assert config.seeds
    report = read_seeds(config.seeds)
    assert (len(report.seeds), report.records, report.form, report.problems) == (26, 26, "alpaca", ())
    lengths = [len(seed.instruction) + len(seed.response) for seed in report.seeds]
    assert min(lengths) >= 60 and max(lengths) <= 300
    # Annotated, so that nothing has to be asked about them; each domain has enough to be shown as examples.
    assert all(seed.domain and seed.keywords and seed.summary for seed in report.seeds)
    assert min(Counter(seed.domain for seed in report.seeds).values()) >= config.examples[1]


def test_the_quickstart_says_where_its_seeds_come_from() -> None:
    notice = (QUICKSTART / "NOTICE").read_text(encoding="utf-8")
    for expected in ("Apache License 2.0", "LLaMA-Factory", "self-instruct"):
        assert expected in notice
