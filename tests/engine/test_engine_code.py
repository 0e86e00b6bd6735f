"""The verifier `code` in whole runs: models are fake, the sandbox is not."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, make_config

from gra.calls import Reply, Request
from gra.config.load import resolved_config
from gra.engine.replay import replay
from gra.engine.run import synthesise
from gra.errors import ConfigError
from gra.programs import SANDBOX
from gra.records import Sample, Status
from gra.report.survey import report_on
from gra.sandbox import Sandbox
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.testing.fake_answers import FakeModel, digest
from gra.testing.fake_server import FakeServer

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def instruction(n: int) -> str:
    return f"Write a Python function times_{n}(x) that gives {n} times x.\n>>> times_{n}(2)\n{2 * n}"


def program(n: int, factor: int) -> str:
    return f"```python\ndef times_{n}(x):\n    return x * {factor}\n```"


def respond(body: dict[str, Any]) -> str | None:
    """An instruction; a program for it, one in two wrong; tests, most of them right."""
    if "response_format" in body or "json_schema" in body:
        return None
    last = body["messages"][-1]["content"]
    draw = random.Random(digest(body))
    if "Write 5 tests of it" in last:
        n = int(last.split("def times_")[1].split("(")[0])
        claims = {1: n, 10: 10 * n, 0: draw.choice((0, 1))}
        return "\n".join(f"assert times_{n}({x}) == {y}" for x, y in claims.items())
    if last.startswith("Write a Python function times_"):
        n = int(last.split("times_")[1].split("(")[0])
        return program(n, draw.choice((n, n + 1)))
    return instruction(draw.randrange(100, 1000))


def judge(body: dict[str, Any]) -> float:
    """P(yes): whether it looks as it should, with doubts."""
    matter = body["messages"][-1]["content"].split("Question:")[0]
    numbers = set(re.findall(r"times_(\d+)|x \* (\d+)", matter))
    answered = matter.count("return x * ") == ("Answer:" in matter)
    whole = answered and len({one or other for one, other in numbers}) == 1 and "gives" in matter
    return min(0.98, max(0.02, random.Random(matter).gauss(0.75 if whole else 0.3, 0.1)))


def right(sample: Sample, version: int) -> bool:
    n = int(sample.instruction.split("times_")[1].split("(")[0])
    return sample.versions[version].response == program(n, n)


async def run(folder: Path, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    seeds = [{"instruction": instruction(n), "output": program(n, n)} for n in range(11, 23)]
    (folder / "seeds.json").write_text(json.dumps(seeds))
    async with FakeServer([FakeModel(n, judge=judge, respond=respond) for n in NAMES]) as server:
        plain: dict[str, Any] = {
            "verifiers": [{"type": "code", "models": ["ada", "bob"]}],
            "target": 3,
            "rounds": 1,
            "max_revisions": 0,
            "dedup_below": 1.0,
            "opinions": "always",
            "engine": {"concurrency": 2},
        }
        await synthesise(make_config(folder, server.base_url, **{**plain, **changes}), folder / "run")


class Counted:
    """Programs that were run in the sandbox."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs: list[str] = []
        complete = Sandbox.complete

        async def counting(sandbox: Sandbox, request: Request, *, urgency: int = 0) -> Reply:
            if "escaped" not in request.messages[0].content:  # that is the probe
                self.programs.append(request.messages[0].content)
            return await complete(sandbox, request, urgency=urgency)

        monkeypatch.setattr(Sandbox, "complete", counting)


@needs_bwrap
async def test_code_is_run_once_and_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sits the exam and decides; a run goes on without running anything again, and is replayed without a sandbox."""
    counted = Counted(monkeypatch)
    await run(tmp_path, budget={"calls": 120})
    before = [*counted.programs]
    with Reader(open_run(tmp_path / "run")) as reader:
        assert before and report_on(reader).accepted < 3, "it was stopped in the middle"
        calls = [call for id in ids(reader) for call in reader.calls_of(id)]
        stored = {call.request.messages[0].content for call in calls if call.request.model == SANDBOX}
        assert set(before) == stored, "whatever was run is in the ledger"
    counted.programs.clear()
    await run(tmp_path, budget={"candidates_per_accepted": 10})
    assert not set(before) & set(counted.programs), "nothing is run again"

    with Reader(open_run(tmp_path / "run")) as reader:
        samples, exam, report = list(reader.iter_samples()), reader.fact("exam"), report_on(reader)
    (standing,) = (row for row in exam if row["model"] == "@code")
    assert standing["auc"] > 0.9 and standing["weight"] > 0
    judged = [s for s in samples if s.versions and s.versions[0].verdict and s.status != "surplus"]
    assert {right(sample, 0) for sample in judged} == {True, False}
    for sample in judged:
        (opinion,) = (o for o in sample.versions[0].opinions if o.model == "@code")
        assert (opinion.reading, opinion.usable) == ("evidence", True)
        assert (opinion.comment == "") == right(sample, 0) or "should be" in opinion.comment
    assert report.accepted == 3
    assert all(right(sample, 0) for sample in samples if sample.status == "accepted")
    assert SANDBOX not in report.totals.by_model() and (SANDBOX, "exam") in report.totals.cells
    assert not report.energy.unknown or SANDBOX not in report.energy.unknown

    monkeypatch.setenv("PATH", str(tmp_path))
    counted.programs.clear()
    original = open_run(tmp_path / "run")
    await replay(original, resolved_config(original.document["config"], "run.json"), tmp_path / "again")
    with Reader(open_run(tmp_path / "again")) as reader:
        assert reader.fact("exam") == exam
        again = {sample.id: sample for sample in reader.iter_samples()}
    assert again and all(again[s.id] == s for s in samples if s.id in again)
    assert counted.programs == []


def ids(reader: Reader) -> list[str]:
    """Of everything that calls belong to."""
    return [row[0] for row in reader._rows("SELECT DISTINCT sample FROM calls")]


@needs_bwrap
async def test_processes_that_share_a_run_share_its_sandbox(tmp_path: Path) -> None:
    await run(tmp_path, engine={"processes": 2}, target=1)
    with Reader(open_run(tmp_path / "run")) as reader:
        (sample,) = reader.iter_samples(Status.ACCEPTED)
        steps = {call.call.step for call in reader.calls_of(sample.id) if call.request.model == SANDBOX}
    assert right(sample, 0)
    assert steps == {"v0.review.response.@code.run"}


async def test_where_there_is_no_sandbox_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no `bwrap` here"):
        await run(tmp_path / "one")
    assert report(tmp_path / "one") == 0
    with pytest.raises(ConfigError, match="`code` names `zoe`, which does not take part"):
        monkeypatch.undo()
        if shutil.which("bwrap") is None:
            pytest.skip("bubblewrap is not installed")
        await run(tmp_path / "two", verifiers=[{"type": "code", "models": ["zoe"]}])


def report(folder: Path) -> int:
    with Reader(open_run(folder / "run")) as reader:
        return reader.totals().all.calls
