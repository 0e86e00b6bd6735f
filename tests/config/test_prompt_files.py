from __future__ import annotations

import json
from pathlib import Path

import pytest

from gra.config.fingerprint import resolved
from gra.config.load import RunConfig, load_config
from gra.errors import ConfigError

MINE = "[user]\nIn short: {{instruction}}\n"


def load(folder: Path, prompts: object, **overrides: object) -> RunConfig:
    path = folder / "config.yaml"
    path.write_text(json.dumps({"seeds": "s.json", "target": 1, "models": ["a", "b", "c", "d"], "prompts": prompts}))
    return load_config(path, overrides)


def test_a_file_is_named_relative_to_the_configuration_and_its_text_is_kept(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "short.txt").write_bytes(b"\xef\xbb\xbf" + MINE.replace("\n", "\r\n").encode())
    config = load(tmp_path, {"response": "mine/short.txt"})
    assert config.synthesis.prompts == {"response": MINE}
    assert config.synthesis.templates["response"].render({"instruction": "x"})[0].content == "In short: x"


def test_of_a_folder_every_text_file_is_taken_and_nothing_else(tmp_path: Path) -> None:
    for name in ("response.txt", "comment.txt", "README.md"):
        (tmp_path / name).write_text("[user]\n{{instruction}}{{response}}" if name == "comment.txt" else MINE)
    assert sorted(load(tmp_path, ".").synthesis.prompts) == ["comment", "response"]
    assert load(tmp_path, {}).synthesis.prompts == {}


def test_a_text_may_stand_in_the_configuration_itself(tmp_path: Path) -> None:
    assert load(tmp_path, {"response": MINE}).synthesis.prompts == {"response": MINE}


def test_a_resolved_configuration_no_longer_needs_the_files(tmp_path: Path) -> None:
    file = tmp_path / "short.txt"
    file.write_text(MINE)
    config = load(tmp_path, {"response": "short.txt"})
    file.unlink()
    again = tmp_path / "again.json"
    again.write_text(json.dumps(resolved(config)))
    assert load_config(again) == config


def test_an_override_is_relative_to_here_and_leaves_the_other_prompts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "other.txt").write_text("[user]\nOther: {{instruction}}")
    monkeypatch.chdir(here)
    config = load(tmp_path, {"response": MINE}, **{"prompts.summary": "other.txt"})
    assert config.synthesis.prompts == {"response": MINE, "summary": "[user]\nOther: {{instruction}}"}


def refusal(folder: Path, prompts: object) -> str:
    with pytest.raises(ConfigError) as refused:
        load(folder, prompts)
    return str(refused.value)


def test_what_is_wrong_with_files_is_told_at_once_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("[system]\n\n{{wrods}}\n[user]\n{{instruction}}")
    (tmp_path / "b.txt").write_text("[user]\nGo.")
    said = refusal(tmp_path, {"response": "a.txt", "summary": "b.txt", "sumary": "b.txt"}).splitlines()
    assert said[0].startswith(f"{tmp_path}/a.txt, line 3: nothing gives {{{{wrods}}}} here; there are: {{{{in_language")
    assert said[1] == f"{tmp_path}/b.txt: it must have {{{{instruction}}}} in a section that is no example."
    assert said[2] == f"{tmp_path}/b.txt: there is no prompt `sumary`; did you mean `summary`?"


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ({"response": "gone.txt"}, r"gone.txt: the prompt cannot be read \(No such file"),
        ("gone", r"gone: the prompts cannot be read \(No such file"),
        ({"response": "a\0b"}, "cannot be read"),
        ({"response": 7}, "`prompts.response`: must be text, but is 7"),
        ({"response": None}, "`prompts.response`: must be text"),
        ({"response": ""}, "`prompts`: `response`: The prompt `response` must end with a"),
        (7, "`prompts`: must be a block of keys"),
        ({"response": "[user]\n{{x}} {{instruction}}"}, "`prompts`: `response`: line 2: nothing gives {{x}} here"),
        ({"respons": MINE}, "did you mean `response`?"),
    ],
)
def test_prompts_that_cannot_be_used_are_refused_in_words(tmp_path: Path, prompts: object, said: str) -> None:
    import re

    found = refusal(tmp_path, prompts)
    assert re.search(said, found) or said in found


@pytest.mark.parametrize(("content", "said"), [(b"\xff\xfe", "not UTF-8"), (b"x" * 70_000, "larger than 64 kB")])
def test_a_file_that_is_no_prompt_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert said in refusal(tmp_path, {"response": "a.txt"})
