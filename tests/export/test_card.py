"""The dataset card: valid for the hub, true to the run, and safe whatever models wrote."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from export_builders import HOSTILE, revised, run_of, sample
from huggingface_hub import DatasetCard

from gra.export import Wanted, write_folder
from gra.report.card import card_of, plain
from gra.report.filtering import filters_for
from gra.report.licences import UNKNOWN, asked_by, terms_of
from gra.store.reader import Reader
from gra.store.run_dir import open_run

CONFIG = {
    "seed": 7,
    "models": [
        {"name": "small", "catalogue": "qwen2.5-coder-1.5b-instruct"},
        {"name": "gemma", "catalogue": "gemma-3-270m"},
        {"name": "llama", "base_url": "http://10.0.0.7:8000/v1", "model": "meta-llama/Llama-3.1-8B-Instruct"},
        {"name": "mine", "base_url": "http://10.0.0.7:8001/v1", "model": "my/own | model <b>"},
    ],
    "seeds": {"path": "/home/somebody/seeds.json"},
    "gate": {"type": "paper", "tau": 7.0},
    "language": "German",
    "target": 5,
    "export": {"licence": "cc-by-4.0", "seeds_licence": "Apache-2.0"},
}


def card(folder: Path, *formats: str, config: dict[str, Any] = CONFIG, **wanted: Any) -> str:
    run = run_of(folder / "run", [*(sample(n, domain=HOSTILE) for n in range(12)), revised(20)])
    with Reader(open_run(run)) as reader:
        document = reader.run.document
        assert isinstance(document, dict)
        document["config"] = config
        done = write_folder(
            [reader], Wanted(formats or ("datasets",), **wanted), None, filters_for([reader], {}), card_of
        )
    path = done.path / "README.md"
    return path.read_text("utf-8") if path.exists() else ""


def test_its_metadata_is_what_the_hub_takes(tmp_path: Path) -> None:
    text = card(tmp_path, test_share=0.3)
    front = yaml.safe_load(text.split("---\n")[1])
    read: dict[str, Any] = DatasetCard(text).data.to_dict()  # type: ignore[no-untyped-call]
    assert read == {
        **front, "configs": front["configs"],
    }, "the hub's own class reads the same"  # fmt: skip
    assert front["license"] == "cc-by-4.0" and front["language"] == ["de"] and front["size_categories"] == ["n<1K"]
    assert front["task_categories"] == ["text-generation"]
    assert {"synthetic", "gra", "preference"} <= set(front["tags"])
    names = [config["config_name"] for config in front["configs"]]
    assert names[0] == "messages" and front["configs"][0]["default"] is True and "preference" in names


def test_it_tells_models_licences_figures_and_how_to_make_it_again(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "no condition on what the model writes" in text and "Gemma Terms of Use" in text
    assert "name that begins with `Llama`" in text and UNKNOWN in text
    assert "stated as Apache-2.0" in text and "v1:sha256:run" in text
    assert "gra replay RUN" in text and "arXiv:2504.12322" in text
    assert "No benchmark." in text and "`secrets`" in text
    assert "| accepted | 13 | 100.0% |" in text
    assert "/home/somebody" not in text and "10.0.0.7" not in text, "no paths and addresses of this machine"


def test_nothing_that_a_model_wrote_is_obeyed(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "<script>" not in text and "\x1b" not in text and "\u202e" not in text
    assert text.count("\n---\n") == 1, "the front matter ends once"
    assert "my/own \\| model &lt;b&gt;" in text


def test_without_licences_it_says_that_there_are_none_and_without_the_form_there_is_no_card(tmp_path: Path) -> None:
    text = card(tmp_path, config={"models": []})
    assert "has stated no licence" in text and "license: unknown" in text
    assert card(tmp_path / "other", "messages") == ""


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("Apache-2.0", "no condition"),
        ("MIT", "no condition"),
        ("Llama 3.1 Community License", "begins with `Llama`"),
        ("Llama 3 Community License", "other than Llama"),
        ("Gemma Terms of Use", "derivative of Gemma"),
        ("Qwen Research License", "not for commercial use"),
        ("Some Other License", "not known"),
    ],
)
def test_what_licences_ask_is_known_or_said_to_be_unknown(licence: str, words: str) -> None:
    assert words in asked_by(licence)


def test_a_served_model_is_known_by_its_repository() -> None:
    assert [t.licence for t in terms_of(CONFIG)] == [
        "Apache-2.0", "Gemma Terms of Use", "Llama 3.1 Community License", "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["# a", "[x](y)", "a|b", "<i>", "`c`", "$x$", "![]()", "http://a.b", "*a*", "a\nb", "@me"]
)
def test_plain_text_stays_plain(text: str) -> None:
    shown = plain(text)
    assert "<" not in shown and "\n" not in shown
    assert not any(f"{mark}" in shown.replace(f"\\{mark}", "") for mark in "`*[]|#$@")
