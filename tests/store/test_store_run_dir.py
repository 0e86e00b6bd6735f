"""Which folders are runs, and which are not."""

import json
from pathlib import Path
from typing import Any

import pytest
from store_builders import call, new_run, read_only, reply, request

from gra.errors import StoreError
from gra.store.run_dir import RunDir, create_run, open_run, update_run
from gra.store.writer import Writer

DOCUMENT = {
    "fingerprint": "sha256:a",
    "config": {"target": 8, "rounds": 1, "gate": {"tau": 8}},
    "versions": {"gra": "0"},
}


def test_a_new_folder_becomes_a_run(tmp_path: Path) -> None:
    run = create_run(tmp_path / "deep" / "run", DOCUMENT)
    assert open_run(run.path).document == {**DOCUMENT, "format_version": 1}
    assert {entry.name for entry in run.path.iterdir()} == {"run.json", "run.sqlite", "lock", "logs", "export"}


def test_an_empty_folder_becomes_a_run(tmp_path: Path) -> None:
    assert create_run(tmp_path, DOCUMENT).fingerprint == "sha256:a"


def test_the_same_configuration_opens_the_run_that_is_there(tmp_path: Path) -> None:
    create_run(tmp_path / "run", {**DOCUMENT, "versions": {"gra": "0"}})
    again = create_run(tmp_path / "run", {**DOCUMENT, "versions": {"gra": "1"}})
    assert again.document["versions"] == {"gra": "0"}


def test_another_configuration_is_refused_with_what_differs(tmp_path: Path) -> None:
    create_run(tmp_path / "run", DOCUMENT)
    other = {"fingerprint": "sha256:b", "config": {"target": 9, "rounds": 1, "gate": {"tau": 7}, "reviewers": 3}}
    with pytest.raises(StoreError, match=r"differs: gate\.tau, reviewers, target\. Use another --out.*gra resume"):
        create_run(tmp_path / "run", other)


OLDER: dict[str, Any] = {
    "target": 8,
    "gate": {"type": "seeds"},
    "models": [{"name": "one", "price": None}, {"name": "two"}],
    "seeds": None,
    "casting": {"use": "mine.py:Mine", "options": {"a": 1}},
    "prompts": {},
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"questions": {"ask": "all"}},
            r"another version of gra, .* know questions, questions\.ask\. Go on with .* \(0\.0\.9\)",
        ),
        ({"gate": {"type": "seeds", "exam": 4}}, r"another version of gra, .* know gate\.exam\. "),
        ({"models": [{"name": "one"}, {"name": "two", "joules": 1}]}, r"know models\.\*\.joules, models\.\*\.price\. "),
        ({"gate": {"type": "paper", "tau": 8}}, r"what differs: gate\.tau, gate\.type\. "),
        ({"models": OLDER["models"][:1]}, r"what differs: models\. "),
        ({"seeds": {"path": "seeds.json"}}, r"what differs: seeds\. "),
        (
            {"casting": {"use": "mine.py:Mine", "options": {"b": 1}}},
            r"what differs: casting\.options\.a, casting\.options\.b\. ",
        ),
        ({"prompts": {"comment": "Well?"}}, r"what differs: prompts\.comment\. "),
        ({"questions": {"ask": "all"}, "target": 9}, r"what differs: questions, target\. "),
    ],
)
def test_a_key_that_one_version_of_gra_lacks_is_not_taken_for_another_wish(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    versions = {"gra-synth": "0.0.9"}
    create_run(tmp_path / "run", {"fingerprint": "sha256:a", "config": OLDER, "versions": versions})
    with pytest.raises(StoreError, match=told):
        create_run(tmp_path / "run", {"fingerprint": "sha256:b", "config": OLDER | changes})


def test_other_seeds_under_the_same_configuration_are_named(tmp_path: Path) -> None:
    create_run(tmp_path / "run", {**DOCUMENT, "seeds": "sha256:s", "models": {"one": "sha256:m"}})
    other = {**DOCUMENT, "fingerprint": "sha256:b", "seeds": "sha256:t", "models": {"one": "sha256:m"}}
    with pytest.raises(StoreError, match=r"begun with other seeds than there are now.*another run with --out"):
        create_run(tmp_path / "run", other)


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StoreError, match=r"not empty and not a run: it holds thesis\.tex"):
        create_run(tmp_path, DOCUMENT)
    with pytest.raises(StoreError, match="is a file"):
        create_run(tmp_path / "thesis.tex", DOCUMENT)


def test_a_start_that_was_interrupted_can_be_repeated(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", DOCUMENT)
    (run.path / "run.json").rename(run.path / "run.json.tmp")
    (run.path / "run.json.tmp").write_text('{"format_ver')
    with pytest.raises(StoreError, match="not a run folder"):
        open_run(run.path)
    assert create_run(run.path, DOCUMENT).document == run.document
    assert open_run(run.path).document == run.document


def test_a_half_written_draft_next_to_a_run_does_not_matter(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", DOCUMENT)
    (run.path / "run.json.tmp").write_text('{"format_ver')
    assert open_run(run.path).document == run.document


async def test_results_without_their_run_json_are_not_taken_over(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        await writer.commit_call(call(), "sha256:1", request(), reply())
    (run.path / "run.json").unlink()
    with pytest.raises(StoreError, match=r"its run\.json is missing"):
        create_run(run.path, DOCUMENT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "damaged"),
        ("[1]", "damaged"),
        ('{"fingerprint": "x"}', "damaged"),
        ('{"format_version": "one", "fingerprint": "x"}', "damaged"),
        (json.dumps({**DOCUMENT, "format_version": 2}), "newer gra: format 2, this gra knows 1"),
    ],
)
def test_a_run_json_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    run = create_run(tmp_path / "run", DOCUMENT)
    (run.path / "run.json").write_text(content)
    with pytest.raises(StoreError, match=message):
        open_run(run.path)


@pytest.mark.parametrize("path", ["nowhere", "file", "file/below", "folder"])
def test_what_is_not_a_run_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="is not a run folder"):
        open_run(tmp_path / path)


def test_what_is_said_of_a_run_can_be_completed(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", DOCUMENT)
    update_run(run, {**DOCUMENT, "models": {"one": "sha256:m"}, "odd": "\ud800"})
    assert open_run(run.path).document["models"] == {"one": "sha256:m"}
    assert open_run(run.path).document["odd"] == "\ud800"
    with pytest.raises(StoreError, match="was begun with other"):
        update_run(run, {**DOCUMENT, "fingerprint": "sha256:b"})


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", DOCUMENT)
    with read_only(tmp_path):
        with pytest.raises(StoreError, match="cannot write the run folder"):
            create_run(tmp_path / "other", DOCUMENT)
        with pytest.raises(StoreError, match="cannot write the run folder"):
            _update_in_read_only(run)


def _update_in_read_only(run: RunDir) -> None:
    with read_only(run.path):
        update_run(run, DOCUMENT)
