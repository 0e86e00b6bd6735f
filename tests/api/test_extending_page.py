"""Every part of docs/extending.md, as it stands there, in a run of its own; and what becomes of code that is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_builders import NAMES, plain_config

import gra
from gra.errors import ConfigError, EndpointError, StoreError
from gra.testing.fake_answers import FakeModel, digest
from gra.testing.served import served

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
PROGRAM = (sys.executable, "-c", "import sys; from gra.cli.app import main; sys.argv[0] = 'gra'; main()")
FENCE = re.compile(r"^```(\w+)\n(?:# ([\w./]+)\n)?(.*?)^```", re.MULTILINE | re.DOTALL)
FILES = {name: text for language, name, text in FENCE.findall(PAGE) if name}
SETTINGS = [yaml.safe_load(text) for language, _, text in FENCE.findall(PAGE) if language == "yaml"]


def setting(key: str) -> Any:
    """What the page says to write under a key."""
    return next(block[key] for block in SETTINGS if key in block)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's files, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def models() -> list[FakeModel]:
    """Models with opinions of their own, who write a link now and then."""
    return [FakeModel(name, leniency=2 + n / 2, respond=linked) for n, name in enumerate(NAMES, 1)]


def linked(body: dict[str, Any]) -> str | None:
    number = int(digest(body)[:8], 16)
    return f"See http://example.org/{number}." if "response_format" not in body and number % 3 == 0 else None


def made(tmp_path: Path, **changes: Any) -> gra.Run:
    """A run with these changes of the configuration, which lies in the current folder as a file."""
    with served(models()) as server:
        plain = plain_config(tmp_path, server.base_url, **changes)
        Path("mine.yaml").write_text(yaml.safe_dump(plain))
        return gra.run("mine.yaml", tmp_path / "out", progress=False)


def test_the_page_has_an_example_of_every_part() -> None:
    assert {key for block in SETTINGS for key in block} == {
        "gate",
        "reading",
        "verifiers",
        "casting",
        "models",
        "postprocess",
        "prompts",
    }
    assert len(FILES) == 8


def test_a_gate(tmp_path: Path) -> None:
    with made(tmp_path, gate=setting("gate")) as run:
        reasons = [sample.reason for sample in run.samples()]
        assert run.complete
    assert any(re.fullmatch(r"\w+ says \d+\.\d, the bar is 2.5", reason) for reason in reasons)


def test_a_reading(tmp_path: Path) -> None:
    with made(tmp_path, reading=setting("reading")) as run:
        opinions = [o for sample in run for o in (*sample.opinions, *sample.versions[0].opinions)]
        assert run.complete
    opinions = [o for o in opinions if not o.failure]  # the fake's digits go up to 9
    assert {tuple(o.scores) for o in opinions} == {("stars",)}
    assert all(0 <= o.scores["stars"] <= 1 and o.reading == "probability" for o in opinions)


def write_ends() -> None:
    """A reading that can tell a text from a broken one."""
    Path("ends.py").write_text(
        "import re\n"
        "from gra.extend import Opinion\n"
        "BAD = ('sorry', 'Thank', 'Das', 'bonne', 'Es una', ' not ')\n"
        "class Ends:\n"
        "    kind = 'probability'\n"
        "    def __init__(self, config): pass\n"
        "    async def read(self, ask, model, matter, call):\n"
        "        text = matter.response or matter.instruction\n"
        "        numbers = set(re.findall(r'\\d+', matter.instruction + matter.response))\n"
        "        bad = len(numbers) > 1 or any(word in text for word in BAD)\n"
        "        p = 0.9 if text.endswith('.') and not bad else 0.1\n"
        "        return Opinion(model, matter.stage, self.kind, {'ends': p})\n"
    )


def test_a_reading_of_ones_own_sits_the_exam(tmp_path: Path) -> None:
    write_ends()
    with made(tmp_path, reading={"use": "ends.py:Ends"}, gate={"type": "seeds", "exam": 8}, target=1) as run:
        examined = run.report().exam
    assert {row["model"] for row in examined} == {*NAMES, "@relevance"}


def test_a_verifier(tmp_path: Path) -> None:
    write_ends()
    exam = {"reading": {"use": "ends.py:Ends"}, "gate": {"type": "seeds", "exam": 8}}
    with made(tmp_path, verifiers=setting("verifiers"), target=1, **exam) as run:
        examined = {(row["model"], row["stage"]) for row in run.report().exam}
        opinions = [o for sample in run.samples() for version in sample.versions for o in version.opinions]
    assert {("@relevance", "response"), ("@echo", "response")} <= examined
    assert not {("@relevance", "instruction"), ("@echo", "instruction")} & examined
    said = [o for o in opinions if o.model == "@echo"]
    assert said and all(o.reading == "evidence" for o in said)


FINDINGS = {
    "None": "must return a `Finding` or, in words, why not; it gave nothing",
    "0.5": "it gave a float",
    "Finding(float('nan'))": "found nan, which is no finite number",
    "Finding('high')": "found 'high', which is no finite number",
    "Finding(1.0, comment=None)": "must return a `Finding`",
}


@pytest.mark.parametrize("found", FINDINGS)
def test_a_verifier_that_finds_no_number_is_refused(tmp_path: Path, found: str) -> None:
    Path("wrong.py").write_text(
        "from gra.extend import Finding\n"
        "class Mine:\n"
        "    def __init__(self, config): pass\n"
        f"    async def verify(self, ask, matter, call): return {found}\n"
    )
    with pytest.raises(ConfigError, match=re.escape(FINDINGS[found])):
        made(tmp_path, verifiers=[{"use": "wrong.py:Mine"}], gate={"type": "seeds", "exam": 8})


def test_a_casting_policy(tmp_path: Path) -> None:
    with made(tmp_path, casting=setting("casting")) as run:
        casts = [sample.cast for sample in run.samples()]
    assert {cast.generator for cast in casts} == {"one"}
    assert len({cast.reviewers for cast in casts}) > 1 and all("one" not in cast.reviewers for cast in casts)


def test_a_backend(tmp_path: Path) -> None:
    with served(models()) as server:
        plain = plain_config(tmp_path, server.base_url)
        # One of the four others may still adjudicate, so the rule is on some committees.
        run = gra.run({**plain, "models": plain["models"] + setting("models")}, tmp_path / "out", progress=False)
        asked = {body["model"] for body in server.bodies if "model" in body}
    with run:
        opinions = [
            o for sample in run.samples() for o in (*sample.opinions, *(o for v in sample.versions for o in v.opinions))
        ]
        total = run.report().totals.by_model()["brevity"]
        identity = run.folder.joinpath("run.json").read_text()
        assert run.complete
    assert "brevity" in {o.model for o in opinions if o.scores} and "brevity" not in asked
    assert total.calls and total.prompt_tokens
    assert '"brevity": "plugin:sha256:' in identity


def test_an_embedding_backend(tmp_path: Path) -> None:
    Path("vectors.py").write_text(
        "class Letters:\n"
        "    def __init__(self, config): pass\n"
        "    async def embed(self, texts):\n"
        "        return [[1.0 + t.count(c) for c in 'abcdefghijklmnopqrstuvwxyz'] for t in texts]\n"
    )
    changes = {"embeddings": {"backend": {"use": "vectors.py:Letters"}}, "dedup_below": 1.0}
    with made(tmp_path, **changes) as run:
        assert run.complete and all(sample.similarity is not None for sample in run)


def test_a_post_processor(tmp_path: Path) -> None:
    with made(tmp_path, postprocess=setting("postprocess"), target=4) as run:
        filtered = list(run.samples("filtered"))
        kept = list(run)
        rows = [json.loads(line) for line in run.export(metadata=True).read_text().splitlines()]
        run.export("parquet")
        funnel = run.report().funnel
    assert len(kept) == 4 and all("http" not in sample.response for sample in kept)
    assert filtered and all(sample.reason == "1 links in the response, 0 allowed" for sample in filtered)
    assert [row["metadata"]["notes"] for row in rows] == [{"words": len(s.response.split())} for s in kept]
    assert sum(step.left.get("filtered", 0) for step in funnel.steps()) == len(filtered)


def test_an_exporter(tmp_path: Path) -> None:
    with made(tmp_path) as run:
        path = run.export("chatml.py:write_chatml", "my.chatml")
        with pytest.raises(ConfigError, match="name the file to write"):
            run.export("chatml.py:write_chatml")
        count = len(run)
    assert path.read_text().count("<|im_start|>assistant") == count
    command = next(text for language, _, text in FENCE.findall(PAGE) if language == "sh").strip()
    done = subprocess.run(
        [*PROGRAM, *command.replace("runs/my", str(tmp_path / "out")).split()[1:]],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and f"{count} accepted samples in my.chatml" in done.stdout, done.stderr


def test_a_prompt_set(tmp_path: Path) -> None:
    with served(models()) as server:
        run = gra.run(
            plain_config(tmp_path, server.base_url, prompts=setting("prompts")), tmp_path / "out", progress=False
        )
        said = [body["messages"][0]["content"] for body in server.bodies if "messages" in body]
    run.close()
    assert any(text.startswith("Answer in plain words that a child understands") for text in said)


# --- identity ---------------------------------------------------------------------------------------------------------


def test_edited_code_is_another_run_and_its_place_is_not(tmp_path: Path) -> None:
    with made(tmp_path, gate=setting("gate")):
        pass
    Path("elsewhere").mkdir()
    Path("elsewhere/strict.py").write_text(FILES["strict.py"])
    plain = yaml.safe_load(Path("mine.yaml").read_text())
    moved = {**plain, "gate": {**plain["gate"], "use": "elsewhere/strict.py:Strictest"}}
    with gra.run(moved, tmp_path / "out", progress=False) as again:
        assert again.complete
    Path("elsewhere/strict.py").write_text(FILES["strict.py"] + "\n# an edit\n")
    with pytest.raises(StoreError, match="other plugins than there are now"):
        gra.run(moved, tmp_path / "out", progress=False)


def test_a_package_that_fails_is_told_by_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("broken_package").mkdir()
    Path("broken_package/__init__.py").write_text("raise RuntimeError('no licence found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    own = {"name": "own", "backend": {"use": "broken_package.model:Mine"}}
    with pytest.raises(ConfigError, match="cannot be found: RuntimeError: no licence found"):
        made(tmp_path, models=[own, *plain_config(tmp_path)["models"]])
    with pytest.raises(ConfigError, match="there is no module `no_such_module`"):
        made(tmp_path, models=[{**own, "backend": {"use": "no_such_module:Mine"}}, *plain_config(tmp_path)["models"]])


def test_other_options_are_another_run(tmp_path: Path) -> None:
    with made(tmp_path, gate=setting("gate")):
        pass
    plain = yaml.safe_load(Path("mine.yaml").read_text())
    with pytest.raises(StoreError, match=r"what differs: gate.options.bar"):
        gra.run({**plain, "gate": {**plain["gate"], "options": {"bar": 3}}}, tmp_path / "out", progress=False)


def test_looking_at_a_run_runs_none_of_its_code(tmp_path: Path) -> None:
    with made(tmp_path, gate=setting("gate"), postprocess=setting("postprocess")):
        pass
    for name in ("strict.py", "tidy.py"):
        Path(name).write_text("raise SystemExit('this ran')")
    with gra.load(tmp_path / "out") as run:
        assert run.report() and run.export() and list(run)


# --- code that is wrong -----------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[str, str]] = {
    "no such file": ("", "the code cannot be read (No such file or directory)"),
    "no Python": ("def (", "cannot be loaded: SyntaxError: invalid syntax"),
    "fails": ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero (wrong.py, line 1)"),
    "other name": ("class Other: pass", "there is no `Mine` in"),
    "no options": ("class Mine:\n    def __init__(self, config): pass", "cannot be made: TypeError"),
    "no gate": ("def Mine(config, a): return 7", "makes a int without `judge`, `rule`, `mendable`"),
    "ends the program": ("raise SystemExit(0)", "cannot be loaded: SystemExit: 0"),
    "ends the program when made": ("import sys\nMine = lambda config, a: sys.exit()", "cannot be made: SystemExit"),
    "no able": (
        "class Mine:\n"
        "    able = 7\n"
        "    def __init__(self, config, a): pass\n"
        "    def judge(self, stage, opinions): pass\n"
        "    rule = mendable = judge",
        "its `able` must say, by stage",
    ),
    "no verdict": (
        "class Mine:\n"
        "    def __init__(self, config, a): pass\n"
        "    def judge(self, stage, opinions): return True\n"
        "    rule = mendable = judge",
        "`judge` must return a `Verdict`, and gave bool",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_code_that_is_wrong_is_told_with_its_place(tmp_path: Path, case: str) -> None:
    text, said = WRONG[case]
    if text:
        Path("wrong.py").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(said)):
        made(tmp_path, gate={"use": "wrong.py:Mine", "options": {"a": 1}})


VERDICTS = {
    "'maybe', 5.0, 0.0, ''": "'maybe' is no `outcome`",
    "'accept', None, 0.0, ''": "None is no finite number, as the `score`",
    "'accept', float('nan'), 0.0, ''": "nan is no finite number, as the `score`",
    "'accept', '9', 0.0, ''": "'9' is no finite number",
    "'accept', 9, 0.0, '', None": "a NoneType cannot be the `weights`",
    "'dispute', 9, 0.0, ''": "only a response can be disputed",
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_verdict_that_is_none_is_refused(tmp_path: Path, verdict: str) -> None:
    Path("wrong.py").write_text(
        "from gra.extend import Verdict\n"
        "class Mine:\n"
        "    def __init__(self, config): pass\n"
        f"    def judge(self, stage, opinions): return Verdict({verdict})\n"
        "    rule = mendable = judge\n"
    )
    with pytest.raises(ConfigError, match=re.escape(VERDICTS[verdict])):
        made(tmp_path, gate={"use": "wrong.py:Mine"})


READINGS = {
    "None": "`read` must return an `Opinion`, and gave NoneType",
    "Opinion(model, matter.stage, 'probability')": "without scores, and no `failure`",
    "Opinion(model, matter.stage, 'probability', {'a': 8})": "`read` scores a with 8; a score is from 0 to 1",
    "Opinion(model, matter.stage, 'written', {'a': 1})": "of another model, stage or reading",
    "Opinion('x', matter.stage, 'probability', {'a': 1})": "of another model, stage or reading",
}


@pytest.mark.parametrize("opinion", READINGS)
def test_an_opinion_off_its_scale_is_refused(tmp_path: Path, opinion: str) -> None:
    Path("wrong.py").write_text(
        "from gra.extend import Opinion\n"
        "class Mine:\n"
        "    kind = 'probability'\n"
        "    def __init__(self, config): pass\n"
        f"    async def read(self, ask, model, matter, call): return {opinion}\n"
    )
    with pytest.raises(ConfigError, match=re.escape(READINGS[opinion])):
        made(tmp_path, reading={"use": "wrong.py:Mine"})


@pytest.mark.parametrize(
    ("changes", "reviewers", "judged"),
    [
        ({"review": "one"}, 1, True),
        ({"review": "none"}, 0, False),
        ({"adjudication": "majority"}, 2, False),
        ({}, 2, True),
    ],
)
def test_a_cast_is_cut_to_what_the_configuration_asks_for(
    tmp_path: Path, changes: dict[str, Any], reviewers: int, judged: bool
) -> None:
    with made(tmp_path, casting=setting("casting"), target=1, **changes) as run:
        casts = [sample.cast for sample in run.samples()]
    assert {(len(cast.reviewers), bool(cast.adjudicator)) for cast in casts} == {(reviewers, judged)}


def test_wrong_options_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    wrong = {"casting": {**setting("casting"), "options": {"writers": ["one"], "x": 1}}}
    with served(models()) as server:
        Path("mine.yaml").write_text(yaml.safe_dump(plain_config(tmp_path, server.base_url, **wrong)))
        with pytest.raises(ConfigError, match="unexpected keyword argument 'x'"):
            gra.run("mine.yaml", tmp_path / "out", progress=False)
        assert not server.requests


def test_an_exporter_that_fails_is_named(tmp_path: Path) -> None:
    Path("wrong.py").write_text("def fails(path, rows, with_metadata): return 1 / 0\ndef silent(*a): pass\n")
    with made(tmp_path) as run:
        with pytest.raises(ConfigError, match="failed: ZeroDivisionError"):
            run.export("wrong.py:fails", "x")
        with pytest.raises(ConfigError, match="must say how many rows"):
            run.export("wrong.py:silent", "x")


def test_code_that_is_not_there_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with served(models()) as server:
        plain = plain_config(tmp_path, server.base_url, postprocess=[{"use": "tidy.py:Nothing"}])
        Path("mine.yaml").write_text(yaml.safe_dump(plain))
        with pytest.raises(ConfigError, match="there is no `Nothing`"):
            gra.run("mine.yaml", tmp_path / "out", progress=False)
        assert not server.requests
        done = subprocess.run([*PROGRAM, "check", "mine.yaml"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "there is no `Nothing`" in " ".join((done.stdout + done.stderr).split())
    assert not (tmp_path / "out").exists()


CASTS = {
    "Cast('nobody', ('one',), 'two')": "casts `nobody`, which is none of the `models`",
    "Cast('one', (), 'two')": "casts no Reviewer",
    "Cast('one', ('two', 'two'), 'judge')": "casts one Reviewer twice",
    "Cast('one', ('two',), None)": "casts `None`, which is none of the `models`",
    "Cast('one', ('two',), '')": "casts no Adjudicator",
    "None": "`draw` must return a `Cast`, and gave NoneType",
}


@pytest.mark.parametrize("cast", CASTS)
def test_a_cast_that_cannot_play_is_refused(tmp_path: Path, cast: str) -> None:
    Path("wrong.py").write_text(
        f"from gra.extend import Cast\n"
        f"class Mine:\n"
        f"    def __init__(self, config, able): pass\n"
        f"    def draw(self, rng, generator=None): return {cast}\n"
    )
    with pytest.raises(ConfigError, match=CASTS[cast]):
        made(tmp_path, casting={"use": "wrong.py:Mine"})


PROCESSORS = {
    "None": "must return a `Sample`, and gave NoneType",
    "replace(sample, notes={'a': object()})": "its `notes` cannot be stored",
    "replace(sample, keywords=('other',))": "changed the sample r01-",
    "replace(sample, status=Status.FAILED)": "must let a sample pass or drop it",
}


@pytest.mark.parametrize("result", PROCESSORS)
def test_a_post_processor_cannot_change_what_was_reviewed(tmp_path: Path, result: str) -> None:
    Path("wrong.py").write_text(
        "from dataclasses import replace\n"
        "from gra import Status\n"
        "def Mine(config):\n"
        f"    return lambda sample: {result}\n"
    )
    with pytest.raises(ConfigError, match=PROCESSORS[result]):
        made(tmp_path, postprocess=[{"use": "wrong.py:Mine"}])


BACKENDS = {
    "raise RuntimeError('out of memory')": "failed: RuntimeError: out of memory",
    "return 'text'": "gave no `Reply` but a str",
    "return Reply('text')": "gave no probability for each of the `labels`, from 0 to 1",
    "return Reply('', labels={x: 7 for x in request.labels})": "gave no probability for each of the `labels`",
    "return Reply('', labels={x: float('nan') for x in request.labels})": "gave no probability for each",
    "return Reply('', labels=dict.fromkeys(request.labels, 0.5), usage=None)": "its `usage` is a NoneType",
    "raise asyncio.CancelledError": "failed: CancelledError",
}


@pytest.mark.parametrize("body", BACKENDS)
def test_a_backend_that_fails_stops_the_run_like_a_server_that_does(tmp_path: Path, body: str) -> None:
    Path("wrong.py").write_text(
        textwrap.dedent(f"""
        import asyncio
        from gra.extend import Reply
        class Mine:
            label_probabilities = True
            def __init__(self, config): pass
            async def complete(self, request): {body}
        """)
    )
    judges = [{"name": f"own-{n}", "backend": {"use": "wrong.py:Mine"}, "roles": ["reviewer"]} for n in range(2)]
    with served(models()) as server:
        plain = plain_config(tmp_path, server.base_url)
        for model in plain["models"]:
            model["roles"] = ["generator", "adjudicator"]
        with pytest.raises(EndpointError, match=re.escape(BACKENDS[body])):
            gra.run({**plain, "models": plain["models"] + judges}, tmp_path / "out", progress=False)
    with gra.load(tmp_path / "out") as run:
        assert not {"own-0", "own-1"} & run.report().totals.by_model().keys()
        assert "failed" in {sample.status for sample in run.samples()} <= {"failed", "unusable"}
        accounts = run.report().servers
    assert sum(accounts[f"the backend of own-{n}"]["faults"].get("failed code", 0) for n in range(2)) >= 5


def test_one_source_for_a_model(tmp_path: Path) -> None:
    twice = [{"name": "a", "base_url": "http://127.0.0.1:9/v1", "backend": {"use": "a.py:A"}}]
    with pytest.raises(ConfigError, match="give one of `catalogue`"):
        made(tmp_path, models=twice)
    with pytest.raises(ConfigError, match=r"`gate.use`: must be `FILE.py:NAME`"):
        made(tmp_path, gate={"use": "strict.py"})
    with pytest.raises(ConfigError, match="`reading`: must be 'auto', 'written' or 'probability'"):
        made(tmp_path, reading="wirtten")
    with pytest.raises(ConfigError, match=r"`reading\.use`: missing"):
        made(tmp_path, reading={"options": {}})
