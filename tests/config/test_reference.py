from __future__ import annotations

from pathlib import Path

from gra.config.engine import EngineConfig
from gra.config.keys import sections
from gra.config.reference import reference_markdown
from gra.config.synthesis import SynthesisConfig

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_what_the_types_say() -> None:
    again = "run: python -m gra.config.reference > docs/configuration.md"
    assert PAGE.read_text(encoding="utf-8") == reference_markdown(), again


def test_every_key_is_on_the_page() -> None:
    page = reference_markdown()
    for root in (SynthesisConfig, EngineConfig):
        for _, model in sections(root):
            for key in model.model_fields:
                assert f"| `{key}` |" in page
