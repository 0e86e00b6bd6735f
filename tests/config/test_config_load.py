from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gra.config.fingerprint import resolved
from gra.config.load import PRESETS, RunConfig, load_config
from gra.config.synthesis import PaperGate, SeedsGate
from gra.config.taxonomy import PAPER_DOMAINS
from gra.errors import ConfigError

SMALL = "seeds: s.json\ntarget: 10\nmodels: [a, b, c, d]\n"


def written(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def seeds_of(config: RunConfig) -> Path:
    assert config.synthesis.seeds
    return config.synthesis.seeds.path


def problems(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(written(folder, text))
    message = str(caught.value)
    assert "pydantic" not in message.lower()
    assert "http" not in message
    return message


def test_three_keys_make_a_configuration(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, SMALL))
    assert config.synthesis.target == 10
    assert config.synthesis.gate == SeedsGate()
    assert config.engine.concurrency == 64


def test_short_forms_are_written_out_and_paths_belong_to_the_file(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, SMALL))
    assert seeds_of(config) == tmp_path / "s.json"
    assert [(m.name, m.catalogue) for m in config.synthesis.models][:2] == [("a", "a"), ("b", "b")]


def test_a_path_may_be_given_relative_to_home_or_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    home = load_config(written(tmp_path, SMALL.replace("s.json", "~/s.json")))
    assert seeds_of(home) == Path("/home/someone/s.json")
    above = load_config(written(tmp_path, SMALL.replace("s.json", "../s.json")))
    assert seeds_of(above) == tmp_path.parent / "s.json"


def test_overrides_win_nested_or_dotted_and_their_paths_are_relative_to_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, SMALL + "gate: {type: paper, tau: 7}\n")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    config = load_config(path, {"gate.sigma_max": 2, "engine": {"retries": 1}, "target": 3, "seeds": "mine.json"})
    assert config.synthesis.gate == PaperGate(tau=7, sigma_max=2)
    assert (config.engine.retries, config.synthesis.target) == (1, 3)
    assert seeds_of(config) == here / "mine.json"


def test_a_problem_of_an_override_is_not_put_on_a_line_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?m)^  `target`: must be at least 1, but is 0"):
        load_config(written(tmp_path, SMALL), {"target": 0})


def test_the_paper_preset_says_what_the_paper_says(tmp_path: Path) -> None:
    assert PRESETS == ("paper",)
    config = load_config(written(tmp_path, "preset: paper\nseeds: s.json\n")).synthesis
    assert (config.target, config.rounds, config.reviewers, config.max_revisions) == (50_000, 5, 3, 0)
    assert config.gate == PaperGate(tau=8.0, sigma_max=1.5)
    assert (config.dedup_below, config.examples) == (0.9, (2, 4))
    assert (config.reading, config.opinions, config.comments) == ("written", "always", "always")
    for sampling in (config.generation, config.judging):
        assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.2, 0.9, 4096)
    assert config.domains == PAPER_DOMAINS
    assert config.embeddings.catalogue == "all-minilm-l6-v2"
    assert [model.base_url for model in config.models] == [f"http://localhost:800{n}/v1" for n in range(1, 6)]


def test_the_users_keys_win_over_the_preset_block_by_block(tmp_path: Path) -> None:
    text = "preset: paper\nseeds: s.json\nreviewers: 1\ngate: {tau: 7}\nmodels: [a, b, c]\n"
    config = load_config(written(tmp_path, text)).synthesis
    assert config.gate == PaperGate(tau=7, sigma_max=1.5)
    assert [model.name for model in config.models] == ["a", "b", "c"]


def test_another_gate_or_another_source_replaces_the_presets_block(tmp_path: Path) -> None:
    text = "preset: paper\nseeds: s.json\ngate: {type: seeds, exam: 8}\nembeddings: {base_url: 'http://e'}\n"
    config = load_config(written(tmp_path, text)).synthesis
    assert config.gate == SeedsGate(exam=8)
    assert (config.embeddings.catalogue, config.embeddings.base_url) == (None, "http://e")


def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    message = problems(
        tmp_path,
        "seeds: s.json\ntargte: 5\ntarget: yes\ngate: {type: papper}\ndedup_below: '0.9'\n"
        "models:\n  - a\n  - {name: b, catalogue: b, roles: [judge]}\nengine: {local: {threads: 0}}\ntau: 3\n",
    )
    assert message.startswith(f"{tmp_path / 'run.yaml'}: the configuration has 7 problems:")
    for expected in (
        "line 2, `targte`: unknown key; did you mean `target`?",
        "line 3, `target`: must be a whole number, but is true",
        "line 4, `gate.type`: must be one of 'paper', 'seeds', 'calibrated', 'plugin'; did you mean 'paper'?",
        'line 5, `dedup_below`: must be a number, but is "0.9"',
        "line 8, entry 2 of `models`, entry 1 of `roles`: must be 'generator', 'reviewer' or 'adjudicator'",
        "line 9, `engine.local.threads`: must be at least 1, but is 0",
        "line 10, `tau`: unknown key here; it belongs in `gate`",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("gate: {tau: 8}", "`gate.tau`: unknown key; known here: type, exam"),
        ("gate: {type: sedes}", "`gate.type`: must be one of"),
        (
            "casting: {policy: singel}",
            "`casting.policy`: must be one of 'random', 'adaptive', 'fixed', 'single', 'plugin'; did you mean 'singl",
        ),
        ("casting: {policy: single}", "`casting.model`: missing. Name of a model of the pool"),
        ("casting: {policy: single, model: z}", "`casting`: `z` is none of the `models`"),
        ("casting: {model: a}", "`casting.model`: unknown key; known here: policy"),
        ("casting: single", "`casting`: must be a block of keys"),
        ("review: all", "`review`: must be 'committee', 'one' or 'none', but is \"all\""),
        ("gate:", "`gate`: must be a block of keys, but has no value"),
        ("examples: [2]", "entry 2 of `examples`: one value too few"),
        ("examples: [4, 2]", "1 <= least <= most <= 8"),
        ("rounds: 1.5", "`rounds`: must be a whole number, but is 1.5"),
        ("dedup_below: .nan", "`dedup_below`: must be"),
        ("preset: papr", '`preset`: there is no preset "papr"; there is: paper'),
        ("engine: 3", "`engine`: must be a block of keys, but is 3"),
        ("embeddings: {catalogue: a, model: b}", "belong to a `base_url`"),
        ("embeddings: {base_url: 'http://host/v1?key=s3cret'}", "`base_url` must end before its `?`"),
        ("domains: [{name: 7, description: x}]", "must be text, but is 7; put it in quotes"),
        ("domains: [{name: a, domains: [{name: b}]}]", "the domain `b` needs a `description`"),
        ("domains: [{name: a, description: x, share: 0}]", "no sample could be about a"),
        ("documents: {path: d, chunk: 9}", "`documents.chunk`: must be at least 200, but is 9"),
        ("budget: {call: 7}", "`budget.call`: unknown key; did you mean `calls`?"),
    ],
)
def test_each_problem_is_said_in_words(tmp_path: Path, change: str, expected: str) -> None:
    assert expected in problems(tmp_path, SMALL + change + "\n")


def test_missing_keys_are_named_with_what_they_are_for(tmp_path: Path) -> None:
    message = problems(tmp_path, "rounds: 2\n")
    assert "`target`: missing. Samples to accept, over all rounds" in message
    assert "`models`: missing. One member of the pool" in message


def test_a_key_put_where_its_variable_belongs_is_refused_and_not_repeated(tmp_path: Path) -> None:
    message = problems(tmp_path, SMALL + "embeddings: {base_url: 'h', api_key_env: sk-secret-1}\n")
    assert "the name of an environment variable" in message
    assert "sk-secret" not in message


def test_unknown_values_are_not_repeated(tmp_path: Path) -> None:
    assert "sk-secret" not in problems(tmp_path, SMALL + "api_key: sk-secret-1\n")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.yaml")


floats = st.floats(min_value=0, max_value=10)
domains = st.fixed_dictionaries(
    {"name": st.text(min_size=1, max_size=9), "description": st.text("\U0001f600a\n\"'", min_size=1)}
)
configs = st.fixed_dictionaries(
    {
        "seeds": st.just("s.json"),
        "target": st.integers(1, 10**9),
        "models": st.just(["a", "b", {"name": "c", "base_url": "http://x"}, "d"]),
        "gate": st.fixed_dictionaries({"type": st.just("paper"), "tau": floats, "sigma_max": floats}),
        "domains": st.lists(
            st.fixed_dictionaries(
                {"name": st.text(min_size=1, max_size=9), "description": st.text("\U0001f600a\n\"'", min_size=1)},
                optional={"share": st.none() | st.floats(0.1, 9)},
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda domain: domain["name"],
        ),
        "budget": st.fixed_dictionaries({"minutes": st.none() | st.floats(1e-9, 1e9)}),
        "engine": st.fixed_dictionaries({"concurrency": st.integers(1, 65_536)}),
    }
)


@given(plain=configs, ascii_only=st.booleans())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_resolved_configuration_loads_back_equal(tmp_path: Path, plain: dict[str, object], ascii_only: bool) -> None:
    first: RunConfig = load_config(written(tmp_path, json.dumps(plain)))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    again = json.dumps(resolved(first), ensure_ascii=ascii_only)
    assert load_config(written(elsewhere, again, "run.json")) == first


@given(raw=st.binary(max_size=200) | st.text(alphabet="{}[]:-&*!<\"'|> \n\tab1.,#%@`?", max_size=80).map(str.encode))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_file_holds_only_a_config_error_is_raised(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError):
        load_config(path)


def test_verifiers_are_named_or_set_and_follow_the_gate(tmp_path: Path) -> None:
    assert [v.type for v in load_config(written(tmp_path, SMALL)).synthesis.verifiers] == ["relevance"]
    assert load_config(written(tmp_path, SMALL + "gate: {type: paper}\n")).synthesis.verifiers == ()
    assert load_config(written(tmp_path, SMALL + "preset: paper\nreviewers: 2\n")).synthesis.verifiers == ()
    several = SMALL + "verifiers: [constraints, {type: math, samples: 2}, {use: own.py:Own, name: mine}]\n"
    config = load_config(written(tmp_path, several)).synthesis
    assert [v.type for v in config.verifiers] == ["constraints", "math", "plugin"]
    assert config.plugins["verifiers.2"].use == f"{tmp_path}/own.py:Own"
    assert "which the `paper` gate does not set" in problems(
        tmp_path, SMALL + "gate: {type: paper}\nverifiers: [relevance]\n"
    )
    assert "given twice: relevance" in problems(tmp_path, SMALL + "verifiers: [relevance, relevance]\n")


def test_how_questions_are_put_is_said_only_where_an_exam_chooses(tmp_path: Path) -> None:
    forms = "questions: {forms: [plain]}\n"
    assert load_config(written(tmp_path, SMALL + forms)).synthesis.questions.forms == ("plain",)
    assert "`questions` are chosen by an exam" in problems(tmp_path, SMALL + "gate: {type: paper}\n" + forms)
    assert "`questions` are chosen by an exam" in problems(tmp_path, SMALL + "gate: {use: mine.py:Mine}\n" + forms)
    same = load_config(written(tmp_path, SMALL + "gate: {type: paper}\nquestions: {ask: needed}\n"))
    assert load_config(written(tmp_path, json.dumps(resolved(same)))) == same
